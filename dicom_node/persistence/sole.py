"""One node for one data folder, and for one name in a workflow store.

Two would take each other's workflows over and delete each other's unfinished files. A lock on a
file of the folder, and an advisory lock on PostgreSQL, end with the process that holds them,
however it ends.
"""

import fcntl
import hashlib
import logging
import os
import socket
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from dicom_node.errors import ConflictError
from dicom_node.persistence.database import make_engine

_LOG = logging.getLogger(__name__)
_NAME = "node.lock"


class FolderLock:
    """The right to be the one node of a data folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _NAME
        self._file: int | None = None

    def acquire(self) -> None:
        """Take it.

        Raises
        ------
        ConflictError
            When another process has it; the message says which.
        """
        opened = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(opened, 200).decode(errors="replace").strip()
            os.close(opened)
            raise ConflictError(
                f"a node runs on the data folder {self._path.parent} already ({holder}): stop it, "
                "or give this one a folder of its own (data_dir)"
            ) from None
        os.ftruncate(opened, 0)
        os.pwrite(opened, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        self._file = opened

    def release(self) -> None:
        """Give it up, if it is held."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


class ExecutorLock:
    """The right to be the one node with a name in a workflow store on PostgreSQL.

    On SQLite there is nothing to do: the store lies in the data folder.
    """

    def __init__(self, url: str, executor_id: str) -> None:
        engine = make_engine(url)
        self._engine = engine if engine.dialect.name == "postgresql" else None
        self._executor_id = executor_id
        self._key = _key(f"executor {executor_id}")
        self._connection: sa.Connection | None = None

    def acquire(self) -> None:
        """Take it.

        Raises
        ------
        ConflictError
            When another process has it.
        """
        if self._engine is not None and not self._taken(self._engine):
            raise ConflictError(
                f"a node with workflow.executor_id {self._executor_id!r} runs on this workflow "
                "store already: stop it, or give this one another executor_id (where none is set, "
                "a copied data folder brought its name along: delete its file executor-id)"
            )

    def is_held(self) -> bool:
        """Whether it is held; one that a restart of the database has ended is taken anew."""
        if self._engine is None:
            return True
        try:
            if self._connection is not None:
                self._connection.execute(sa.text("SELECT 1"))
                return True
        except sa.exc.DBAPIError:
            self._drop()
        try:
            return self._taken(self._engine)
        except sa.exc.DBAPIError:
            return True  # the database is away: nobody else has it either

    def release(self) -> None:
        """Give it up, if it is held."""
        self._drop()
        if self._engine is not None:
            self._engine.dispose()

    def _taken(self, engine: sa.Engine) -> bool:
        # Not in a transaction, which would stay open for as long as the node runs.
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        query = sa.select(sa.func.pg_try_advisory_lock(self._key))
        if connection.scalar(query):
            self._connection = connection
            return True
        connection.close()
        return False

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None


def running_executors(url: str, executor_ids: Collection[str]) -> frozenset[str]:
    """Return those of these names that a node has taken in a workflow store on PostgreSQL."""
    keys = {_key(f"executor {each}"): each for each in executor_ids}
    engine = make_engine(url)
    # The lock of a bigint shows its halves, and 1 (PostgreSQL, pg_locks).
    query = sa.text(
        "SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks "
        "WHERE locktype = 'advisory' AND objsubid = 1 AND granted "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    try:
        with engine.connect() as connection:
            return frozenset(keys[each] for each in connection.scalars(query) if each in keys)
    finally:
        engine.dispose()


class DestinationLocks:
    """The right to serve a destination, among the nodes that share one PostgreSQL.

    On SQLite there is one node, which serves all.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @contextmanager
    def one(self, destination: str) -> Iterator[bool]:
        """Hold the right for a ``with`` block; False where another node has it."""
        if self._engine.dialect.name != "postgresql":
            yield True
            return
        key = _key(f"destination {destination}")
        with self._engine.connect() as made:
            connection = made.execution_options(isolation_level="AUTOCOMMIT")
            is_taken = bool(connection.scalar(sa.select(sa.func.pg_try_advisory_lock(key))))
            try:
                yield is_taken
            finally:
                if is_taken:
                    connection.execute(sa.select(sa.func.pg_advisory_unlock(key)))


def _key(name: str) -> int:
    """Return PostgreSQL's number of a lock."""
    digest = hashlib.sha256(f"dicom-node {name}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)
