"""Reads findings back from TID 1500 reports, the node's own and those of other workstations.

Read by tag and code from the bare content tree, because reports of others need not be what
highdicom's reader expects, and must not stop anything.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.sr.coding import Code

from sr_templates import codes

FINDING = Code("121071", "DCM", "Finding")
TRACKING_IDENTIFIER = Code("112039", "DCM", "Tracking Identifier")
_RESULT = {
    (code.value, code.scheme_designator): value
    for code, value in (
        (codes.POSITIVE, True),
        (codes.NEGATIVE, False),
        (codes.UNDETERMINED, None),
        (Code("52101004", "SCT", "Present"), True),
        (Code("2667000", "SCT", "Absent"), False),
    )
}
Coded = tuple[str, str]
# What pydicom and the functions below raise on a report that is damaged or not formed as one.
UNREADABLE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    InvalidDicomError,
    LookupError,
    NotImplementedError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ReportedRegion:
    """A measurement group that outlines a finding on an image, ``points`` (x, y) by row.

    ``frame_numbers`` is empty where the outline is on the image as a whole.
    """

    image_uid: str
    frame_numbers: tuple[int, ...]
    code: Coded
    meaning: str
    tracking_uid: str
    tracking_identifier: str
    points: npt.NDArray[np.float32]

    @property
    def frame_number(self) -> int | None:
        """The only frame that is outlined, if one is."""
        return self.frame_numbers[0] if len(self.frame_numbers) == 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedFinding:
    """Whether a report says that a finding is there; ``image_uid`` is empty for the study."""

    image_uid: str
    code: Coded
    meaning: str
    present: bool | None


def reported_regions(report: Dataset) -> tuple[ReportedRegion, ...]:
    """Return the outlined findings of a report, in its order."""
    return tuple(
        region
        for item in _items(report)
        if _name(item) == _coded(codes.MEASUREMENT_GROUP)
        for region in _regions(item)
    )


def reported_findings(report: Dataset) -> tuple[ReportedFinding, ...]:
    """Return what a report says of findings: outlined ones, and those judged for whole images."""
    found = [
        ReportedFinding(
            image_uid=each.image_uid, code=each.code, meaning=each.meaning, present=True
        )
        for each in reported_regions(report)
    ]
    for item in _items(report):
        value = _value(item)
        if item.get("ValueType") == "CODE" and value in _RESULT:
            found.append(
                ReportedFinding(
                    image_uid=next(_images(item), ("", ()))[0],
                    code=_name(item),
                    meaning=_meaning(item, "ConceptNameCodeSequence"),
                    present=_RESULT[value],
                )
            )
    return tuple(dict.fromkeys(found))


def predecessors_of(report: Dataset) -> tuple[str, ...]:
    """Return the SOP Instance UIDs of the documents that a report replaces."""
    return tuple(_references(report, "PredecessorDocumentsSequence"))


def evidence_of(report: Dataset) -> tuple[str, ...]:
    """Return the SOP Instance UIDs that a report was made from, other reports among them."""
    return (
        *_references(report, "CurrentRequestedProcedureEvidenceSequence"),
        *_references(report, "PertinentOtherEvidenceSequence"),
    )


def _references(report: Dataset, keyword: str) -> Iterator[str]:
    for study in report.get(keyword) or []:
        for series in study.get("ReferencedSeriesSequence") or []:
            for each in series.get("ReferencedSOPSequence") or []:
                yield str(each.get("ReferencedSOPInstanceUID", ""))


def _regions(group: Dataset) -> Iterator[ReportedRegion]:
    children = list(group.get("ContentSequence") or [])
    finding = next((each for each in children if _name(each) == _coded(FINDING)), None)
    if finding is None:
        return
    for child in children:
        image = next(_images(child), None)
        coordinates = child.get("GraphicData") or []
        if (
            child.get("ValueType") == "SCOORD"
            and image is not None
            and isinstance(coordinates, Sequence)
            and len(coordinates) % 2 == 0
        ):
            yield ReportedRegion(
                image_uid=image[0],
                frame_numbers=image[1],
                code=_value(finding),
                meaning=_meaning(finding, "ConceptCodeSequence"),
                tracking_uid=_text(children, codes.TRACKING_UNIQUE_IDENTIFIER, "UID"),
                tracking_identifier=_text(children, TRACKING_IDENTIFIER, "TextValue"),
                points=np.asarray(coordinates, np.float32).reshape(-1, 2),
            )


def _images(item: Dataset) -> Iterator[tuple[str, tuple[int, ...]]]:
    for child in item.get("ContentSequence") or []:
        for each in child.get("ReferencedSOPSequence") or []:
            yield str(each.get("ReferencedSOPInstanceUID", "")), _frame_numbers(each)


def _frame_numbers(image: Dataset) -> tuple[int, ...]:
    """Return the frames that are meant, none for all of them (PS3.3 Table 10-3: IS, VM 1-n)."""
    value = image.get("ReferencedFrameNumber")
    if value is None or value == "":
        return ()
    return tuple(map(int, value)) if isinstance(value, Sequence) else (int(value),)


def _items(parent: Dataset) -> Iterator[Dataset]:
    for item in parent.get("ContentSequence") or []:
        yield item
        yield from _items(item)


def _text(items: list[Dataset], name: Code, keyword: str) -> str:
    return next((str(each.get(keyword, "")) for each in items if _name(each) == _coded(name)), "")


def _name(item: Dataset) -> Coded:
    return _code(item, "ConceptNameCodeSequence")


def _value(item: Dataset) -> Coded:
    return _code(item, "ConceptCodeSequence")


def _code(item: Dataset, keyword: str) -> Coded:
    code = (item.get(keyword) or [Dataset()])[0]
    value = code.get("CodeValue") or code.get("LongCodeValue") or ""
    return str(value), str(code.get("CodingSchemeDesignator", ""))


def _meaning(item: Dataset, keyword: str) -> str:
    return str((item.get(keyword) or [Dataset()])[0].get("CodeMeaning", ""))


def _coded(code: Code) -> Coded:
    return code.value, code.scheme_designator
