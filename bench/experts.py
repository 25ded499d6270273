"""Twenty experts at once on the worklist's pages for a minute: none decides twice, none is lost.

Each expert has a session over HTTP, in other processes than the pages. They read as the page lets
them (claim the next one, agree, get the next one with the answer) and also as they should not: they
take rows that others are after, decide what they do not hold, and sign twice. What they were told
is then compared with what the database holds.
"""

import argparse
import shutil
import tempfile
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from pwdlib.hashers.argon2 import Argon2Hasher
from rich.console import Console

from bench.expert_sessions import PASSWORD, Tally, read_together
from bench.rows import Row, as_table
from dicom_node.configuration.peers import DatabaseSettings, WebSettings
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.review.review import ReviewState
from dicom_node.domain.user import User, UserRole
from dicom_node.node.clock import utc_now
from dicom_node.node.pages import make_pages
from dicom_node.node.repositories import Repositories
from dicom_node.persistence.review.queue import HotbaseReviewQueue
from dicom_node.persistence.review.rows import finding_row, item_row
from dicom_node.persistence.review.tables import (
    REVIEW_FINDINGS,
    REVIEW_ITEMS,
    REVIEW_READINGS,
)
from dicom_node.web.application import make_application
from dicom_node.web.server import WebServer
from dicom_node.workflow.testing.review_fakes import fake_details
from tests.peers.postgresql import postgresql

