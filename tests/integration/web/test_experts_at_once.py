"""Twenty experts at the pages at once, each with a session of their own, on each database.

The minute of it is ``python -m bench.experts``.
"""

import uuid
from pathlib import Path

import pytest

from bench.experts import compete
from tests.peers.postgresql import PostgreSql

SECONDS = 5.0


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.peer)])
def test_twenty_experts_at_once_decide_nothing_twice_and_lose_nothing(
    request: pytest.FixtureRequest, tmp_path: Path, database: str
) -> None:
    url = ""
    if database == "postgresql":
        server: PostgreSql = request.getfixturevalue("postgres")
        url = server.database(f"test_{uuid.uuid4().hex}")
    found = compete(tmp_path, url=url, seconds=SECONDS)
    assert (found.twice, found.lost) == (0, 0)
    assert found.left > 0, "there was something to compete for until the end"
    assert found.decided > 0
    # Else they read otherwise than pages have people read, and the figures are of something else.
    assert found.tally.answers["next study shown"] > 0
    assert found.tally.answers["claim taken"] > 0
    assert not found.tally.answers["second signature taken"]
    assert found.tally.answers["second signature refused (409)"] > 0
