"""How many statements a radiograph costs the database, from its last image to its delivery.

Each costs far more in Python than in the database. The limits are what there are: whoever adds one
says why by raising them, whoever merges some lowers them. The workflow engine's own are not here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from dicom_node.domain.delivery import DeliveryState
from tests.unit.builders import EPOCH, an_entity
from tests.unit.workflow.test_pipeline import Works

_RECEIVED, _ANALYSED, _DELIVERED = 8, 38, 13


@contextmanager
def counted(engine: sa.Engine) -> Iterator[list[str]]:
    """Note the statements that are made meanwhile; those of SQLite's transactions are none."""
    statements: list[str] = []

    def note(*event: object) -> None:
        if not str(event[2]).startswith(("BEGIN", "PRAGMA")):
            statements.append(" ".join(str(event[2]).split()))

    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


@pytest.fixture
def works(engine: sa.Engine, tmp_path: Path) -> Works:
    made = Works(engine, tmp_path)
    made.ae_titles.put(an_entity("PACS"), actor="t", at=EPOCH)
    return made


def test_a_radiograph_costs_no_more_statements_than_are_known(works: Works) -> None:
    with counted(works.engine) as received:
        works.receive("1.2.3.1")
    with counted(works.engine) as analysed:
        works.analyse()
    with counted(works.engine) as delivered:
        works.courier().round()
    assert {state for _, state in works.deliveries.counts()} == {DeliveryState.DELIVERED}
    assert 0 < len(received) <= _RECEIVED, "\n".join(received)
    assert 0 < len(analysed) <= _ANALYSED, "\n".join(analysed)
    assert 0 < len(delivered) <= _DELIVERED, "\n".join(delivered)
