"""Parametric Map (PS3.3 A.75): a heat map's values, for software that computes with them.

The object must have a frame of reference and a plane (PS3.3 A.75.3, A.75.5). A projection lies in
no plane of the patient, and inventing one would let viewers measure and fuse what cannot be: so
radiographs have no map, and the segmentation says where the finding is.
"""

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import ParametricMapStorage

from ai_engine.prediction import Finding, HeatMap, Prediction
from sr_templates import codes
from sr_templates.body_part import add_body_part
from sr_templates.character_set import declare
from sr_templates.context import EvidenceContext
from sr_templates.errors import EvidenceError
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.geometry import Plane, place
from sr_templates.heat_map import placed
from sr_templates.multiframe import (
    add_common_instance_reference,
    add_dimension,
    add_frames,
    add_lossy_compression,
    derivation,
)
from sr_templates.overlay import WARNING
from sr_templates.repair import long_string
from sr_templates.source_image import is_image, rows_and_columns
from sr_templates.subject import Subject, finding_subjects

IMAGE_TYPE = ["DERIVED", "PRIMARY", "VOLUME", "OTHER"]


def build_parametric_map(
    prediction: Prediction,
    source: Dataset,
    context: EvidenceContext,
    *,
    frame_number: int | None = None,
) -> list[Dataset]:
    """Give the heat map of each positive finding as 32-bit values on the image's own grid.

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
        One map of one frame for each positive finding with a heat map, most probable first.

    Raises
    ------
    EvidenceError
        The prediction does not speak of this image, its UIDs are not valid, or its header puts it
        into no plane of a frame of reference, as with every projection radiograph.
    """
    found = [
        (subject, subject.finding, subject.finding.heat_map)
        for subject in finding_subjects(prediction, source, frame_number)
        if subject.finding is not None and subject.finding.heat_map is not None and is_image(source)
    ]
    if found and Plane.of(found[0][0].attributes) is None:
        raise EvidenceError(
            "the image lies in no plane of a frame of reference, as projections do: a parametric"
            " map cannot refer to it"
        )
    return [_map(subject, finding, heat_map, context) for subject, finding, heat_map in found]


def _map(
    subject: Subject, finding: Finding, heat_map: HeatMap, context: EvidenceContext
) -> Dataset:
    dataset = subject.new_object(EvidenceKind.PM, ParametricMapStorage, context)
    add_body_part(dataset, subject.attributes)
    _add_map_image(dataset, subject, finding)
    _add_functional_groups(dataset, subject, finding)
    add_common_instance_reference(dataset, subject.source)
    _add_pixels(dataset, heat_map, rows_and_columns(subject.source))
    declare(dataset, subject.attributes.character_set)
    return dataset


def _add_map_image(dataset: Dataset, subject: Subject, finding: Finding) -> None:
    """Parametric Map Image module (PS3.3 C.8.32.2)."""
    words = f"{finding.title}: model activation"
    if subject.prediction.model.research_only:
        dataset.ImageComments = WARNING
    dataset.ImageType = IMAGE_TYPE
    dataset.ContentLabel = "AI_ACTIVATION"
    dataset.ContentDescription = long_string(words)
    dataset.ContentCreatorName = None
    dataset.BurnedInAnnotation = "NO"
    dataset.RecognizableVisualFeatures = "NO"
    dataset.PresentationLUTShape = "IDENTITY"
    # Acquisition Context module (PS3.3 C.7.6.14): nothing was acquired.
    dataset.AcquisitionContextSequence = []
    add_lossy_compression(dataset, subject.attributes)


def _add_functional_groups(dataset: Dataset, subject: Subject, finding: Finding) -> None:
    """One frame in the source's plane (PS3.3 A.75.5)."""
    shared, frame = Dataset(), Dataset()
    frame.DerivationImageSequence = [derivation(subject, codes.ACTIVATION_MAPPED)]
    frame_type = Dataset()
    frame_type.FrameType = IMAGE_TYPE
    shared.ParametricMapFrameTypeSequence = [frame_type]
    shared.RealWorldValueMappingSequence = [_meaning(finding)]
    shared.FrameVOILUTSequence = [_window()]
    shared.PixelValueTransformationSequence = [_identity()]
    add_frames(dataset, shared, [frame])
    add_dimension(dataset, "ImagePositionPatient", "PlanePositionSequence", [frame], "Position")
    place(dataset, subject.attributes, shared, [frame])


def _meaning(finding: Finding) -> Dataset:
    """Item of Real World Value Mapping Sequence (PS3.3 C.7.6.16.2.11): 0 none, 1 strongest."""
    quantity = Dataset()
    quantity.ValueType = "CODE"
    quantity.ConceptNameCodeSequence = [codes.code_item(codes.QUANTITY)]
    quantity.ConceptCodeSequence = [codes.code_item(codes.CLASS_ACTIVATION)]
    item = Dataset()
    item.DoubleFloatRealWorldValueFirstValueMapped = 0.0
    item.DoubleFloatRealWorldValueLastValueMapped = 1.0
    item.RealWorldValueSlope = 1.0
    item.RealWorldValueIntercept = 0.0
    item.LUTExplanation = long_string(f"{finding.title}: none at 0, strongest at 1")
    item.LUTLabel = "ACTIVATION"
    item.MeasurementUnitsCodeSequence = [codes.code_item(codes.NO_UNITS)]
    item.QuantityDefinitionSequence = [quantity]
    return item


def _window() -> Dataset:
    item = Dataset()
    item.WindowCenter = "0.5"
    item.WindowWidth = "1"
    item.VOILUTFunction = "LINEAR_EXACT"
    return item


def _identity() -> Dataset:
    item = Dataset()
    item.RescaleIntercept = "0"
    item.RescaleSlope = "1"
    item.RescaleType = "US"
    return item


def _add_pixels(dataset: Dataset, heat_map: HeatMap, shape: tuple[int, int]) -> None:
    """Floating Point Image Pixel module (PS3.3 C.7.6.24)."""
    rows, columns = shape
    values = placed(heat_map, shape, rows=rows, columns=columns)
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = rows, columns
    dataset.BitsAllocated = 32
    dataset.FloatPixelData = values.astype(np.dtype("<f4")).tobytes()
