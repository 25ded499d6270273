"""Reads findings back from TID 1500 reports, the node's own and those of other workstations.

Read by tag and code from the bare content tree, because reports of others need not be what
highdicom's reader expects, and must not stop anything.
"""

import struct
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.sr.coding import Code

from sr_templates import codes
from sr_templates.coded_values import code_meaning, code_value, scheme

FINDING = Code("121071", "DCM", "Finding")
TRACKING_IDENTIFIER = Code("112039", "DCM", "Tracking Identifier")
# What answers whether something is there; other answers are no word on it.
_ANSWERS = (
    (codes.POSITIVE, True),
    (codes.NEGATIVE, False),
    (codes.UNDETERMINED, None),
    (Code("52101004", "SCT", "Present"), True),
    (Code("2667000", "SCT", "Absent"), False),
    (Code("410515003", "SCT", "Known present"), True),
    (Code("410516002", "SCT", "Known absent"), False),
    (Code("373066001", "SCT", "Yes"), True),
    (Code("373067005", "SCT", "No"), False),
)
# The containers in which a finding is one of this patient, here and now.
_SECTIONS = (
    codes.IMAGING_MEASUREMENTS,
    codes.MEASUREMENT_GROUP,
    codes.QUALITATIVE_EVALUATIONS,
    Code("121070", "DCM", "Findings"),
)
# What may stand with a finding without changing whether it is there: where, of what kind, how
# measured. Anything else (a status, a certainty, a normality) may take back what the finding says.
_DETAILS = (
    FINDING,
    codes.LATERALITY,
    Code("276214006", "SCT", "Finding category"),
    Code("363698007", "SCT", "Finding Site"),
    Code("106233006", "SCT", "Topographical modifier"),
    Code("370129005", "SCT", "Measurement Method"),
    Code("121401", "DCM", "Derivation"),
    Code("130400", "DCM", "Geometric purpose of region"),
)
Coded = tuple[str, str]
# Titles of key object selections (CID 7010) by which images are not to be read: for their quality,
# for the patient's safety, of another order. That an object has been kept long enough is no such.
_REJECTIONS = frozenset({("113001", "DCM"), ("113037", "DCM"), ("113038", "DCM")})
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
    """Whether a report says that a finding is there, on which image and on which of its frames.

    ``image_uid`` is empty where the report names none, ``frame_numbers`` where it means all.
    """

    image_uid: str
    code: Coded
    meaning: str
    present: bool | None
    frame_numbers: tuple[int, ...] = ()


def reported_regions(report: Dataset) -> tuple[ReportedRegion, ...]:
    """Return the outlined findings of a report, in its order."""
    return tuple(region for group in _groups(report) for region in _regions(group))


def reported_findings(report: Dataset) -> tuple[ReportedFinding, ...]:
    """Return what a report says of findings beyond doubt: what it outlines, and what it answers.

    What has a modifier that may take it back, or stands in an unknown section, is not among it.
    """
    return tuple(dict.fromkeys(finding for _, finding in _statements(report)))


def unread_findings(report: Dataset, concepts: Collection[Coded]) -> tuple[str, ...]:
    """Return what a report speaks of without saying beyond doubt whether it is there.

    That is each Finding, each answer and each mention of one of ``concepts`` of which
    ``reported_findings`` makes nothing.
    """
    read = {id(item) for item, _ in _statements(report)}
    return tuple(
        dict.fromkeys(
            meaning
            for item in _items(report)
            if id(item) not in read
            for meaning in _mentioned(item, concepts)
        )
    )


def same_concept(one: Coded, other: Coded) -> bool:
    """Whether two codes mean the same; those of SNOMED RT are read as of SNOMED CT."""
    return bool(Code(*one, "") == Code(*other, ""))


def predecessors_of(report: Dataset) -> tuple[str, ...]:
    """Return the SOP Instance UIDs of the documents that a report replaces."""
    return tuple(_references(report, "PredecessorDocumentsSequence"))


def evidence_of(report: Dataset) -> tuple[str, ...]:
    """Return the SOP Instance UIDs that a report was made from, other reports among them."""
    return (
        *_references(report, "CurrentRequestedProcedureEvidenceSequence"),
        *_references(report, "PertinentOtherEvidenceSequence"),
    )


def rejected_objects(selection: Dataset) -> tuple[str, ...]:
    """Return the SOP Instance UIDs that a key object selection rejects; none where it does not."""
    return evidence_of(selection) if _name(selection) in _REJECTIONS else ()


def _references(report: Dataset, keyword: str) -> Iterator[str]:
    for study in report.get(keyword) or []:
        for series in study.get("ReferencedSeriesSequence") or []:
            for each in series.get("ReferencedSOPSequence") or []:
                yield str(each.get("ReferencedSOPInstanceUID", ""))


def _statements(report: Dataset) -> Iterator[tuple[Dataset, ReportedFinding]]:
    """Give what is said beyond doubt, each with the content item that says it."""
    for item, counts in _placed(report, counts=True):
        if counts:
            yield from _outlined(item) if _is_group(item) else _answered(item)


