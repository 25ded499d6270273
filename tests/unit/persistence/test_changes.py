"""Changes of a database: what others commit is seen, and nothing else."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from dicom_node.persistence.audit import AuditStore
from dicom_node.persistence.changes import Changes
from dicom_node.persistence.corridor.index import StudyIndex
from dicom_node.persistence.corridor.tables import AUDIT
from dicom_node.persistence.database import make_engine
from dicom_node.persistence.hosts import HostStore
from tests.peers.process import wait_until
from tests.schema import give_schema
from tests.unit.builders import an_instance

_WRITE = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as connection:
    connection.execute("UPDATE audit SET recorded = 0")
    connection.execute("CREATE TABLE another (number INTEGER)")
"""


@pytest.fixture
def changes(engine: sa.Engine) -> Iterator[Changes]:
    """What has changed since now."""
    made = Changes(engine.url.render_as_string(hide_password=False))
    wait_until(lambda: not made.seen(), "what was before to be counted")
    yield made
    made.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[sa.Engine]:
    """A file that nobody else knows."""
    made = make_engine(f"sqlite:///{tmp_path / 'own.sqlite'}")
    give_schema(made)
    yield made
    made.dispose()


def test_a_commit_is_seen(engine: sa.Engine, changes: Changes) -> None:
    StudyIndex(engine).record([an_instance("1.1")])
    wait_until(changes.seen, "the commit to be seen")


@pytest.mark.peer
def test_signs_of_life_are_no_news(migrated_postgres: Callable[[], str]) -> None:
    url = migrated_postgres()
    engine, changes = make_engine(url), Changes(url)
    wait_until(lambda: not changes.seen(), "what was before to be counted")
    HostStore(engine).hold("scheduler", "host", seconds=1)
    query = "SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 'leases'"

    def is_counted() -> bool:
        with engine.connect() as connection:
            return bool(connection.scalar(sa.text(query)))

    wait_until(is_counted, "the lease to be counted")
    assert not changes.seen()
    changes.close()
    engine.dispose()


def test_nothing_is_seen_of_who_reads_or_would_have_written(
    sqlite: sa.Engine,
) -> None:
    changes = Changes(str(sqlite.url))
    changes.seen()
    for _ in range(3):
        AuditStore(sqlite).unrecorded(1)
        with sqlite.begin() as connection:
            connection.execute(sa.delete(AUDIT).where(AUDIT.c.id < 0))
        assert not changes.seen()
    changes.close()


def test_another_process_is_seen(sqlite: sa.Engine) -> None:
    changes = Changes(str(sqlite.url))
    changes.seen()
    subprocess.run([sys.executable, "-c", _WRITE, str(sqlite.url.database)], check=True)
    assert changes.seen()
    assert not changes.seen()
    changes.close()


def test_of_a_database_that_cannot_be_asked_anything_may_be_true() -> None:
    changes = Changes("postgresql://nobody@127.0.0.1:1/nothing")
    assert changes.seen()
    assert changes.seen()
    changes.close()
