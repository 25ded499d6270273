"""A gate in the process: what is wrong with an evidence object, before it is sent.

This is not a validator of everything; it holds back what receivers reject, lose or misfile: missing
required attributes, invalid values and UIDs, an object outside its source's study, a report whose
tree lacks TID 1500's required rows or refers to instances that its evidence does not list.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

from pydicom.config import RAISE
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sr.coding import Code
from pydicom.tag import BaseTag, Tag
from pydicom.uid import SecondaryCaptureImageStorage
from pydicom.valuerep import validate_value

from sr_templates import codes
from sr_templates.companion_validation import COMPANION_CHECKS, COMPANION_TYPE_1
from sr_templates.contradictions import contradictions
from sr_templates.forms.form import (
    BASIC_TEXT,
    COMPREHENSIVE,
    COMPREHENSIVE_3D,
    ENHANCED,
    FORM_OF,
)
from sr_templates.forms.tree import misfits
from sr_templates.repair import is_uid
from sr_templates.source_attributes import SourceAttributes
from sr_templates.source_image import EVIDENCE_SEQUENCES, IDENTITY

# Type 1 must have a value, type 2 must be there (PS3.5 7.4). By module, as PS3.3 lists them.
TYPE_1 = (
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "Modality",
)
TYPE_2 = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
    "SeriesNumber",
    "Manufacturer",
    "InstanceNumber",
)
_REPORT = (
    "ContentDate",
    "ContentTime",
    "CompletionFlag",
    "VerificationFlag",
    "ValueType",
    "ConceptNameCodeSequence",
    "ContinuityOfContent",
    "ContentSequence",
    "CurrentRequestedProcedureEvidenceSequence",
    "SoftwareVersions",
    "ManufacturerModelName",
    "DeviceSerialNumber",
)
TYPE_1_BY_CLASS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        COMPREHENSIVE_3D.sop_class_uid: (*_REPORT, "ContentTemplateSequence"),
        COMPREHENSIVE.sop_class_uid: (*_REPORT, "ContentTemplateSequence"),
        ENHANCED.sop_class_uid: (*_REPORT, "ContentTemplateSequence"),
        BASIC_TEXT.sop_class_uid: _REPORT,
        SecondaryCaptureImageStorage: (
            "ConversionType",
            "ImageType",
            "BurnedInAnnotation",
            "SourceImageSequence",
            "DerivationDescription",
            "SamplesPerPixel",
            "PhotometricInterpretation",
            "Rows",
            "Columns",
            "BitsAllocated",
            "BitsStored",
            "HighBit",
            "PixelRepresentation",
            "PixelData",
        ),
        **COMPANION_TYPE_1,
    }
)
TYPE_1_ANY_KIND = ("ContentQualification", "ContributingEquipmentSequence")
# What a grey source has and an RGB image may not: viewers would apply it.
FORBIDDEN_IN_RGB = (
    "WindowCenter",
    "WindowWidth",
    "RescaleIntercept",
    "RescaleSlope",
    "VOILUTSequence",
    "ModalityLUTSequence",
    "PresentationLUTShape",
)
# An object's own UIDs, in it and in its series: never another's to repeat.
_OWN_UIDS = frozenset({"SOPInstanceUID", "MediaStorageSOPInstanceUID"})
SAME_AS_SOURCE = ("StudyInstanceUID", "PatientID")


def problems(dataset: Dataset, sources: Sequence[Dataset] = ()) -> tuple[str, ...]:
    """Say what is wrong with an evidence object; an empty tuple lets it pass.

    Parameters
    ----------
    dataset
        An object of any kind that this package builds.
    sources
        Headers of the images it was made from, to compare the study with.

    Returns
    -------
    tuple[str, ...]
        One sentence each, naming attributes but never quoting patient data.
    """
    checks: tuple[Iterator[str], ...] = (
        _attributes(dataset),
        _values(dataset, _repeatable(sources)),
        _study(dataset, sources),
        _content(dataset),
    )
    return tuple(dict.fromkeys(problem for check in checks for problem in check))


def _attributes(dataset: Dataset) -> Iterator[str]:
    sop_class = str(dataset.get("SOPClassUID", ""))
    if sop_class not in TYPE_1_BY_CLASS:
        yield "SOPClassUID is not of a kind that this gate knows"
    for keyword in TYPE_1 + TYPE_1_ANY_KIND + TYPE_1_BY_CLASS.get(sop_class, ()):
        if keyword not in dataset or dataset[keyword].is_empty:
            yield f"{_name(Tag(keyword))} has no value (type 1)"
    for keyword in TYPE_2:
        if keyword not in dataset:
            yield f"{_name(Tag(keyword))} is missing (type 2)"


def _repeatable(sources: Sequence[Dataset]) -> frozenset[str]:
    """Return the sources' own identifiers, which results repeat as they stand, valid or not."""
    return frozenset(
        SourceAttributes(source).as_it_stands(keyword)
        for source in sources
        for keyword in (*IDENTITY, "FrameOfReferenceUID", "PatientID")
    ) - {""}


