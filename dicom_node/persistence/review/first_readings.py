"""First readings in the Hotbase, and the decided items that tell what became of them."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter

from dicom_node.domain.review import ct as ct_rules
from dicom_node.domain.review.first_reading import FirstReading, JudgedLabel
from dicom_node.domain.review.review import CtUnderReview, FindingUnderReview, ReviewState, Verdict
from dicom_node.domain.review.verdicts import as_judged, truths_of
from dicom_node.persistence.review.rows import ct_of, finding_of, verdict_of
from dicom_node.persistence.review.tables import (
    FIRST_READINGS,
    IS_OPEN,
    IS_TO_READ_FIRST,
    REVIEW_CT,
    REVIEW_FINDINGS,
    REVIEW_ITEMS,
    REVIEW_READINGS,
)
from dicom_node.persistence.upsert import insert_or_ignore

_FIRST = TypeAdapter(FirstReading)
_CHUNK = 200


def keep(connection: sa.Connection, first: FirstReading) -> None:
    """Keep what somebody saw first; what is there stays."""
    row = {
        "item_id": first.item_id,
        "reader": first.reader,
        "given_at": first.given_at,
        "said": _FIRST.dump_python(first, mode="json"),
    }
    insert_or_ignore(connection, FIRST_READINGS, [row])


def find(connection: sa.Connection, item_id: str, reader: str) -> FirstReading | None:
    """Return what a reader saw first on an item."""
    columns = FIRST_READINGS.c
    stored = connection.scalar(
        sa.select(columns.said).where(columns.item_id == item_id, columns.reader == reader)
    )
    return None if stored is None else _FIRST.validate_python(stored)


def unread_items(
    connection: sa.Connection, reader: str, *, everything: bool, studies: Collection[str]
) -> dict[str, str]:
    """Return the open items that a reader has yet to judge unseen, and their studies."""
    items = REVIEW_ITEMS.c
    query = sa.select(items.item_id, items.study_instance_uid).where(
        items.study_instance_uid.in_(sorted(studies)), *_unread(reader, everything=everything)
    )
    return {row.item_id: row.study_instance_uid for row in connection.execute(query)}


def unread_studies(
    connection: sa.Connection, reader: str, *, everything: bool, study: str | None
) -> frozenset[str]:
    """Return the studies with an open result that a reader has yet to judge unseen."""
    items = REVIEW_ITEMS.c
    query = sa.select(items.study_instance_uid).where(*_unread(reader, everything=everything))
    if study is not None:
        query = query.where(items.study_instance_uid == study)
    return frozenset(connection.scalars(query))


def _unread(reader: str, *, everything: bool) -> Sequence[sa.ColumnExpressionArgument[bool]]:
    """Select what a reader has yet to judge unseen: what was decided once, everybody may know."""
    items, said = REVIEW_ITEMS.c, FIRST_READINGS.c
    has_said = sa.exists().where(said.item_id == items.item_id, said.reader == reader)
    return (IS_OPEN if everything else IS_TO_READ_FIRST), items.reopened == 0, ~has_said


def judged_labels(connection: sa.Connection, most: int) -> Iterator[JudgedLabel]:
    """Give each label of the newest decided items, by model, by the reader first, and in the end.

    Each reader of an item counts. A result that was rejected as a whole says nothing of labels.
    """
    items = REVIEW_ITEMS.c
    query = (
        sa.select(items.item_id, items.model_name)
        .where(items.state == ReviewState.DECIDED.value)
        .order_by(items.decided_at.desc())
        .limit(most)
    )
    decided = list(connection.execute(query))
    for start in range(0, len(decided), _CHUNK):
        models: dict[str, str] = {row.item_id: row.model_name for row in decided[start:][:_CHUNK]}
        yield from _of_items(connection, models)


def _of_items(connection: sa.Connection, models: dict[str, str]) -> Iterator[JudgedLabel]:
    findings: dict[str, list[FindingUnderReview]] = {}
    for row in _rows(connection, REVIEW_FINDINGS, models):
        findings.setdefault(row["item_id"], []).append(finding_of(row))
    measured = {
        row["item_id"]: ct_of(row["figures"]) for row in _rows(connection, REVIEW_CT, models)
    }
    firsts = {
        (row["item_id"], row["reader"]): _FIRST.validate_python(row["said"])
        for row in _rows(connection, FIRST_READINGS, models)
    }
    for row in _rows(connection, REVIEW_READINGS, models):
        verdict = verdict_of(row["verdict"])
        if verdict.rejected:
            continue
        item_id = row["item_id"]
        ct = measured.get(item_id)
        found = findings.get(item_id, [])
        said = _ct_labels(ct, verdict) if ct is not None else _labels(found, verdict)
        first = firsts.get((item_id, row["reader"]))
        for label, (model, last) in said.items():
            yield JudgedLabel(
                model_name=models[item_id],
                label=label,
                model=model,
                first=None if first is None else label in first.present,
                last=last,
            )


def _labels(
    findings: list[FindingUnderReview], verdict: Verdict
) -> dict[str, tuple[bool, bool | None]]:
    """Return each label of a study: there where it is on any of its images."""
    truths: dict[str, list[bool | None]] = {}
    for truth in truths_of(findings, as_judged(verdict, findings)):
        truths.setdefault(truth.label, []).append(truth.value)
    return {
        label: (
            any(each.is_positive for each in findings if each.label == label),
            True if True in values else None if None in values else False,
        )
        for label, values in truths.items()
    }


def _ct_labels(ct: CtUnderReview, verdict: Verdict) -> dict[str, tuple[bool, bool | None]]:
    found = {each.pattern for each in ct.patterns}
    if verdict.ct is None:
        return {}
    truths = {each.pattern: each.present for each in ct_rules.patterns_said(ct, verdict.ct)}
    return {each: (each in found, truths.get(each, False)) for each in ct_rules.PATTERNS}


def _rows(
    connection: sa.Connection, table: sa.Table, items: Collection[str]
) -> list[sa.RowMapping]:
    query: sa.Select[Any] = sa.select(table).where(table.c.item_id.in_(items))
    if "position" in table.c:
        query = query.order_by(table.c.item_id, table.c.position)
    return list(connection.execute(query).mappings())
