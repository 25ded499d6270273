"""Comparison with an earlier result of the patient: what was said then, and the difference.

Figures are put beside figures, and nobody's opinion is made of them: whether a difference means
anything is for the reader. Rows 13 and 14 of TID 1500; the time point is that of TID 1502 (PS3.16).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from highdicom.sr import (
    CodeContentItem,
    CodedConcept,
    CompositeContentItem,
    ContentItem,
    ContentSequence,
    TextContentItem,
)
from highdicom.sr import RelationshipTypeValues as Relationship
from pydicom.sr.coding import Code

from ai_engine.ct.prediction import CtPrediction
from ai_engine.ct.results import CtAnalysis
from ai_engine.ct.shares import share_in_words
from ai_engine.prediction import Finding, Prediction
from sr_templates import codes
from sr_templates.content_items import coded, comment, derived, number
from sr_templates.ct import codes as ct_codes
from sr_templates.earlier_result import EarlierResult

_ANOTHER = " It was said with other weights or another calibration: figures are not compared."
_SAID = {
    True: "present by the reader",
    False: "absent by the reader",
    None: "not decided by the reader",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One figure then and now, in per cent; ``now`` is None where it is not to be compared.

    ``is_judged`` says that ``present`` is the reader's word on it; else the figure itself is.
    """

    title: str
    code: Code
    then: float
    now: float | None
    method: Code
    is_judged: bool = False
    present: bool | None = None


def compared_findings(prediction: Prediction, earlier: EarlierResult | None) -> list[ContentItem]:
    """Return rows 13 and 14 that put findings beside those of an earlier result; or none."""
    if earlier is None or not earlier.report.is_valid or not prediction.images:
        return []
    return _items(list(_finding_rows(prediction, earlier)), earlier)


def compared_shares(prediction: CtPrediction, earlier: EarlierResult | None) -> list[ContentItem]:
    """Return rows 13 and 14 that put percentages of lung beside earlier ones; or none."""
    if earlier is None or not earlier.report.is_valid or prediction.analysis is None:
        return []
    return _items(list(_share_rows(prediction.analysis, earlier)), earlier)


def _items(rows: Sequence[_Row], earlier: EarlierResult) -> list[ContentItem]:
    if not rows:
        return []
    words = "; ".join(map(_in_words, rows))
    reserve = "" if earlier.comparable else _ANOTHER
    return [
        *(_item(each, earlier) for each in rows),
        comment(f"{earlier.opening}: {words}.{reserve}"),
    ]


def _finding_rows(prediction: Prediction, earlier: EarlierResult) -> Iterator[_Row]:
    """Yield what is found now, or was there then, most probable now first."""
    for now in _highest(prediction):
        then = earlier.findings.get(now.label)
        if then is None or not (now.is_positive or then.present is not False):
            continue
        yield _Row(
            title=now.title,
            code=codes.concept(now.code),
            then=100 * then.probability,
            now=100 * now.probability if earlier.comparable else None,
            method=codes.CLASSIFICATION,
            is_judged=True,
            present=then.present,
        )


def _highest(prediction: Prediction) -> list[Finding]:
    """Return each finding once, with the highest probability that it has on any image."""
    highest: dict[str, Finding] = {}
    for image in prediction.images:
        for each in image.findings:
            known = highest.get(each.label)
            if known is None or each.probability > known.probability:
                highest[each.label] = each
    return sorted(highest.values(), key=lambda each: -each.probability)


def _share_rows(analysis: CtAnalysis, earlier: EarlierResult) -> Iterator[_Row]:
    for row in analysis.measurements:
        then = earlier.shares.get(row.side.value)
        if then is None or row.percentage is None:
            continue
        yield _Row(
            title=ct_codes.INHOMOGENEITY_OF[row.side].meaning,
            code=ct_codes.INHOMOGENEITY_OF[row.side],
            then=then,
            now=row.percentage if earlier.comparable else None,
            method=ct_codes.METHOD,
        )


def _item(row: _Row, earlier: EarlierResult) -> CodeContentItem:
    """What is compared, when it was, its value then, and the difference in percentage points."""
    item = coded(codes.COMPARED_WITH_PRIOR, row.code)
    percent = CodedConcept.from_code(codes.PERCENT)
    figures = {codes.VALUE_AT_PRIOR: row.then}
    if row.now is not None:
        figures[codes.DIFFERENCE_FROM_PRIOR] = _points(row)
    children: list[ContentItem] = [
        TextContentItem(
            name=CodedConcept.from_code(codes.TIME_POINT),
            value=earlier.day,
            # TID 1502 has it as observation context, which Enhanced SR does not allow of a code.
            relationship_type=Relationship.HAS_CONCEPT_MOD,
        ),
        *(
            derived(
                number(CodedConcept.from_code(name), round(value, 1), percent),
                codes.CALCULATED,
                row.method,
            )
            for name, value in figures.items()
        ),
    ]
    if row.is_judged:
        presence = codes.PRESENCE[row.present]
        children.append(coded(codes.VERIFIED_AT_PRIOR, presence, Relationship.HAS_PROPERTIES))
    children.append(
        CompositeContentItem(
            name=CodedConcept.from_code(codes.PRIOR_REPORT),
            referenced_sop_class_uid=earlier.report.sop_class_uid,
            referenced_sop_instance_uid=earlier.report.sop_instance_uid,
            relationship_type=Relationship.INFERRED_FROM,
        )
    )
    item.ContentSequence = ContentSequence(children)
    return item


def _points(row: _Row) -> float:
    """Return the difference of the figures as they are written: they are seen side by side."""
    return round(row.now or 0.0, 1) - round(row.then, 1)


def _in_words(row: _Row) -> str:
    """Say a figure then and now, in parts that stand for themselves in other languages, too."""
    share = share_in_words(row.then)
    parts = [f"{row.title} {share} then"]
    if row.is_judged:
        parts.append(_SAID[row.present])
    if row.now is not None:
        share, points = share_in_words(row.now), f"{_points(row):+.1f}"
        parts.append(f"{share} now ({points} percentage points)")
    return ", ".join(parts)