def _values(dataset: Dataset, repeatable: frozenset[str]) -> Iterator[str]:
    """Check every value, in sequences too, against its value representation (PS3.5 6.2)."""
    for element in dataset.iterall():
        if element.VR == "UI":
            yield from _uids(element, repeatable)
        elif element.VR not in ("SQ", "OB", "OW") and not element.is_empty:
            if element.keyword == "PatientID" and _plain(element.value) in repeatable:
                continue
            yield from _value(element)


def _uids(element: DataElement, repeatable: frozenset[str]) -> Iterator[str]:
    values = [str(each) for each in (element.value if element.VM > 1 else [element.value]) if each]
    repeated = frozenset() if element.keyword in _OWN_UIDS else repeatable
    if any(not is_uid(each) and each not in repeated for each in values):
        yield f"{_name(element.tag)} is not a valid UID"


def _plain(value: object) -> str:
    """Return a value as it is written: one with a backslash is read as several."""
    return "\\".join(map(str, value)) if isinstance(value, MultiValue | list) else str(value or "")


def _value(element: DataElement) -> Iterator[str]:
    values = element.value if element.VM > 1 else [element.value]
    try:
        for value in values:
            validate_value(element.VR, str(value) if element.VR in ("DS", "IS") else value, RAISE)
    except ValueError:
        yield f"{_name(element.tag)} is not valid as {element.VR}"


def _study(dataset: Dataset, sources: Sequence[Dataset]) -> Iterator[str]:
    for keyword in SAME_AS_SOURCE:
        of_sources = {SourceAttributes(source).as_it_stands(keyword) for source in sources}
        if of_sources and of_sources != {_plain(dataset.get(keyword))}:
            yield f"{_name(Tag(keyword))} differs from the source image's"


def _content(dataset: Dataset) -> Iterator[str]:
    checks: Mapping[str, Callable[[Dataset], Iterator[str]]] = {
        COMPREHENSIVE_3D.sop_class_uid: _measurements,
        COMPREHENSIVE.sop_class_uid: _measurements,
        ENHANCED.sop_class_uid: _measurements,
        BASIC_TEXT.sop_class_uid: _report,
        SecondaryCaptureImageStorage: _capture,
        **COMPANION_CHECKS,
    }
    if (check := checks.get(str(dataset.get("SOPClassUID", "")))) is not None:
        yield from check(dataset)


def _capture(dataset: Dataset) -> Iterator[str]:
    samples = dataset.get("SamplesPerPixel")
    if samples == 3:
        if "PlanarConfiguration" not in dataset:
            yield f"{_name(Tag('PlanarConfiguration'))} has no value (type 1)"
        for keyword in FORBIDDEN_IN_RGB:
            if keyword in dataset:
                yield f"{_name(Tag(keyword))} has no place in an RGB image"
    if {"Rows", "Columns", "PixelData", "BitsAllocated"} <= set(dataset.dir()) and samples:
        size = dataset.Rows * dataset.Columns * samples * dataset.BitsAllocated // 8
        if len(dataset.PixelData) != size + size % 2:
            yield "Pixel Data (7FE0,0010) is not as long as rows, columns and samples say"