def _placed(parent: Dataset, *, counts: bool) -> Iterator[tuple[Dataset, bool]]:
    """Give each content item, and whether all that encloses it are sections for findings."""
    for item in parent.get("ContentSequence") or []:
        yield item, counts
        yield from _placed(item, counts=counts and _is_any(_name(item), _SECTIONS))


def _outlined(group: Dataset) -> Iterator[tuple[Dataset, ReportedFinding]]:
    findings = [each for each in group.get("ContentSequence") or [] if _is_finding(each)]
    if len(findings) != 1 or not _has_only_details(group, _value(findings[0])):
        return
    for region in _regions(group):
        yield (
            findings[0],
            ReportedFinding(
                image_uid=region.image_uid,
                code=region.code,
                meaning=region.meaning,
                present=True,
                frame_numbers=region.frame_numbers,
            ),
        )


def _answered(item: Dataset) -> Iterator[tuple[Dataset, ReportedFinding]]:
    images = list(_images(item)) or [("", ())]
    for present in _answers(item):
        # Of several images, what is there need not be on each; what is not there is on none.
        if not _has_only_details(item, _name(item)) or (present is not False and len(images) > 1):
            return
        for image_uid, frame_numbers in images:
            yield (
                item,
                ReportedFinding(
                    image_uid=image_uid,
                    code=_name(item),
                    meaning=code_meaning(item, "ConceptNameCodeSequence"),
                    present=present,
                    frame_numbers=frame_numbers,
                ),
            )


def _answers(item: Dataset) -> Iterator[bool | None]:
    """Give the answer that a content item holds, if it holds one."""
    if item.get("ValueType") == "CODE":
        value = _value(item)
        yield from (said for code, said in _ANSWERS if same_concept(value, _coded(code)))


def _has_only_details(item: Dataset, subject: Coded) -> bool:
    """Whether nothing below an item may take back what it says of its subject."""
    return all(
        _is_any(_name(each), _DETAILS) or same_concept(_name(each), subject)
        for each in _items(item)
        if each.get("ValueType") == "CODE"
    )


def _mentioned(item: Dataset, concepts: Collection[Coded]) -> Iterator[str]:
    """Give the finding that an item mentions, as its name or as its value."""
    if _is_finding(item):
        yield code_meaning(item, "ConceptCodeSequence")
    elif any(True for _ in _answers(item)) or _is_one_of(_name(item), concepts):
        yield code_meaning(item, "ConceptNameCodeSequence")
    elif _is_one_of(_value(item), concepts):
        yield code_meaning(item, "ConceptCodeSequence")


def _regions(group: Dataset) -> Iterator[ReportedRegion]:
    children = list(group.get("ContentSequence") or [])
    finding = next((each for each in children if _is_finding(each)), None)
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
                meaning=code_meaning(finding, "ConceptCodeSequence"),
                tracking_uid=_text(children, codes.TRACKING_UNIQUE_IDENTIFIER, "UID"),
                tracking_identifier=_text(children, TRACKING_IDENTIFIER, "TextValue"),
                points=np.asarray(coordinates, np.float32).reshape(-1, 2),
            )


def _images(item: Dataset) -> Iterator[tuple[str, tuple[int, ...]]]:
    for child in item.get("ContentSequence") or []:
        if child.get("ValueType") != "IMAGE":
            continue
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


def _groups(parent: Dataset) -> Iterator[Dataset]:
    """Give the measurement groups below an item.

    They are containers, which only containers contain (PS3.3 Table A.35.3-2): names of others are
    not read, which takes most of the time that reading a report takes.
    """
    for item in parent.get("ContentSequence") or []:
        if item.get("ValueType") == "CONTAINER":
            if _is_group(item):
                yield item
            yield from _groups(item)


def _is_group(item: Dataset) -> bool:
    return same_concept(_name(item), _coded(codes.MEASUREMENT_GROUP))


def _is_finding(item: Dataset) -> bool:
    return same_concept(_name(item), _coded(FINDING))


def _is_any(coded: Coded, concepts: Iterable[Code]) -> bool:
    return _is_one_of(coded, map(_coded, concepts))


def _is_one_of(coded: Coded, concepts: Iterable[Coded]) -> bool:
    return any(same_concept(coded, each) for each in concepts)


def _text(items: list[Dataset], name: Code, keyword: str) -> str:
    return next((str(each.get(keyword, "")) for each in items if _name(each) == _coded(name)), "")


def _name(item: Dataset) -> Coded:
    return _code(item, "ConceptNameCodeSequence")


def _value(item: Dataset) -> Coded:
    return _code(item, "ConceptCodeSequence")


def _code(item: Dataset, keyword: str) -> Coded:
    return code_value(item, keyword), scheme(item, keyword)


def _coded(code: Code) -> Coded:
    return code.value, code.scheme_designator