SECONDS, EXPERTS = 60.0, 20
_ITEMS_A_SECOND = 200  # more than can be decided
_PROCESSES, _BATCH = 2, 2000
_LEASE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What experts were told, beside what the database holds afterwards."""

    tally: Tally
    decided: int
    twice: int  # signed twice by one person, decided twice, or read more often than wanted
    lost: int  # verdicts that somebody was told are signed, and are not there, or the reverse
    left: int  # items that still wait


def compete(
    folder: Path, *, url: str = "", seconds: float = SECONDS, experts: int = EXPERTS
) -> Outcome:
    """Let experts at a new worklist at ``url``, or in SQLite in ``folder``."""
    items = int(seconds * _ITEMS_A_SECOND)
    with worklist_served(folder, url, experts, lambda kept: _fill(kept, items)) as (
        repositories,
        told,
        address,
    ):
        names = [expert_name(number) for number in range(experts)]
        with ProcessPoolExecutor(_PROCESSES, mp_context=get_context("spawn")) as processes:
            tallies = processes.map(
                read_together,
                [address] * _PROCESSES,
                [names[start::_PROCESSES] for start in range(_PROCESSES)],
                [seconds] * _PROCESSES,
            )
            tally = Tally()
            for each in tallies:
                tally.add(each)
        return _compared(repositories, told, tally)


def measure(seconds: float = SECONDS, experts: int = EXPERTS) -> list[Row]:
    """Let experts at each database."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        rows = _rows("SQLite", compete(Path(folder), seconds=seconds, experts=experts), seconds)
    if shutil.which("initdb") or any(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        with tempfile.TemporaryDirectory(prefix="bench-") as folder, postgresql() as server:
            url = server.database(f"bench_{uuid.uuid4().hex}")
            found = compete(Path(folder), url=url, seconds=seconds, experts=experts)
            rows += _rows("PostgreSQL", found, seconds)
    return rows


def _rows(name: str, found: Outcome, seconds: float) -> list[Row]:
    said = ", ".join(f"{what}: {count}" for what, count in sorted(found.tally.answers.items()))
    return [
        Row(
            name="Verdicts of experts at once",
            value=len(found.tally.signed) / seconds,
            unit="1/s",
            condition=f"{name}, {seconds:.0f} s, {found.decided} items decided; {said}",
        ),
        Row(
            name="Verdict and the next study's panel, 95th percentile",
            value=float(np.percentile(found.tally.verdict_ms, 95)),
            unit="ms",
            condition=f"{name}, median {np.median(found.tally.verdict_ms):.0f} ms",
        ),
        Row(name="Items decided twice", value=found.twice, unit="", condition=f"{name}; must be 0"),
        Row(name="Verdicts lost", value=found.lost, unit="", condition=f"{name}; must be 0"),
    ]


def expert_name(number: int) -> str:
    """Return the name of one of the experts."""
    return f"expert{number}"


@contextmanager
def worklist_served(
    folder: Path, url: str, experts: int, fill: Callable[[Repositories], None]
) -> Iterator[tuple[Repositories, list[str], str]]:
    """Serve the pages over a worklist that is filled first."""
    settings = NodeSettings(
        data_dir=folder, database=DatabaseSettings(url=url), web=WebSettings(port=0)
    )
    repositories = Repositories(settings)
    repositories.migrate()
    # Cheap to check: signing in is not what is measured.
    password = Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    for number in range(experts):
        user = User(
            name=expert_name(number),
            title=f"Bench^{number}",
            organization="Bench",
            roles=frozenset({UserRole.EXPERT}),
        )
        repositories.users.add(user, password, actor="bench", at=utc_now())
    fill(repositories)
    told: list[str] = []
    review_queue = HotbaseReviewQueue(
        repositories.engine,
        images=lambda _: (),
        clock=utc_now,
        lease=_LEASE,
        on_decided=told.append,
    )
    application = make_application(
        registry=CollectorRegistry(),
        problems=tuple,
        version="bench",
        pages=make_pages(settings, repositories, review_queue, version="bench"),
    )
    server = WebServer(application, host="127.0.0.1", port=0)
    server.start()
    yield repositories, told, f"http://127.0.0.1:{server.port}"
    server.stop()
    repositories.close()


def _fill(repositories: Repositories, items: int) -> None:
    """Fill the worklist; every other item wants two readers."""
    for start in range(1, items + 1, _BATCH):
        numbers = range(start, min(start + _BATCH, items + 1))
        made = [
            fake_details(
                number,
                readers=1 + number % 2,
                received_at=utc_now() - timedelta(seconds=number),
            )
            for number in numbers
        ]
        findings = [
            finding_row(each.item.item_id, at, finding)
            for each in made
            for at, finding in enumerate(each.findings)
        ]
        with repositories.engine.begin() as connection:
            connection.execute(sa.insert(REVIEW_ITEMS), [item_row(each.item) for each in made])
            connection.execute(sa.insert(REVIEW_FINDINGS), findings)


def _compared(repositories: Repositories, told: Sequence[str], tally: Tally) -> Outcome:
    readings = sa.select(REVIEW_READINGS.c.item_id, REVIEW_READINGS.c.reader)
    items = sa.select(
        REVIEW_ITEMS.c.item_id,
        REVIEW_ITEMS.c.state,
        REVIEW_ITEMS.c.readers,
        REVIEW_ITEMS.c.readings,
    )
    with repositories.engine.connect() as connection:
        held = Counter((item, reader) for item, reader in connection.execute(readings))
        rows = list(connection.execute(items))
    signed = Counter(tally.signed)
    of_item = Counter(item for item, _ in held.elements())
    decided = {row.item_id for row in rows if row.state == ReviewState.DECIDED}
    complete = {row.item_id for row in rows if row.readings == row.readers}
    return Outcome(
        tally=tally,
        decided=len(decided),
        twice=sum((signed - Counter(set(signed))).values())
        + sum((Counter(told) - Counter(set(told))).values())
        + sum(of_item[row.item_id] > row.readers for row in rows),
        lost=sum((signed - held).values())
        + sum((held - signed).values())
        + len(decided ^ set(told))
        + len(decided ^ complete)
        + sum(of_item[row.item_id] != row.readings for row in rows),
        left=len(rows) - len(decided),
    )


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.experts", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long")
    parser.add_argument("--experts", type=int, default=EXPERTS, help="how many")
    options = parser.parse_args()
    Console().print(as_table(measure(options.seconds, options.experts)))


if __name__ == "__main__":
    main()
