"""Statements of a report that contradict each other: whichever of two is wrong, it is not sent.

A report says its result several times: as the summary of the analysis (CID 6047), as verdicts with
their numbers, as regions, as grades, in words. They are all made of one prediction and should agree
by construction; what is checked here is the object itself, as readers and programs will read it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from ai_engine.ct.results import Severity, Side
from sr_templates import codes
from sr_templates.coded_values import code_value
from sr_templates.ct import codes as ct_codes

_WITH = frozenset({codes.ALL_SUCCEEDED_WITH_FINDINGS, codes.NOT_ALL_SUCCEEDED_WITH_FINDINGS})
_ALL = frozenset({codes.ALL_SUCCEEDED_WITH_FINDINGS, codes.ALL_SUCCEEDED_WITHOUT_FINDINGS})
_SUMMARIES = {
    code.value: code
    for code in (
        *_WITH,
        *_ALL,
        codes.NOT_ALL_SUCCEEDED_WITHOUT_FINDINGS,
        codes.NONE_SUCCEEDED,
    )
}
_SHARES = {code.value for code in ct_codes.INHOMOGENEITY_OF.values()}
_BOTH_SHARE = ct_codes.INHOMOGENEITY_OF[Side.BOTH].value
_SEVERITIES = {code.value for code in ct_codes.SEVERITY_OF.values()}
# Upper and lower bounds of the grades, in per cent (paper 5, section 6).
_BOUNDS = (0.0, 2.0, 25.0, 50.0, 75.0, 100.0)
# How sentences of the node begin, or what they hold, that say that nothing was found.
_NOTHING = re.compile(
    r"^(AI result, not verified: )?no (finding above threshold|inhomogeneity measured)"
    r"|healthy lungs\)|[.:] No finding\.$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What a report says of its result, each in the form in which it is said."""

    summary: Code | None
    verdicts: tuple[Dataset, ...]
    grades: tuple[Dataset, ...]
    groups: tuple[Dataset, ...]
    refused: bool
    doubtful: bool
    words: tuple[str, ...]

    @property
    def found(self) -> bool:
        """Whether a verdict, a region or a share says that there is something."""
        return bool(
            any(_answer(each) == codes.POSITIVE.value for each in self.verdicts)
            or any(_finding(each) for each in self.groups)
            or self.share
        )

    @property
    def share(self) -> float:
        """The share of both lungs that is said to be inhomogeneous, in per cent."""
        return max((_share(each, {_BOTH_SHARE}) or 0.0 for each in self.grades), default=0.0)


def contradictions(report: Dataset) -> Iterator[str]:
    """Say which statements of a measurement report (TID 1500) contradict each other."""
    said = _read(report)
    yield from _of_summary(said)
    for verdict in said.verdicts:
        yield from _of_verdict(verdict)
    for grade in said.grades:
        yield from _of_grade(grade)
    if said.verdicts or not said.grades:
        yield from _of_regions(said)
    yield from _of_normal(said)
    if said.found and any(_NOTHING.search(each) for each in said.words):
        yield "words say that nothing was found beside something that was found"


def _read(report: Dataset) -> _Said:
    rows = _children(report)
    evaluations = [
        each for row in rows if _is(row, codes.QUALITATIVE_EVALUATIONS) for each in _children(row)
    ]
    measurements = [
        each for row in rows if _is(row, codes.IMAGING_MEASUREMENTS) for each in _children(row)
    ]
    summaries = [_SUMMARIES.get(_answer(each)) for each in evaluations if _is(each, codes.SUMMARY)]
    grades = tuple(each for each in evaluations if _name(each) in _SEVERITIES)
    remarks = {_answer(each) for each in evaluations if _is(each, codes.REMARK)}
    return _Said(
        summary=summaries[0] if summaries else None,
        verdicts=tuple(each for each in evaluations if _answer(each) in _VERDICTS),
        grades=grades,
        groups=tuple(each for each in measurements if _is(each, codes.MEASUREMENT_GROUP)),
        refused=any(_is(each, codes.SUMMARY_OF_ANALYSES) for each in evaluations),
        doubtful=bool(remarks & _INCOMPLETE)
        or any(_answer(each) == ct_codes.CANNOT_GRADE.value for each in grades),
        # A person's report has no summary by code, and comments that are nobody's to check.
        words=tuple(
            str(each.get("TextValue", ""))
            for each in (*rows, *(evaluations if summaries else ()))
            if each.get("ValueType") == "TEXT" and _name(each) in _SENTENCES
        ),
    )


