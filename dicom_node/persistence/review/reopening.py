"""Verdicts that were taken back, in the Hotbase: the items' history, and what follows of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from dicom_node.domain.review.review import Reopening, ReviewItem, Verdict
from dicom_node.persistence.corridor.tables import EVIDENCE, INSTANCES, IS_REMOVED, JOBS
from dicom_node.persistence.review.rows import verdict_json, verdict_of
from dicom_node.persistence.review.tables import (
    EXTERNAL_REPORTS,
    IS_STILL_LEARNED,
    REVIEW_ITEMS,
    REVIEW_READINGS,
    REVIEW_REOPENINGS,
)

_C = REVIEW_REOPENINGS.c


class ReopeningStore:
    """Which verdicts were taken back that the Warehouse may still hold."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def still_learned(self) -> tuple[Reopening, ...]:
        """Return them, oldest first."""
        query = sa.select(REVIEW_REOPENINGS).where(IS_STILL_LEARNED).order_by(_C.reopened_at)
        with self._engine.connect().execution_options(read_only=True) as connection:
            return tuple(_reopening(row) for row in connection.execute(query).mappings())

    def note_withdrawn(self, taken: Reopening) -> None:
        """Note that the Warehouse learns from one no more."""
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(REVIEW_REOPENINGS)
                .where(_C.item_id == taken.item_id, _C.number == taken.number)
                .values(withdrawn=True)
            )


def take_back(connection: sa.Connection, taken: Reopening, item: ReviewItem) -> None:
    """Keep what had been said in the history, and let an item be read anew.

    A report of another workstation closes it no more, nothing has been concluded, and a procedure
    step of its own stands for what is to be done: the one that was completed stays so.
    """
    row = {
        "item_id": taken.item_id,
        "number": taken.number,
        "reopened_by": taken.by,
        "reason": taken.reason,
        "reopened_at": taken.at,
        "decided_by": list(taken.decided_by),
        "decided_at": taken.decided_at,
        "readings": [verdict_json(each) for each in taken.readings],
        "withdrawn": False,
    }
    connection.execute(sa.insert(REVIEW_REOPENINGS).values(row))
    readings = REVIEW_READINGS.c.item_id == taken.item_id
    connection.execute(sa.delete(REVIEW_READINGS).where(readings))
    connection.execute(
        sa.update(EXTERNAL_REPORTS)
        .where(EXTERNAL_REPORTS.c.item_id == taken.item_id, EXTERNAL_REPORTS.c.closed)
        .values(closed=False, message=f"closed the item, which {taken.by} re-opened")
    )
    connection.execute(
        sa.update(REVIEW_ITEMS)
        .where(REVIEW_ITEMS.c.item_id == taken.item_id)
        .values(concluded_at=None)
    )
    # Knows the subjects of steps, and so DICOM's JSON: who only lists items goes without.
    from dicom_node.persistence.ups.succession import begin_next_round  # noqa: PLC0415

    begin_next_round(connection, item, at=taken.at)


def is_concluded(connection: sa.Connection, item_id: str) -> bool:
    """Whether an item's verdict has become objects and a Warehouse record."""
    query = sa.select(REVIEW_ITEMS.c.concluded_at).where(REVIEW_ITEMS.c.item_id == item_id)
    return connection.scalar(query) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """Whether all images and results of an item are here still."""

    images: bool
    results: bool


def what_is_here(connection: sa.Connection, item_id: str) -> Here:
    """Return what is here of what an item is about; of one that no job made, everything."""
    job = connection.execute(
        sa.select(JOBS.c.study_instance_uid, JOBS.c.sop_instance_uids).where(
            JOBS.c.job_id == item_id
        )
    ).one_or_none()
    if job is None:
        return Here(images=True, results=True)
    held = connection.scalars(
        sa.select(INSTANCES.c.sop_instance_uid).where(
            INSTANCES.c.study_instance_uid == job.study_instance_uid
        )
    )
    removed = sa.select(EVIDENCE.c.path).where(EVIDENCE.c.job_id == item_id, IS_REMOVED).limit(1)
    return Here(
        images=set(job.sop_instance_uids).issubset(held),
        results=connection.execute(removed).first() is None,
    )


def newer_item(connection: sa.Connection, item: ReviewItem) -> str | None:
    """Return a later result by the same model of the same study."""
    columns = REVIEW_ITEMS.c
    found: str | None = connection.scalar(
        sa.select(columns.item_id).where(
            columns.study_instance_uid == item.study_instance_uid,
            columns.model_name == item.model.name,
            columns.created_at > item.created_at,
        )
    )
    return found


def history_of(connection: sa.Connection, item_id: str) -> tuple[Reopening, ...]:
    """Return each time that a verdict was taken back, oldest first."""
    query = sa.select(REVIEW_REOPENINGS).where(_C.item_id == item_id).order_by(_C.number)
    return tuple(_reopening(row) for row in connection.execute(query).mappings())


def reopening_of(
    item: ReviewItem, *, by: str, reason: str, at: datetime, readings: tuple[Verdict, ...]
) -> Reopening:
    """Return what is kept of a decided item that is taken back."""
    return Reopening(
        item_id=item.item_id,
        number=item.reopened + 1,
        by=by,
        reason=reason,
        at=at,
        decided_by=item.decided_by,
        decided_at=item.decided_at or at,
        readings=readings,
    )


def _reopening(row: Any) -> Reopening:
    return Reopening(
        item_id=row["item_id"],
        number=row["number"],
        by=row["reopened_by"],
        reason=row["reason"],
        at=row["reopened_at"],
        decided_by=tuple(row["decided_by"]),
        decided_at=row["decided_at"],
        readings=tuple(verdict_of(each) for each in row["readings"]),
    )
