"""What the gate asks of the objects that go with a report and its overlays.

Each check says in sentences what is wrong, without quoting a value.
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from pydicom.dataset import Dataset
from pydicom.uid import (
    EncapsulatedPDFStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    KeyObjectSelectionDocumentStorage,
    ParametricMapStorage,
    SegmentationStorage,
)

_FRAMES = (
    "ImageType",
    "NumberOfFrames",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "DimensionOrganizationSequence",
    "DimensionIndexSequence",
    "ReferencedSeriesSequence",
    "ContentLabel",
    "ContentDate",
    "ContentTime",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "Rows",
    "Columns",
    "BitsAllocated",
)
# Type 1 by class, as PS3.3 lists them in each information object's modules.
COMPANION_TYPE_1: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        SegmentationStorage: (
            *_FRAMES,
            "SegmentationType",
            "SegmentSequence",
            "LossyImageCompression",
            "PixelData",
        ),
        GrayscaleSoftcopyPresentationStateStorage: (
            "ContentLabel",
            "PresentationCreationDate",
            "PresentationCreationTime",
            "ReferencedSeriesSequence",
            "DisplayedAreaSelectionSequence",
            "GraphicAnnotationSequence",
            "GraphicLayerSequence",
            "PresentationLUTShape",
        ),
        ParametricMapStorage: (
            *_FRAMES,
            "FrameOfReferenceUID",
            "LossyImageCompression",
            "PresentationLUTShape",
            "FloatPixelData",
        ),
        EncapsulatedPDFStorage: (
            "ConversionType",
            "BurnedInAnnotation",
            "ContentDate",
            "ContentTime",
            "DocumentTitle",
            "SourceInstanceSequence",
            "MIMETypeOfEncapsulatedDocument",
            "EncapsulatedDocument",
            "EncapsulatedDocumentLength",
        ),
        KeyObjectSelectionDocumentStorage: (
            "ContentDate",
            "ContentTime",
            "ValueType",
            "ConceptNameCodeSequence",
            "ContinuityOfContent",
            "ContentTemplateSequence",
            "ContentSequence",
            "CurrentRequestedProcedureEvidenceSequence",
        ),
    }
)


def _segmentation(dataset: Dataset) -> Iterator[str]:
    """PS3.3 C.8.20.2: numbered segments, each tracked and with a frame; one bit a pixel, or eight.

    The node's own have one; those of others may say fractions.
    """
    segments = list(dataset.get("SegmentSequence") or [])
    if [item.get("SegmentNumber") for item in segments] != list(range(1, len(segments) + 1)):
        yield "the segments are not numbered from 1 without gaps"
    tracking = [item.get("TrackingUID") for item in segments]
    if None in tracking or len(set(tracking)) < len(tracking):
        yield "a segment has no tracking UID, or shares one"
    frames = list(dataset.get("PerFrameFunctionalGroupsSequence") or [])
    # What holds of every frame alike may be said once (PS3.3 C.7.6.16.1.1).
    shared = (dataset.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]
    common = shared.get("SegmentIdentificationSequence") or [Dataset()]
    shown = [frame.get("SegmentIdentificationSequence") or common for frame in frames]
    numbers = {item[0].get("ReferencedSegmentNumber") for item in shown}
    if numbers != {item.get("SegmentNumber") for item in segments}:
        yield "the frames do not show the segments that are described"
    if "DerivationImageSequence" not in shared and any(
        "DerivationImageSequence" not in frame for frame in frames
    ):
        yield "a frame does not say which image it is derived from"
    is_fractional = dataset.get("SegmentationType") == "FRACTIONAL"
    yield from _frame_pixels(dataset, "PixelData", bits=8 if is_fractional else 1)


def _parametric_map(dataset: Dataset) -> Iterator[str]:
    """PS3.3 A.75.5: values that say what they mean, in a plane; 32 bits each."""
    shared = (dataset.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]
    for keyword in ("PixelMeasuresSequence", "PlaneOrientationSequence"):
        if keyword not in shared:
            yield "the map does not say in which plane it lies"
    if "RealWorldValueMappingSequence" not in shared:
        yield "the map does not say what its values mean"
    yield from _frame_pixels(dataset, "FloatPixelData", bits=32)


def _frame_pixels(dataset: Dataset, keyword: str, *, bits: int) -> Iterator[str]:
    frames = dataset.get("PerFrameFunctionalGroupsSequence") or []
    if len(frames) != dataset.get("NumberOfFrames"):
        yield "Number of Frames (0028,0008) is not the number of functional groups"
    values = int(dataset.get("Rows") or 0) * int(dataset.get("Columns") or 0) * len(frames)
    size = -(-values * bits // 8)
    if len(dataset.get(keyword) or b"") != size + size % 2:
        yield "the pixel data is not as long as rows, columns and frames say"


def _presentation_state(dataset: Dataset) -> Iterator[str]:
    """PS3.3 C.10.5, C.10.7: what is drawn is on a layer that is there, and outlines are closed."""
    layers = {item.get("GraphicLayer") for item in dataset.get("GraphicLayerSequence") or []}
    for annotation in dataset.get("GraphicAnnotationSequence") or []:
        if annotation.get("GraphicLayer") not in layers:
            yield "an annotation is on a layer that is not described"
        for graphic in annotation.get("GraphicObjectSequence") or []:
            data = list(graphic.get("GraphicData") or [])
            if len(data) != 2 * int(graphic.get("NumberOfGraphicPoints") or 0):
                yield "an outline has not as many coordinates as points"
            elif data[:2] != data[-2:]:
                yield "an outline is not closed"
    if ("RescaleSlope" in dataset) != ("RescaleType" in dataset):
        yield "the rescale is not complete"


def _key_objects(dataset: Dataset) -> Iterator[str]:
    """TID 2010: something is selected, and all of it is in the evidence."""
    selected = {
        str(reference.ReferencedSOPInstanceUID)
        for item in dataset.get("ContentSequence") or []
        for reference in item.get("ReferencedSOPSequence") or []
    }
    evidence = {
        str(reference.ReferencedSOPInstanceUID)
        for study in dataset.get("CurrentRequestedProcedureEvidenceSequence") or []
        for series in study.ReferencedSeriesSequence
        for reference in series.ReferencedSOPSequence
    }
    if not selected:
        yield "nothing is selected"
    if selected != evidence:
        yield "the selection and its evidence sequence do not list the same instances"


def _document(dataset: Dataset) -> Iterator[str]:
    """PS3.3 C.24.2: the document is a whole PDF of the length that is stated."""
    data = bytes(dataset.get("EncapsulatedDocument") or b"")
    length = int(dataset.get("EncapsulatedDocumentLength") or 0)
    if len(data) != length + length % 2:
        yield "the document is not as long as it says"
    if not data.startswith(b"%PDF-") or b"%%EOF" not in data[-16:]:
        yield "the document is not a whole PDF"


COMPANION_CHECKS: Mapping[str, Callable[[Dataset], Iterator[str]]] = MappingProxyType(
    {
        SegmentationStorage: _segmentation,
        GrayscaleSoftcopyPresentationStateStorage: _presentation_state,
        ParametricMapStorage: _parametric_map,
        EncapsulatedPDFStorage: _document,
        KeyObjectSelectionDocumentStorage: _key_objects,
    }
)
