"""What a power cut may undo is what is done again; all else waits for the disk (SQLite)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from dicom_node.persistence.database import make_engine, make_workflow_engine, repeatable

_NORMAL, _FULL = 1, 2  # what PRAGMA synchronous answers


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    made = make_engine(f"sqlite:///{tmp_path / 'hotbase.sqlite'}")
    yield made
    made.dispose()


def synchronous(engine: sa.Engine, *, read_only: bool = False) -> int:
    with engine.connect().execution_options(read_only=read_only) as connection:
        return int(connection.exec_driver_sql("PRAGMA synchronous").scalar_one())


def test_each_transaction_is_as_durable_as_it_was_asked_to_be(engine: sa.Engine) -> None:
    again = repeatable(engine)
    # One connection after the other is the same one: each puts right what the last one left.
    assert [synchronous(each) for each in (engine, again, engine, engine, again, again)] == [
        _FULL,
        _NORMAL,
        _FULL,
        _FULL,
        _NORMAL,
        _NORMAL,
    ]
    synchronous(again, read_only=True)
    assert synchronous(engine) == _FULL


def test_notes_of_steps_do_not_wait_for_the_disk(tmp_path: Path) -> None:
    engine = make_workflow_engine(f"sqlite:///{tmp_path / 'workflows.sqlite'}")
    assert engine is not None
    assert synchronous(engine) == _NORMAL
    engine.dispose()
