"""TID 1600 Image Library, with the descriptors of TID 1602 to 1604 that the sources state."""

from collections.abc import Iterator, Sequence

from highdicom.sr import (
    CodeContentItem,
    CodedConcept,
    ContainerContentItem,
    ContentItem,
    ContentSequence,
    DateContentItem,
    NumContentItem,
    TextContentItem,
    TimeContentItem,
    UIDRefContentItem,
)
from highdicom.sr import RelationshipTypeValues as Relationship
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from ai_engine.preprocessing.pixel_aspect import is_spacing_of_pixels
from sr_templates import codes
from sr_templates.source_attributes import SourceAttributes
from sr_templates.source_image import is_image, rows_and_columns
from sr_templates.source_reference import reference

Descriptor = (
    CodeContentItem
    | DateContentItem
    | NumContentItem
    | TextContentItem
    | TimeContentItem
    | UIDRefContentItem
)
_ACQUISITION = Relationship.HAS_ACQ_CONTEXT
_DATES = (
    ("StudyDate", codes.STUDY_DATE),
    ("ContentDate", codes.CONTENT_DATE),
    ("AcquisitionDate", codes.ACQUISITION_DATE),
)
_TIMES = (
    ("StudyTime", codes.STUDY_TIME),
    ("ContentTime", codes.CONTENT_TIME),
    ("AcquisitionTime", codes.ACQUISITION_TIME),
)


def image_library(sources: Sequence[Dataset]) -> ContainerContentItem:
    """TID 1600: one group with every image that was looked at, analysed or not.

    What all images say alike is said once, of the group (TID 1600 row 3); an image has what is its
    own. OHIF looks for this container without asking whether it is there, so a report always has
    one, and looks at its first group only, so there is one group.
    """
    library = _container(codes.IMAGE_LIBRARY, template="1600")
    described = [(each, list(_descriptors(each))) for each in sources if is_image(each)]
    if described:
        group = _container(codes.IMAGE_LIBRARY_GROUP)
        shared = _shared([items for _, items in described])
        entries = [
            _entry(source, [item for item in items if _said(item) not in shared])
            for source, items in described
        ]
        common = [item for item in described[0][1] if _said(item) in shared]
        group.ContentSequence = ContentSequence([*common, *entries])
        library.ContentSequence = ContentSequence([group])
    return library


def _shared(described: Sequence[Sequence[Descriptor]]) -> frozenset[tuple[str, str]]:
    """Return the descriptors that every image has, with the same value."""
    return frozenset.intersection(*(frozenset(map(_said, items)) for items in described))


def _said(item: Descriptor) -> tuple[str, str]:
    """Return what a descriptor is of and what it says: alike for two that are alike."""
    value = item.value.value if isinstance(item, CodeContentItem) else item.value
    return item.name.value, str(value)


def _container(name: Code, *, template: str | None = None) -> ContainerContentItem:
    return ContainerContentItem(
        name=CodedConcept.from_code(name),
        relationship_type=Relationship.CONTAINS,
        template_id=template,
    )


def _entry(source: Dataset, descriptors: Sequence[Descriptor]) -> ContentItem:
    """TID 1601: the image, and what it alone says of itself."""
    item = reference(source, codes.SOURCE, Relationship.CONTAINS)
    if descriptors:
        item.ContentSequence = ContentSequence(descriptors)
    return item


def _descriptors(source: Dataset) -> Iterator[Descriptor]:
    """TID 1602, with the rows of TID 1603 and 1604 on orientation, spacing and thickness."""
    attributes = SourceAttributes(source)
    for modality in attributes.values("Modality"):
        if modality in codes.MODALITIES:
            yield _code(codes.MODALITY, codes.MODALITIES[modality])
    for laterality in (attributes.values("ImageLaterality") or attributes.values("Laterality"))[:1]:
        if laterality in codes.LATERALITIES:
            yield _code(codes.IMAGE_LATERALITY, codes.LATERALITIES[laterality])
    yield from _orientation(attributes.values("PatientOrientation"))
    yield from _moments(attributes)
    for uid in attributes.values("FrameOfReferenceUID")[:1]:
        yield UIDRefContentItem(
            name=CodedConcept.from_code(codes.FRAME_OF_REFERENCE_UID),
            value=uid,
            relationship_type=_ACQUISITION,
        )
    rows, columns = rows_and_columns(source)
    yield _number(codes.PIXEL_DATA_ROWS, rows, codes.PIXELS)
    yield _number(codes.PIXEL_DATA_COLUMNS, columns, codes.PIXELS)
    yield from _spacing(
        attributes.values("ImagerPixelSpacing") or attributes.values("PixelSpacing")
    )
    for thickness in attributes.values("SliceThickness")[:1]:
        if float(thickness) > 0:
            yield _number(codes.SLICE_THICKNESS, float(thickness), codes.MILLIMETER)


def _moments(attributes: SourceAttributes) -> Iterator[Descriptor]:
    for (date, date_name), (time, time_name) in zip(_DATES, _TIMES, strict=True):
        for value in attributes.values(date)[:1]:
            yield DateContentItem(
                name=CodedConcept.from_code(date_name), value=value, relationship_type=_ACQUISITION
            )
        for value in attributes.values(time)[:1]:
            yield TimeContentItem(
                name=CodedConcept.from_code(time_name), value=value, relationship_type=_ACQUISITION
            )


def _orientation(directions: Sequence[str]) -> Iterator[Descriptor]:
    if len(directions) != 2:
        return
    names = (codes.PATIENT_ORIENTATION_ROW, codes.PATIENT_ORIENTATION_COLUMN)
    for name, direction in zip(names, directions, strict=True):
        yield TextContentItem(
            name=CodedConcept.from_code(name), value=direction, relationship_type=_ACQUISITION
        )


def _spacing(values: Sequence[str]) -> Iterator[Descriptor]:
    spacing = [float(value) for value in values]
    if len(spacing) != 2 or not is_spacing_of_pixels(spacing):
        return
    yield _number(codes.HORIZONTAL_PIXEL_SPACING, spacing[1], codes.MILLIMETER)
    yield _number(codes.VERTICAL_PIXEL_SPACING, spacing[0], codes.MILLIMETER)


def _code(name: Code, value: Code) -> CodeContentItem:
    return CodeContentItem(
        name=CodedConcept.from_code(name),
        value=CodedConcept.from_code(value),
        relationship_type=_ACQUISITION,
    )


def _number(name: Code, value: float, unit: Code) -> NumContentItem:
    return NumContentItem(
        name=CodedConcept.from_code(name),
        value=value,
        unit=CodedConcept.from_code(unit),
        relationship_type=_ACQUISITION,
    )