def _report(dataset: Dataset) -> Iterator[str]:
    """Any report: its form allows the tree, every item has a name, every reference evidence."""
    yield from misfits(dataset, FORM_OF[str(dataset.SOPClassUID)])
    items = list(_items(dataset))
    if any("ConceptNameCodeSequence" not in item for item in items):
        yield "a content item has no concept name, which stops viewers"
    if not _referenced(items) <= _evidence(dataset):
        yield "the report refers to instances that its evidence sequence does not list"


def _measurements(dataset: Dataset) -> Iterator[str]:
    """TID 1500: its root, the rows that must be there, and its groups."""
    templates = dataset.get("ContentTemplateSequence") or [Dataset()]
    if templates[0].get("TemplateIdentifier") != "1500":
        yield "the root of the report is not TID 1500"
    rows = list(dataset.get("ContentSequence") or [])
    for concept in (codes.PROCEDURE_REPORTED, codes.OBSERVER_TYPE, codes.IMAGING_MEASUREMENTS):
        if not any(_is_named(row, concept) for row in rows):
            yield f"the report has no {concept.meaning}"
    yield from _groups(list(_items(dataset)))
    yield from contradictions(dataset)
    yield from _report(dataset)


def _groups(items: Sequence[Dataset]) -> Iterator[str]:
    groups = [item for item in items if _is_named(item, codes.MEASUREMENT_GROUP)]
    tracking = []
    for group in groups:
        children = list(group.get("ContentSequence") or [])
        regions = [item for item in (*children, *_coordinates(children)) if _is_region(item)]
        if len(regions) != 1:
            yield "a measurement group has no region, or several: viewers fail on it"
        first = next((child for child in children if child.get("ValueType") == "UIDREF"), None)
        if first is None or not _is_named(first, codes.TRACKING_UNIQUE_IDENTIFIER):
            yield "a measurement group's first UIDREF is not its tracking UID"
        else:
            tracking.append(first.UID)
    if len(set(tracking)) < len(tracking):
        yield "two measurement groups share a tracking UID"


def _coordinates(children: Sequence[Dataset]) -> Iterator[Dataset]:
    """What a group's numbers were measured with (TID 320), which viewers draw as its region."""
    for child in children:
        if child.get("ValueType") == "NUM":
            yield from child.get("ContentSequence") or []


def _is_region(item: Dataset) -> bool:
    return bool(item.get("ValueType") == "SCOORD")


def _items(parent: Dataset) -> Iterator[Dataset]:
    for item in parent.get("ContentSequence") or []:
        yield item
        yield from _items(item)


def _is_named(item: Dataset, concept: Code) -> bool:
    names = item.get("ConceptNameCodeSequence") or [Dataset()]
    stated = names[0].get("CodeValue"), names[0].get("CodingSchemeDesignator")
    return stated == (concept.value, concept.scheme_designator)


def _referenced(items: Sequence[Dataset]) -> set[str]:
    return {
        str(reference.ReferencedSOPInstanceUID)
        for item in items
        for reference in item.get("ReferencedSOPSequence") or []
    }


def _evidence(dataset: Dataset) -> set[str]:
    return {
        str(reference.ReferencedSOPInstanceUID)
        for keyword in EVIDENCE_SEQUENCES
        for study in dataset.get(keyword) or []
        for series in study.ReferencedSeriesSequence
        for reference in series.ReferencedSOPSequence
    }


def _name(tag: BaseTag) -> str:
    """Name an attribute as the Standard does: Patient's Age (0010,1010)."""
    return f"{DataElement(tag, 'LO', None).name} {tag}".replace("((", "(").replace("))", ")")
