"""A second node on the same data folder or under the same name is refused."""

import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from dicom_node.errors import ConflictError
from dicom_node.persistence.database import make_engine
from dicom_node.persistence.sole import DestinationLocks, ExecutorLock, FolderLock
from tests.peers.postgresql import PostgreSql

_HOLD = """
import sys, time
from pathlib import Path
from dicom_node.persistence.sole import FolderLock
FolderLock(Path(sys.argv[1])).acquire()
print("held", flush=True)
time.sleep(600)
"""


@pytest.mark.slow
def test_a_data_folder_has_one_node_until_that_is_gone_however_it_went(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, tmp_path], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(ConflictError, match=f"process {other.pid} on .*data_dir"):
            FolderLock(tmp_path).acquire()
        other.kill()
    FolderLock(tmp_path).acquire()


def test_a_lock_that_was_given_up_may_be_taken(tmp_path: Path) -> None:
    first, second = FolderLock(tmp_path), FolderLock(tmp_path)
    first.acquire()
    with pytest.raises(ConflictError):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


@pytest.mark.peer
def test_a_name_in_a_workflow_store_has_one_node(postgres: PostgreSql) -> None:
    url = postgres.database("sole")
    first, second, other = (ExecutorLock(url, name) for name in ("node-1", "node-1", "node-2"))
    first.acquire()
    other.acquire()
    with pytest.raises(ConflictError, match="another executor_id"):
        second.acquire()
    _end_connections(url)
    assert first.is_held(), "taken anew after the database broke the connection"
    with pytest.raises(ConflictError):
        second.acquire()
    _end_connections(url)
    second.acquire()
    assert not first.is_held(), "another one was faster"
    for each in (first, second, other):
        each.release()


def _end_connections(url: str) -> None:
    """Break every connection to a database, as its restart does."""
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        connection.execute(
            sa.text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    engine.dispose()


def test_a_store_in_the_data_folder_needs_no_second_lock(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'workflows.sqlite'}"
    first, second = ExecutorLock(url, "node-1"), ExecutorLock(url, "node-1")
    first.acquire()
    second.acquire()
    assert first.is_held()


@pytest.mark.peer
def test_a_destination_is_served_by_one_node_at_a_time(postgres: PostgreSql) -> None:
    url = postgres.database("served")
    engines = [make_engine(url) for _ in range(2)]
    here, there = (DestinationLocks(each) for each in engines)
    with here.one("PACS") as mine:
        assert mine
        with there.one("PACS") as taken, there.one("OTHER") as other:
            assert (taken, other) == (False, True)
    with there.one("PACS") as taken:
        assert taken
    for each in engines:
        each.dispose()
