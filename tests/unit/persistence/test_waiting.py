"""Rows that wait for a time: each kind keeps sweeps looking, until it is dealt with."""

from typing import Any

import pytest
import sqlalchemy as sa

from dicom_node.domain.study import StudyState
from dicom_node.persistence.corridor.commitment_tables import COMMITMENT_REQUESTS, COMMITMENTS
from dicom_node.persistence.corridor.hotbase import Hotbase
from dicom_node.persistence.corridor.index import StudyIndex
from dicom_node.persistence.corridor.message_tables import PEER_MESSAGES
from dicom_node.persistence.corridor.tables import AUDIT, DELIVERIES, STUDIES, UtcDateTime
from dicom_node.persistence.corridor.waiting import WaitingRows
from dicom_node.persistence.corridor.wanted_tables import WANTED_STUDIES
from dicom_node.persistence.host_tables import CARRIED
from dicom_node.persistence.review.tables import REVIEW_ITEMS
from dicom_node.persistence.ups.tables import PROCEDURE_STEPS
from tests.unit.builders import EPOCH, an_instance
from tests.unit.persistence.test_hotbase import JOB

KINDS: dict[str, tuple[sa.Table, dict[str, object], dict[str, object]]] = {
    "to be sent": (DELIVERIES, {"state": "pending"}, {"state": "delivered"}),
    "to be proven": (DELIVERIES, {"state": "sent"}, {"state": "failed"}),
    "to be answered": (COMMITMENTS, {"state": "asked"}, {"state": "settled"}),
    "answered": (COMMITMENTS, {"state": "answered"}, {"state": "unanswered"}),
    "asked for": (COMMITMENT_REQUESTS, {"state": "open"}, {"state": "told"}),
    "message": (
        PEER_MESSAGES,
        {"state": "open", "channel": "dimse"},
        {"state": "taken"},
    ),
    "wanted": (WANTED_STUDIES, {"state": "waiting"}, {"state": "fetched"}),
    "locked": (
        PROCEDURE_STEPS,
        {"state": "IN PROGRESS", "transaction_uid": "1.9"},
        {"state": "COMPLETED"},
    ),
    "verdict": (
        REVIEW_ITEMS,
        {"state": "decided", "concluded_at": None},
        {"concluded_at": EPOCH},
    ),
    "carried": (CARRIED, {}, {}),
    "administered": (AUDIT, {"recorded": False}, {"recorded": True}),
}


@pytest.fixture
def rest(engine: sa.Engine) -> sa.Engine:
    """A database with a study that is done with, and its job."""
    index = StudyIndex(engine)
    index.record([an_instance("1.1")])
    claimed = index.claim(JOB.study_instance_uid, by="workflow", at=EPOCH)
    assert claimed is not None
    index.finish(claimed, StudyState.ANALYSED)
    Hotbase(engine).add_job(JOB, at=EPOCH)
    return engine


def _anything(kind: sa.types.TypeEngine[Any]) -> object:
    if isinstance(kind, UtcDateTime):
        return EPOCH
    if isinstance(kind, sa.JSON):
        return []
    return {str: "x", int: 0, float: 0.0, bool: False}[kind.python_type]


def filled(table: sa.Table, values: dict[str, object]) -> dict[str, object]:
    """Return a row with these values and anything where something has to be."""
    row: dict[str, object] = {}
    for column in table.columns:
        if column.nullable and column.name not in values:
            continue
        row[column.name] = _anything(column.type)
    names = {"job_id": JOB.job_id, "study_instance_uid": JOB.study_instance_uid}
    return row | {key: each for key, each in names.items() if key in row} | values


@pytest.mark.parametrize("kind", KINDS)
def test_what_time_makes_due_waits_until_it_is_dealt_with(rest: sa.Engine, kind: str) -> None:
    table, waits, over = KINDS[kind]
    rows = WaitingRows(rest)
    assert not rows.any()
    with rest.begin() as connection:
        connection.execute(sa.insert(table).values(**filled(table, waits)))
    assert rows.any()
    with rest.begin() as connection:
        connection.execute(sa.update(table).values(**over) if over else sa.delete(table))
    assert not rows.any()


@pytest.mark.parametrize("state", StudyState)
def test_a_study_waits_while_it_is_received_or_analysed(rest: sa.Engine, state: StudyState) -> None:
    with rest.begin() as connection:
        connection.execute(sa.update(STUDIES).values(state=state))
    is_waiting = state in (StudyState.RECEIVING, StudyState.COMPLETE)
    assert WaitingRows(rest).any() is is_waiting
