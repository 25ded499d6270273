"""TID 1600 Image Library, with the descriptors of TID 1602 and 1603 that the source states."""

from collections.abc import Iterable, Iterator, Sequence

from highdicom.sr import (
    CodeContentItem,
    CodedConcept,
    ContainerContentItem,
    ContentItem,
    ContentSequence,
    NumContentItem,
    TextContentItem,
)
from highdicom.sr import RelationshipTypeValues as Relationship
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from sr_templates import codes
from sr_templates.source_attributes import SourceAttributes
from sr_templates.source_image import is_image, reference, rows_and_columns

_ACQUISITION = Relationship.HAS_ACQ_CONTEXT


def image_library(sources: Sequence[Dataset]) -> ContainerContentItem:
    """TID 1600: one group with every image that was looked at, analysed or not.

    OHIF looks for this container without asking whether it is there, so a report always has one.
    """
    library = _container(codes.IMAGE_LIBRARY)
    group = _container(codes.IMAGE_LIBRARY_GROUP)
    group.ContentSequence = ContentSequence(
        [_entry(source) for source in sources if is_image(source)]
    )
    if len(group.ContentSequence):
        library.ContentSequence = ContentSequence([group])
    return library


def _container(name: Code) -> ContainerContentItem:
    return ContainerContentItem(
        name=CodedConcept.from_code(name), relationship_type=Relationship.CONTAINS
    )


def _entry(source: Dataset) -> ContentItem:
    """TID 1601: the image, and what it says of itself."""
    item = reference(source, codes.SOURCE, Relationship.CONTAINS)
    descriptors = list(_descriptors(source))
    if descriptors:
        item.ContentSequence = ContentSequence(descriptors)
    return item


def _descriptors(source: Dataset) -> Iterator[ContentItem]:
    attributes = SourceAttributes(source)
    for modality in attributes.values("Modality"):
        if modality in codes.MODALITIES:
            yield _code(codes.MODALITY, codes.MODALITIES[modality])
    for laterality in (attributes.values("ImageLaterality") or attributes.values("Laterality"))[:1]:
        if laterality in codes.LATERALITIES:
            yield _code(codes.IMAGE_LATERALITY, codes.LATERALITIES[laterality])
    rows, columns = rows_and_columns(source)
    yield _number(codes.PIXEL_DATA_ROWS, rows, codes.PIXELS)
    yield _number(codes.PIXEL_DATA_COLUMNS, columns, codes.PIXELS)
    yield from _orientation(attributes.values("PatientOrientation"))
    yield from _spacing(
        attributes.values("ImagerPixelSpacing") or attributes.values("PixelSpacing")
    )


def _orientation(directions: Sequence[str]) -> Iterable[ContentItem]:
    if len(directions) != 2:
        return ()
    names = (codes.PATIENT_ORIENTATION_ROW, codes.PATIENT_ORIENTATION_COLUMN)
    return [
        TextContentItem(
            name=CodedConcept.from_code(name), value=direction, relationship_type=_ACQUISITION
        )
        for name, direction in zip(names, directions, strict=True)
    ]


def _spacing(values: Sequence[str]) -> Iterable[ContentItem]:
    spacing = [float(value) for value in values]
    if len(spacing) != 2 or min(spacing) <= 0:
        return ()
    return (
        _number(codes.HORIZONTAL_PIXEL_SPACING, spacing[1], codes.MILLIMETER),
        _number(codes.VERTICAL_PIXEL_SPACING, spacing[0], codes.MILLIMETER),
    )


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
