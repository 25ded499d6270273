"""Segmentation (PS3.3 A.51): the report's regions as a layer that a viewer can switch on and off.

A projection radiograph has no place in space. The Standard asks for a frame of reference, plane
position, orientation and pixel measures only where a segmentation does not say from which image it
is derived (PS3.3 A.51.3 and A.51.5); these always do, so that radiographs of every kind have them.
"""

from collections.abc import Sequence

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import SegmentationStorage

from ai_engine.prediction import Prediction
from sr_templates import codes
from sr_templates.algorithm_identification import parameters_of, segment_algorithm
from sr_templates.character_set import declare
from sr_templates.context import EvidenceContext
from sr_templates.errors import EvidenceError
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.geometry import pixel_spacing, place
from sr_templates.multiframe import (
    add_common_instance_reference,
    add_dimension,
    add_frames,
    add_lossy_compression,
    derivation,
)
from sr_templates.overlay import WARNING
from sr_templates.percent import percent
from sr_templates.polygons import Mask, filled
from sr_templates.repair import long_string
from sr_templates.source_image import rows_and_columns
from sr_templates.subject import Subject, image_subjects
from sr_templates.tracked_regions import TrackedRegion, tracked_regions

# Recommended Display CIELab Value (0062,000D): the overlay's orange, then a yellow and a magenta.
COLORS = ((43908, 43947, 51914), (55705, 34181, 53456), (34078, 52942, 27756))


def build_segmentation(
    prediction: Prediction,
    source: Dataset,
    context: EvidenceContext,
    *,
    frame_number: int | None = None,
) -> list[Dataset]:
    """Segment the regions of one image's positive findings, as the report outlines them.

    Parameters
    ----------
    prediction
        What the model says about the study; the image is found in it by its SOP Instance UID.
    source
        The image's header; pixels are not needed.
    context
        Who makes the object and when.
    frame_number
        Which frame, where the prediction speaks of several frames of one instance; all if None.

    Returns
    -------
    list[Dataset]
        One BINARY segmentation for each analysed image or frame with a localised finding, with a
        segment for each region; its tracking UID is the report's. Empty where nothing is localised.

    Raises
    ------
    EvidenceError
        The prediction does not speak of this image, the image's UIDs are not valid, or it states
        no distance of its pixels: OHIF's page fails on a segmentation without one.
    """
    return [
        _segmentation(subject, regions, context)
        for subject in image_subjects(prediction, source, frame_number)
        if (regions := tracked_regions(subject))
    ]


def _segmentation(
    subject: Subject, regions: Sequence[TrackedRegion], context: EvidenceContext
) -> Dataset:
    require_pixel_spacing(subject)
    segmentation = subject.new_object(EvidenceKind.SEG, SegmentationStorage, context)
    _add_segmentation_image(segmentation, subject)
    segmentation.SegmentSequence = [
        _segment(number, region, subject.prediction)
        for number, region in enumerate(regions, start=1)
    ]
    add_segment_frames(segmentation, subject, len(regions))
    add_common_instance_reference(segmentation, subject.source)
    rows, columns = rows_and_columns(subject.source)
    masks = [filled(region.points, rows=rows, columns=columns) for region in regions]
    add_binary_pixels(segmentation, masks)
    declare(segmentation, subject.attributes.character_set)
    return segmentation


def require_pixel_spacing(subject: Subject) -> None:
    """Raise EvidenceError for an image that states no distance of its pixels."""
    if not pixel_spacing(subject.attributes):
        raise EvidenceError(
            "the image states no pixel spacing: viewers fail on a segmentation without one"
        )


def _add_segmentation_image(segmentation: Dataset, subject: Subject) -> None:
    """Segmentation Image module (PS3.3 C.8.20.2), without its segments."""
    segmentation.ImageType = ["DERIVED", "PRIMARY"]
    segmentation.ContentLabel = "AI_REGIONS"
    segmentation.ContentDescription = long_string(_description(subject.prediction))
    segmentation.ContentCreatorName = None
    segmentation.SegmentationType = "BINARY"
    # Two findings may be seen in one place.
    segmentation.SegmentsOverlap = "UNDEFINED"
    add_lossy_compression(segmentation, subject.attributes)


def _description(prediction: Prediction) -> str:
    words = "Regions of AI findings, not verified"
    return f"{words}. Not for clinical use" if prediction.model.research_only else words


def _segment(number: int, region: TrackedRegion, prediction: Prediction) -> Dataset:
    """Item of Segment Sequence: Segment Description macro (PS3.3 C.8.20.4)."""
    finding = region.finding
    item = Dataset()
    item.SegmentNumber = number
    item.SegmentLabel = long_string(region.identifier)
    item.SegmentDescription = _segment_description(region, prediction)
    item.SegmentAlgorithmType = "AUTOMATIC"
    item.SegmentAlgorithmName = long_string(prediction.model.name)
    item.SegmentationAlgorithmIdentificationSequence = [
        segment_algorithm(prediction.model, parameters_of(prediction))
    ]
    item.SegmentedPropertyCategoryCodeSequence = [codes.code_item(codes.MORPHOLOGICALLY_ABNORMAL)]
    item.SegmentedPropertyTypeCodeSequence = [codes.code_item(codes.concept(finding.code))]
    if finding.site is not None:
        item.AnatomicRegionSequence = [codes.code_item(codes.concept(finding.site))]
    item.TrackingID = region.identifier
    item.TrackingUID = region.uid
    item.RecommendedDisplayCIELabValue = list(COLORS[(number - 1) % len(COLORS)])
    return item


def _segment_description(region: TrackedRegion, prediction: Prediction) -> str:
    finding = region.finding
    probability = percent(region.probability, finding.threshold)
    threshold = percent(finding.threshold, region.probability)
    words = f"{finding.title}: probability {probability}, threshold {threshold}"
    return f"{words}. {WARNING}" if prediction.model.research_only else words


def add_segment_frames(segmentation: Dataset, subject: Subject, segments: int) -> None:
    """One frame for each segment (PS3.3 A.51.5)."""
    shared = Dataset()
    frames = [_frame(number, subject) for number in range(1, segments + 1)]
    add_frames(segmentation, shared, frames)
    add_dimension(
        segmentation, "ReferencedSegmentNumber", "SegmentIdentificationSequence", frames, "Segment"
    )
    place(segmentation, subject.attributes, shared, frames)


def _frame(segment_number: int, subject: Subject) -> Dataset:
    identification = Dataset()
    identification.ReferencedSegmentNumber = segment_number
    frame = Dataset()
    frame.SegmentIdentificationSequence = [identification]
    frame.DerivationImageSequence = [derivation(subject, codes.SEGMENTED)]
    return frame


def add_binary_pixels(segmentation: Dataset, masks: Sequence[Mask]) -> None:
    """Image Pixel module (PS3.3 C.7.6.3): one bit a pixel, packed without gaps (PS3.5 8.1.1)."""
    rows, columns = masks[0].shape
    segmentation.SamplesPerPixel = 1
    segmentation.PhotometricInterpretation = "MONOCHROME2"
    segmentation.Rows, segmentation.Columns = rows, columns
    segmentation.BitsAllocated = 1
    segmentation.BitsStored = 1
    segmentation.HighBit = 0
    segmentation.PixelRepresentation = 0
    data = np.packbits(np.stack(masks), axis=None, bitorder="little").tobytes()
    segmentation.PixelData = data + b"\0" * (len(data) % 2)
    segmentation["PixelData"].VR = "OB"
