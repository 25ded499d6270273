"""What connections to SQLite keep in memory: little of a database, and only those in use much."""

import _sqlite3
import ctypes
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa

from dicom_node.persistence.database import make_engine, make_workflow_engine

_CONNECTIONS = 12
_MIB = 2**20


def used() -> int:
    """Bytes that the SQLite of this process has asked for."""
    sqlite = ctypes.CDLL(_sqlite3.__file__)
    count: Callable[[], int] | None = getattr(sqlite, "sqlite3_memory_used", None)
    if count is None:
        pytest.skip("this SQLite does not say what it uses")
    count.restype = ctypes.c_longlong  # type: ignore[attr-defined]
    return count()


@pytest.mark.parametrize("make", [make_engine, make_workflow_engine])
def test_connections_do_not_keep_a_grown_database_each(
    tmp_path: Path, make: Callable[[str], sa.Engine | None]
) -> None:
    """A node that had dozens of them grew by MiB with every hundred studies until all were full."""
    engine = make(f"sqlite:///{tmp_path}/grown.sqlite")
    assert engine is not None
    table = sa.Table("t", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True),
                     sa.Column("words", sa.Text))  # fmt: skip
    with engine.begin() as connection:
        table.create(connection)
        connection.execute(sa.insert(table), [{"words": "x" * 1000} for _ in range(4000)])
    before = used()
    with ExitStack() as stack:
        for _ in range(_CONNECTIONS):
            reading = engine.connect().execution_options(read_only=True)
            connection = stack.enter_context(reading)
            assert connection.scalar(sa.select(sa.func.sum(sa.func.length(table.c.words))))
        grown = used() - before
    engine.dispose()
    assert grown < _CONNECTIONS * 0.5 * _MIB, f"{grown / _MIB:.1f} MiB"


@pytest.mark.parametrize("make", [make_engine, make_workflow_engine])
def test_the_connection_that_was_given_back_last_is_taken_next(
    tmp_path: Path, make: Callable[[str], sa.Engine | None]
) -> None:
    """Each keeps the statements that it has met: taken in turns, all of a dozen would keep all."""
    engine = make(f"sqlite:///{tmp_path}/few.sqlite")
    assert engine is not None
    with ExitStack() as stack:  # a rush opens several
        for _ in range(6):
            stack.enter_context(engine.connect())
    taken = set()
    for _ in range(12):
        with engine.connect() as connection:
            taken.add(id(connection.connection.dbapi_connection))
    engine.dispose()
    assert len(taken) == 1
