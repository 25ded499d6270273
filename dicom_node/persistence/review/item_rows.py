"""Rows of one review item: the item, what was said of it, and who may have it."""

from datetime import datetime

import sqlalchemy as sa

from dicom_node.domain.review.review import (
    CtUnderReview,
    FindingUnderReview,
    Reviewer,
    ReviewItem,
    Verdict,
)
from dicom_node.errors import NotFoundError
from dicom_node.persistence.review.rows import (
    ct_of,
    finding_of,
    item_of,
    state_values,
    verdict_json,
    verdict_of,
)
from dicom_node.persistence.review.tables import (
    IS_OPEN,
    REVIEW_CT,
    REVIEW_FINDINGS,
    REVIEW_ITEMS,
    REVIEW_READINGS,
)

_ITEMS = REVIEW_ITEMS.c


def item(connection: sa.Connection, item_id: str) -> ReviewItem:
    """Return one item.

    Raises
    ------
    NotFoundError
        There is none of this identifier.
    """
    query = sa.select(REVIEW_ITEMS).where(_ITEMS.item_id == item_id)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFoundError(
            f"Review item {item_id} does not exist: `dicom-node review list` shows those that do."
        )
    return item_of(row)


def findings(connection: sa.Connection, item_id: str) -> tuple[FindingUnderReview, ...]:
    """Return what the model said of an item, in its order."""
    query = (
        sa.select(REVIEW_FINDINGS)
        .where(REVIEW_FINDINGS.c.item_id == item_id)
        .order_by(REVIEW_FINDINGS.c.position)
    )
    return tuple(finding_of(row) for row in connection.execute(query).mappings())


def ct(connection: sa.Connection, item_id: str) -> CtUnderReview | None:
    """Return a CT's figures; None for what is none."""
    stored = connection.scalar(sa.select(REVIEW_CT.c.figures).where(REVIEW_CT.c.item_id == item_id))
    return None if stored is None else ct_of(stored)


def readings(connection: sa.Connection, item_id: str) -> tuple[Verdict, ...]:
    """Return every verdict on an item, oldest first."""
    query = (
        sa.select(REVIEW_READINGS.c.verdict)
        .where(REVIEW_READINGS.c.item_id == item_id)
        .order_by(REVIEW_READINGS.c.given_at)
    )
    return tuple(verdict_of(stored) for stored in connection.scalars(query))


def keep_reading(connection: sa.Connection, verdict: Verdict) -> None:
    """Keep a verdict on an item."""
    connection.execute(
        sa.insert(REVIEW_READINGS).values(
            item_id=verdict.item_id,
            reader=verdict.reviewer.user_name,
            given_at=verdict.decided_at,
            verdict=verdict_json(verdict),
        )
    )


def free(reviewer: Reviewer, now: datetime, after: str = "") -> sa.ColumnElement[bool]:
    """Select what a reviewer could claim, or already holds."""
    name = reviewer.user_name
    read = sa.exists().where(
        REVIEW_READINGS.c.item_id == _ITEMS.item_id, REVIEW_READINGS.c.reader == name
    )
    return sa.and_(
        IS_OPEN,
        sa.or_(_ITEMS.holder.in_(("", name)), _ITEMS.claimed_until <= now),
        _ITEMS.item_id != after,
        ~read,
    )


def write(connection: sa.Connection, before: ReviewItem, after: ReviewItem) -> bool:
    """Write a changed item where the row still is what was seen; tell whether it was."""
    done = connection.execute(
        sa.update(REVIEW_ITEMS)
        .where(_ITEMS.item_id == before.item_id, _ITEMS.version == before.version)
        .values(state_values(after))
    )
    return done.rowcount == 1


def holds(connection: sa.Connection, seen: ReviewItem) -> bool:
    """Hold an item's row until the transaction ends; tell whether it still is what was seen."""
    query = sa.select(_ITEMS.version).where(_ITEMS.item_id == seen.item_id).with_for_update()
    return bool(connection.scalar(query) == seen.version)
