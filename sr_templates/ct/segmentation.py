"""Segmentation (PS3.3 A.51) of a CT series: both lungs, and the inhomogeneity by pattern."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import SegmentationStorage

from ai_engine.ct import codes as engine_codes
from ai_engine.ct.prediction import CtPrediction
from ai_engine.ct.results import Pattern, Side
from sr_templates import codes
from sr_templates.algorithm_identification import segment_algorithm
from sr_templates.character_set import declare
from sr_templates.context import EvidenceContext
from sr_templates.ct import codes as ct_codes
from sr_templates.ct.algorithm import ct_parameters
from sr_templates.ct.subject import CtSubject, ct_subject
from sr_templates.ct.volumetric_roi import title
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.multiframe import add_frames, add_lossy_compression
from sr_templates.repair import long_string
from sr_templates.source_image import sop_reference, uid_of
from sr_templates.uids import derived_uid

Mask = npt.NDArray[np.bool_]

# Recommended Display CIELab Value (0062,000D): two blues for the lungs, warm colours for patterns.
COLORS = {
    Side.RIGHT: (43000, 30000, 20000),
    Side.LEFT: (46000, 24000, 27000),
    Pattern.GROUND_GLASS: (55705, 34181, 53456),
    Pattern.CONSOLIDATION: (34885, 53485, 50171),
    Pattern.NODULE: (43908, 43947, 51914),
    Pattern.ATELECTASIS: (34078, 52942, 27756),
    Pattern.UNDECIDED: (48000, 36000, 36000),
}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Frame:
    """One segment on one slice: ``segment`` and ``place`` count from 1, ``index`` from 0."""

    segment: int
    place: int
    index: int
    plane: Mask


def build_ct_segmentation(
    prediction: CtPrediction, sources: Sequence[Dataset], context: EvidenceContext
) -> list[Dataset]:
    """Segment the lungs and what was found in them, slice by slice.

    Parameters
    ----------
    prediction
        The measurements of one series.
    sources
        Headers of the study's images, pixels not needed.
    context
        Who makes the object and when.

    Returns
    -------
    list[Dataset]
        One BINARY segmentation with a segment for each lung and each pattern, and a frame for each
        slice that a segment is on; none where no series was analysed. Its UID and the segments'
        tracking UIDs are those that the report refers to.

    Raises
    ------
    EvidenceError
        The sources are none or of several studies, have invalid UIDs, or lack an image of the
        prediction.
    """
    if prediction.analysis is None:
        return []
    subject = ct_subject(prediction, sources)
    frames = list(_frames(subject))
    segmentation = subject.new_object(EvidenceKind.SEG, SegmentationStorage, context)
    _add_segmentation_image(segmentation, subject)
    _add_functional_groups(segmentation, subject, frames)
    _add_dimensions(segmentation)
    _add_references(segmentation, subject)
    _add_pixels(segmentation, subject, frames)
    declare(segmentation, subject.attributes.character_set)
    return [segmentation]


def _frames(subject: CtSubject) -> Iterator[_Frame]:
    """Segment by segment, from head to feet; a lung that was not found still has one, empty frame.

    The standard wants a frame for each segment, and the report's lungs are always two.
    """
    analysis = subject.analysis
    masks = [analysis.right_lung, analysis.left_lung, *(m for _, m in analysis.inhomogeneity)]
    for segment, packed in enumerate(masks, start=1):
        mask = packed.unpack()
        indices = np.flatnonzero(mask.any(axis=(1, 2))) if mask.any() else np.array([0])
        for index in map(int, indices):
            yield _Frame(segment=segment, place=index + 1, index=index, plane=mask[index])


def _add_segmentation_image(segmentation: Dataset, subject: CtSubject) -> None:
    """Segmentation Image module (PS3.3 C.8.20.2)."""
    words = "Lungs and AI findings, not verified"
    if subject.prediction.model.research_only:
        words = f"{words}. Not for clinical use"
    segmentation.ImageType = ["DERIVED", "PRIMARY"]
    segmentation.ContentLabel = "AI_LUNGS"
    segmentation.ContentDescription = long_string(words)
    segmentation.ContentCreatorName = None
    segmentation.SegmentationType = "BINARY"
    # Patterns lie in the lungs.
    segmentation.SegmentsOverlap = "YES"
    add_lossy_compression(segmentation, subject.attributes)
    segmentation.SegmentSequence = [
        _segment(number, what, subject) for number, what in enumerate(subject.segments, start=1)
    ]


def _segment(number: int, what: Side | Pattern, subject: CtSubject) -> Dataset:
    """Item of Segment Sequence: Segment Description macro (PS3.3 C.8.20.4)."""
    is_lung = isinstance(what, Side)
    category = ct_codes.ANATOMICAL_STRUCTURE if is_lung else codes.MORPHOLOGICALLY_ABNORMAL
    item = Dataset()
    item.SegmentNumber = number
    item.SegmentLabel = title(what)
    item.SegmentAlgorithmType = "AUTOMATIC"
    item.SegmentAlgorithmName = long_string(subject.prediction.model.name)
    item.SegmentationAlgorithmIdentificationSequence = [
        segment_algorithm(subject.prediction.model, ct_parameters(subject.prediction))
    ]
    item.SegmentedPropertyCategoryCodeSequence = [codes.code_item(category)]
    item.SegmentedPropertyTypeCodeSequence = [codes.code_item(codes.concept(what.code))]
    if not is_lung:
        site = codes.concept(engine_codes.LUNG)
        item.AnatomicRegionSequence = [codes.code_item(site)]
    item.TrackingID = title(what)
    item.TrackingUID = subject.tracking_uid(what)
    item.RecommendedDisplayCIELabValue = list(COLORS[what])
    return item


def _add_functional_groups(
    segmentation: Dataset, subject: CtSubject, frames: Sequence[_Frame]
) -> None:
    """Frame of reference, plane and derivation of each frame (PS3.3 A.51.5, C.7.4.1)."""
    geometry = subject.analysis.geometry
    measures = Dataset()
    measures.PixelSpacing = [f"{value:.10g}" for value in geometry.spacing[1:]]
    thickness = subject.attributes.values("SliceThickness") or [f"{geometry.spacing[0]:.10g}"]
    measures.SliceThickness = thickness[0]
    measures.SpacingBetweenSlices = f"{geometry.spacing[0]:.10g}"
    orientation = Dataset()
    orientation.ImageOrientationPatient = [
        f"{value:.10g}" for value in (*geometry.columns_along, *geometry.rows_along)
    ]
    shared = Dataset()
    shared.PixelMeasuresSequence = [measures]
    shared.PlaneOrientationSequence = [orientation]
    frame_of_reference = subject.attributes.values("FrameOfReferenceUID")
    segmentation.FrameOfReferenceUID = (
        frame_of_reference[0]
        if frame_of_reference
        else derived_uid("frame of reference", uid_of(subject.first, "SeriesInstanceUID"))
    )
    segmentation.PositionReferenceIndicator = None
    add_frames(segmentation, shared, [_functional_groups(frame, subject) for frame in frames])


def _functional_groups(frame: _Frame, subject: CtSubject) -> Dataset:
    geometry = subject.analysis.geometry
    item = Dataset()
    content = Dataset()
    content.DimensionIndexValues = [frame.segment, frame.place]
    item.FrameContentSequence = [content]
    identification = Dataset()
    identification.ReferencedSegmentNumber = frame.segment
    item.SegmentIdentificationSequence = [identification]
    position = Dataset()
    position.ImagePositionPatient = [f"{value:.10g}" for value in geometry.positions[frame.index]]
    item.PlanePositionSequence = [position]
    source = subject.reference(geometry.references[frame.index])
    source.PurposeOfReferenceCodeSequence = [codes.code_item(codes.SOURCE_IMAGE)]
    source.SpatialLocationsPreserved = "YES"
    derivation = Dataset()
    derivation.DerivationCodeSequence = [codes.code_item(codes.SEGMENTED)]
    derivation.SourceImageSequence = [source]
    item.DerivationImageSequence = [derivation]
    return item


def _add_dimensions(segmentation: Dataset) -> None:
    """Multi-frame Dimension module (PS3.3 C.7.6.17): segment, then position from head to feet."""
    organization = Dataset()
    organization.DimensionOrganizationUID = derived_uid("dimension", segmentation.SOPInstanceUID)
    indices = []
    for pointer, group, label in (
        ("ReferencedSegmentNumber", "SegmentIdentificationSequence", "Segment"),
        ("ImagePositionPatient", "PlanePositionSequence", "Position"),
    ):
        index = Dataset()
        index.DimensionOrganizationUID = organization.DimensionOrganizationUID
        index.DimensionIndexPointer = Tag(pointer)
        index.FunctionalGroupPointer = Tag(group)
        index.DimensionDescriptionLabel = label
        indices.append(index)
    segmentation.DimensionOrganizationSequence = [organization]
    segmentation.DimensionIndexSequence = indices


def _add_references(segmentation: Dataset, subject: CtSubject) -> None:
    """Common Instance Reference module (PS3.3 C.12.2): every slice of the series."""
    series = Dataset()
    series.SeriesInstanceUID = uid_of(subject.slices[0], "SeriesInstanceUID")
    series.ReferencedInstanceSequence = [sop_reference(source) for source in subject.slices]
    segmentation.ReferencedSeriesSequence = [series]


def _add_pixels(segmentation: Dataset, subject: CtSubject, frames: Sequence[_Frame]) -> None:
    """Image Pixel module (PS3.3 C.7.6.3): one bit a pixel, packed without gaps (PS3.5 8.1.1)."""
    _, rows, columns = subject.analysis.geometry.shape
    segmentation.SamplesPerPixel = 1
    segmentation.PhotometricInterpretation = "MONOCHROME2"
    segmentation.Rows, segmentation.Columns = rows, columns
    segmentation.BitsAllocated = 1
    segmentation.BitsStored = 1
    segmentation.HighBit = 0
    segmentation.PixelRepresentation = 0
    planes = np.stack([frame.plane for frame in frames])
    data = np.packbits(planes, axis=None, bitorder="little").tobytes()
    segmentation.PixelData = data + b"\0" * (len(data) % 2)
    segmentation["PixelData"].VR = "OB"
