"""What a received structured report says, read from the object itself (TID 1500)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.sr.coding import Code

from sr_templates import codes


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedFinding:
    """One finding's verdict on one image; probability and threshold are shares of 1."""

    title: str
    image: str
    probability: float
    threshold: float
    is_positive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedMeasurement:
    """One figure of a volume: where it was measured, what, how much, in which unit (UCUM)."""

    where: str
    name: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report's findings, what was not analysed and why, remarks, and the algorithm.

    ``measurements`` are of volumes, and ``statements`` the sentences that go with them; a report on
    radiographs has none.
    """

    algorithm: str
    findings: tuple[ReportedFinding, ...]
    refusals: tuple[str, ...]
    remarks: tuple[str, ...]
    is_research: bool
    measurements: tuple[ReportedMeasurement, ...] = ()
    statements: tuple[str, ...] = ()


def read_report(path: Path) -> Report:
    """Read a Comprehensive 3D SR of this node."""
    report = dcmread(path)
    evaluations = [
        item
        for container in _children(report)
        if _named(container, codes.QUALITATIVE_EVALUATIONS)
        for item in _children(container)
    ]
    measurements = tuple(_measurements(report))
    return Report(
        algorithm=_algorithm(report),
        findings=tuple(_findings(evaluations)),
        refusals=tuple(_sentences(evaluations, codes.SUMMARY_OF_ANALYSES)),
        remarks=tuple(_sentences(evaluations, codes.REMARK)),
        is_research=report.get("ContentQualification") == "RESEARCH",
        measurements=measurements,
        statements=tuple(_statements(evaluations)) if measurements else (),
    )


def _findings(items: list[Dataset]) -> Iterator[ReportedFinding]:
    """Give each question that is answered by Positive or Negative."""
    for item in items:
        answer = item.get("ConceptCodeSequence")
        is_positive = bool(answer) and _is(answer[0], codes.POSITIVE)
        if not is_positive and not (answer and _is(answer[0], codes.NEGATIVE)):
            continue
        numbers = [child for child in _children(item) if child.ValueType == "NUM"]
        threshold = next(each for each in numbers if _named(each, codes.THRESHOLD_VALUE))
        probability = next(each for each in numbers if each is not threshold)
        yield ReportedFinding(
            title=item.ConceptNameCodeSequence[0].CodeMeaning,
            image=_image(item),
            probability=_share(probability),
            threshold=_share(threshold),
            is_positive=is_positive,
        )


def _measurements(report: Dataset) -> Iterator[ReportedMeasurement]:
    """Give the figures of the groups that are about volumes (TID 1411)."""
    for container in _children(report):
        if not _named(container, codes.IMAGING_MEASUREMENTS):
            continue
        for group in _children(container):
            numbers = [item for item in _children(group) if item.ValueType == "NUM"]
            if any(_named(each, codes.VOLUME) for each in numbers):
                where = next(each for each in _children(group) if each.ValueType == "TEXT")
                yield from (_measurement(where.TextValue, each) for each in numbers)


def _measurement(where: str, item: Dataset) -> ReportedMeasurement:
    measured = item.MeasuredValueSequence[0]
    return ReportedMeasurement(
        where=where,
        name=item.ConceptNameCodeSequence[0].CodeMeaning,
        value=float(measured.NumericValue),
        unit=measured.MeasurementUnitsCodeSequence[0].CodeValue,
    )


def _statements(items: list[Dataset]) -> Iterator[str]:
    """Give the comments on the study, but not what holds for every study."""
    for item in items:
        if item.ValueType == "TEXT" and _named(item, codes.COMMENT):
            words = str(item.TextValue)
            if not words.startswith(("Limitation:", "Demonstration")):
                yield words


def _sentences(items: list[Dataset], concept: Code) -> Iterator[str]:
    for item in items:
        if _named(item, concept):
            yield from (child.TextValue for child in _children(item) if child.ValueType == "TEXT")


def _algorithm(report: Dataset) -> str:
    equipment = report.get("ContributingEquipmentSequence") or [Dataset()]
    version = equipment[0].get("SoftwareVersions") or ""
    first = version if isinstance(version, str) else version[0]
    return f"{equipment[0].get('ManufacturerModelName', '')} {first}".strip()


def _children(item: Dataset) -> list[Dataset]:
    return list(item.get("ContentSequence") or ())


def _named(item: Dataset, concept: Code) -> bool:
    name = item.get("ConceptNameCodeSequence")
    return bool(name) and _is(name[0], concept)


def _is(item: Dataset, concept: Code) -> bool:
    """Whether a code sequence's item is a concept; meanings do not matter (PS3.3 8.3)."""
    value = item.get("CodeValue") or item.get("LongCodeValue")
    return bool((value, item.CodingSchemeDesignator) == (concept.value, concept.scheme_designator))


def _share(item: Dataset) -> float:
    return float(item.MeasuredValueSequence[0].NumericValue) / 100


def _image(item: Dataset) -> str:
    references = [child for child in _children(item) if child.ValueType == "IMAGE"]
    return str(references[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID)
