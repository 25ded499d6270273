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
class Report:
    """A report's findings, what was not analysed and why, and the algorithm that says so."""

    algorithm: str
    findings: tuple[ReportedFinding, ...]
    refusals: tuple[str, ...]
    is_research: bool


def read_report(path: Path) -> Report:
    """Read a Comprehensive 3D SR of this node."""
    report = dcmread(path)
    evaluations = [
        item
        for container in _children(report)
        if _named(container, codes.QUALITATIVE_EVALUATIONS)
        for item in _children(container)
    ]
    return Report(
        algorithm=_algorithm(report),
        findings=tuple(_findings(evaluations)),
        refusals=tuple(_refusals(evaluations)),
        is_research=report.get("ContentQualification") == "RESEARCH",
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


def _refusals(items: list[Dataset]) -> Iterator[str]:
    for item in items:
        if _named(item, codes.SUMMARY_OF_ANALYSES):
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