_VERDICTS = frozenset({codes.POSITIVE.value, codes.NEGATIVE.value})
_INCOMPLETE = frozenset({codes.REMARKS[kind].value for kind in codes.INCOMPLETE})
_SENTENCES = frozenset({codes.IMPRESSION.value, codes.COMMENT.value})


def _of_summary(said: _Said) -> Iterator[str]:
    if said.summary is None:  # a person's report has none
        return
    if (said.summary in _WITH) != said.found:
        yield f"the summary says '{said.summary.meaning}', verdicts and regions the contrary"
    if said.summary in _ALL and (said.refused or said.doubtful):
        yield "the summary says that all succeeded, beside what was refused or is doubtful"
    if said.summary == codes.NONE_SUCCEEDED and (said.verdicts or said.grades or said.groups):
        yield "the summary says that none succeeded, beside results"


def _of_verdict(verdict: Dataset) -> Iterator[str]:
    numbers = {_name(each): _number(each) for each in _children(verdict)}
    threshold = numbers.get(codes.THRESHOLD_VALUE.value)
    probability = next((value for name, value in numbers.items() if name.startswith("P-")), None)
    is_positive = _answer(verdict) == codes.POSITIVE.value
    has_observer = any(_is_judged(each) for each in _children(verdict))
    if probability is None or threshold is None or has_observer:
        return
    if (probability >= threshold) != is_positive:
        yield "a verdict is not what its probability and threshold say"


def _of_grade(grade: Dataset) -> Iterator[str]:
    share = _share(grade, _SHARES)
    number = next((n for n, each in _GRADES.items() if each == _answer(grade)), None)
    if share is None or number is None:
        return
    if not _BOUNDS[number - 1] <= share <= _BOUNDS[number]:
        yield "a grade is not what its share says"


def _of_regions(said: _Said) -> Iterator[str]:
    """A region is of a finding that is there: one that a verdict affirms of the same image."""
    affirmed = {
        (_name(each), image)
        for each in said.verdicts
        if _answer(each) == codes.POSITIVE.value
        for image in _images(each)
    }
    for group in said.groups:
        finding = _finding(group)
        if finding and not any((finding, image) in affirmed for image in _images(group)):
            yield "a region has no finding that is affirmed of its image"


def _of_normal(said: _Said) -> Iterator[str]:
    """An image that is affirmed to be normal has nothing else affirmed of it."""
    affirmed: dict[frozenset[str], set[str]] = {}
    for each in said.verdicts:
        if _answer(each) == codes.POSITIVE.value:
            affirmed.setdefault(_images(each), set()).add(_name(each))
    if any(names & _NORMAL and names - _NORMAL for names in affirmed.values()):
        yield "an image is said to be normal, and to have a finding"


_NORMAL = frozenset({codes.NORMAL.value, codes.NO_FINDING.value})
_GRADES = {severity.grade: ct_codes.GRADES[severity].value for severity in Severity}


def _is_judged(item: Dataset) -> bool:
    """Whether a person's words stand beside the model's numbers."""
    return bool(item.get("ValueType") == "TEXT")


def _share(grade: Dataset, names: set[str]) -> float | None:
    return next((_number(each) for each in _children(grade) if _name(each) in names), None)


def _children(item: Dataset) -> Sequence[Dataset]:
    return list(item.get("ContentSequence") or [])


def _name(item: Dataset) -> str:
    return code_value(item, "ConceptNameCodeSequence")


def _answer(item: Dataset) -> str:
    return code_value(item, "ConceptCodeSequence")


def _is(item: Dataset, concept: Code) -> bool:
    return _name(item) == concept.value


def _number(item: Dataset) -> float | None:
    values = item.get("MeasuredValueSequence")
    return float(values[0].NumericValue) if values else None


def _finding(group: Dataset) -> str:
    return next((_answer(each) for each in _children(group) if _is(each, codes.FINDING)), "")


def _images(item: Dataset) -> frozenset[str]:
    """Return the instances that an item, or one below it, refers to."""
    own = {str(each.ReferencedSOPInstanceUID) for each in item.get("ReferencedSOPSequence") or []}
    return frozenset(own).union(*(_images(each) for each in _children(item)))
