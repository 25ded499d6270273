"""An item that is put on the list, and the values that lists may be filtered by since."""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from dicom_node.domain.review.ct import PATTERNS
from dicom_node.domain.review.review import (
    CtUnderReview,
    FindingUnderReview,
    ReviewItem,
    ReviewState,
)
from dicom_node.persistence.corridor.succession import predecessors_of
from dicom_node.persistence.review.rows import ct_json, finding_row, item_row
from dicom_node.persistence.review.tables import (
    IS_OPEN,
    REVIEW_CHOICES,
    REVIEW_CT,
    REVIEW_FINDINGS,
    REVIEW_ITEMS,
)
from dicom_node.persistence.upsert import insert_or_ignore

_ITEMS = REVIEW_ITEMS.c
_CHOICES = ("device_id", "modality", "body_part", "route", "model_name")
_LABEL = "label"


def put(
    connection: sa.Connection,
    item: ReviewItem,
    findings: Sequence[FindingUnderReview],
    ct: tuple[CtUnderReview, bytes] | None,
) -> None:
    """Write an item down once; open items of earlier results of its route are superseded by it."""
    row = item_row(item)
    choices = [(name, row[name]) for name in _CHOICES]
    choices += [(_LABEL, each) for each in _labels_to_choose(item, findings, ct is not None)]
    insert_or_ignore(connection, REVIEW_ITEMS, [row])
    insert_or_ignore(
        connection,
        REVIEW_FINDINGS,
        [finding_row(item.item_id, at, each) for at, each in enumerate(findings)],
    )
    if ct is not None:
        figures, contours = ct
        row = {"item_id": item.item_id, "figures": ct_json(figures), "contours": contours}
        insert_or_ignore(connection, REVIEW_CT, [row])
    insert_or_ignore(
        connection,
        REVIEW_CHOICES,
        [{"field": name, "value": value} for name, value in choices if value],
    )
    _supersede(connection, item)


def _supersede(connection: sa.Connection, item: ReviewItem) -> None:
    """Take off the list what an item follows; another route's result of its model is to be read."""
    is_before = sa.and_(
        _ITEMS.study_instance_uid == item.study_instance_uid,
        _ITEMS.model_name == item.model.name,
        _ITEMS.item_id != item.item_id,
        _ITEMS.created_at <= item.created_at,
        IS_OPEN,
    )
    before = connection.execute(sa.select(_ITEMS.item_id, _ITEMS.route).where(is_before)).all()
    if not before:
        return
    followed = predecessors_of(connection, item.item_id)
    gone = [each.item_id for each in before if each.route == item.route or each.item_id in followed]
    connection.execute(
        sa.update(REVIEW_ITEMS)
        .where(_ITEMS.item_id.in_(gone), IS_OPEN)
        .values(
            state=ReviewState.SUPERSEDED.value,
            is_open=False,
            holder="",
            claimed_until=None,
            superseded_by=item.item_id,
            version=_ITEMS.version + 1,
        )
    )


def choices(connection: sa.Connection) -> Mapping[str, tuple[str, ...]]:
    """Return the values that filters may take, by field."""
    found: dict[str, tuple[str, ...]] = dict.fromkeys((*_CHOICES, _LABEL), ())
    query = sa.select(REVIEW_CHOICES).order_by(REVIEW_CHOICES.c.value)
    for field, value in connection.execute(query):
        found[field] = (*found.get(field, ()), value)
    return found


def _labels_to_choose(
    item: ReviewItem, findings: Sequence[FindingUnderReview], is_ct: bool
) -> frozenset[str]:
    """Return the labels that an item adds to those which may be filtered by.

    Of what must be read first these are all that the model looks for, which tells nothing.
    """
    if not item.reads_first:
        return frozenset({item.leading_label})
    return frozenset(PATTERNS) if is_ct else frozenset(each.label for each in findings)
