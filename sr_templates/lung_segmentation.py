"""Segmentation (PS3.3 A.51) of the lungs on a frontal radiograph, a segment for each.

It is a layer of the lung model's own, in a series of its own: what is normal anatomy must not be
mistaken for a finding.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code as Concept
from pydicom.uid import SegmentationStorage

from ai_engine.ct import codes as ct_codes
from ai_engine.prediction import ImagePrediction, ModelIdentity, Prediction
from sr_templates import codes
from sr_templates.algorithm_identification import segment_algorithm, weights_parameter
from sr_templates.character_set import declare
from sr_templates.context import EvidenceContext
from sr_templates.ct.codes import ANATOMICAL_STRUCTURE
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.multiframe import add_common_instance_reference, add_lossy_compression
from sr_templates.repair import long_string
from sr_templates.segmentation import (
    add_binary_pixels,
    add_segment_frames,
    require_pixel_spacing,
)
from sr_templates.source_attributes import SourceAttributes
from sr_templates.source_image import check_identity, uid_of
from sr_templates.subject import Subject
from sr_templates.uids import anatomy_tracking_uid

Mask = npt.NDArray[np.bool_]

RIGHT_LUNG = codes.concept(ct_codes.RIGHT_LUNG)
LEFT_LUNG = codes.concept(ct_codes.LEFT_LUNG)

# Findings and anatomy are series apart, and have numbers apart.
ANATOMY_OFFSET = 10

# Recommended Display CIELab Value (0062,000D): a light blue and a light green.
COLORS = {RIGHT_LUNG: (46003, 27242, 24415), LEFT_LUNG: (51143, 23130, 42148)}


def build_lung_segmentation(
    model: ModelIdentity,
    image_left: Mask,
    image_right: Mask,
    source: Dataset,
    context: EvidenceContext,
) -> list[Dataset]:
    """Segment the lungs on one radiograph.

    Parameters
    ----------
    model
        The model that outlined them.
    image_left, image_right
        Bool (rows, columns): the lung on the image's left side, which is the patient's right one
        unless Patient Orientation (0020,0020) says otherwise, and the one on its right side.
    source
        The image's header; pixels are not needed.
    context
        Who makes the object and when.

    Returns
    -------
    list[Dataset]
        One BINARY segmentation with a segment for each lung that was found; empty without any, and
        for an image that lies in space (it has a frame of reference), which is no projection.

    Raises
    ------
    EvidenceError
        Its UIDs are not valid, or it states no distance of its pixels.
    """
    found = [
        (concept, mask) for concept, mask in _sides(source, image_left, image_right) if mask.any()
    ]
    if not found or "FrameOfReferenceUID" in source:
        return []
    subject = _subject(model, source)
    require_pixel_spacing(subject)
    segmentation = subject.new_object(EvidenceKind.SEG, SegmentationStorage, context)
    segmentation.SeriesNumber += ANATOMY_OFFSET
    segmentation.SeriesDescription = long_string(f"AI lungs: {model.title}")
    segmentation.ImageType = ["DERIVED", "PRIMARY"]
    segmentation.ContentLabel = "AI_LUNGS"
    segmentation.ContentDescription = long_string("Lungs outlined by AI, not verified")
    segmentation.ContentCreatorName = None
    segmentation.SegmentationType = "BINARY"
    segmentation.SegmentsOverlap = "NO"
    add_lossy_compression(segmentation, subject.attributes)
    segmentation.SegmentSequence = [
        _segment(number, concept, subject) for number, (concept, _) in enumerate(found, start=1)
    ]
    add_segment_frames(segmentation, subject, len(found))
    add_common_instance_reference(segmentation, source)
    add_binary_pixels(segmentation, [mask for _, mask in found])
    declare(segmentation, subject.attributes.character_set)
    return [segmentation]


def _sides(source: Dataset, image_left: Mask, image_right: Mask) -> Sequence[tuple[Concept, Mask]]:
    """Rows run towards the patient's left in the usual display; Patient Orientation may differ."""
    orientation = SourceAttributes(source).values("PatientOrientation")
    if orientation and orientation[0][:1] == "R":
        return (RIGHT_LUNG, image_right), (LEFT_LUNG, image_left)
    return (RIGHT_LUNG, image_left), (LEFT_LUNG, image_right)


def _subject(model: ModelIdentity, source: Dataset) -> Subject:
    check_identity(source)
    image = ImagePrediction(sop_instance_uid=uid_of(source, "SOPInstanceUID"), findings=())
    return Subject(
        prediction=Prediction(model=model, images=(image,)),
        source=source,
        attributes=SourceAttributes(source),
        image=image,
        number=1,
    )


def _segment(number: int, concept: Concept, subject: Subject) -> Dataset:
    """Item of Segment Sequence: Segment Description macro (PS3.3 C.8.20.4)."""
    model = subject.prediction.model
    item = Dataset()
    item.SegmentNumber = number
    item.SegmentLabel = concept.meaning
    item.SegmentAlgorithmType = "AUTOMATIC"
    item.SegmentAlgorithmName = long_string(model.name)
    item.SegmentationAlgorithmIdentificationSequence = [
        segment_algorithm(model, [weights_parameter(model)])
    ]
    item.SegmentedPropertyCategoryCodeSequence = [codes.code_item(ANATOMICAL_STRUCTURE)]
    item.SegmentedPropertyTypeCodeSequence = [codes.code_item(concept)]
    item.TrackingID = concept.meaning
    item.TrackingUID = anatomy_tracking_uid(
        uid_of(subject.source, "StudyInstanceUID"), model, subject.image, concept.value
    )
    item.RecommendedDisplayCIELabValue = list(COLORS[concept])
    return item
