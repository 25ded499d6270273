"""Parametric Map (PS3.3 A.75): a heat map's values, for software that computes with them.

The object must have a frame of reference and a plane (PS3.3 A.75.3, A.75.5). A projection lies in
no plane of the patient, and inventing one would let viewers measure and fuse what cannot be: so
radiographs have no map, and the segmentation says where the finding is.
"""

from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import ParametricMapStorage

from ai_engine.prediction import Finding, HeatMap, ImagePrediction, Prediction
from sr_templates import codes
from sr_templates.body_part import add_body_part
from sr_templates.character_set import declare
from sr_templates.context import EvidenceContext
from sr_templates.errors import EvidenceError
from sr_templates.geometry import Plane, place
from sr_templates.heat_map import placed
from sr_templates.instance import new_instance
from sr_templates.multiframe import (
    add_common_instance_reference,
    add_dimension,
    add_frames,
    add_lossy_compression,
    derivation,
)
from sr_templates.overlay import WARNING
from sr_templates.repair import long_string
from sr_templates.series import EvidenceKind
from sr_templates.source_attributes import SourceAttributes
from sr_templates.source_image import is_image, rows_and_columns, uid_of
from sr_templates.tracked_regions import analysed_images
from sr_templates.uids import image_uid

IMAGE_TYPE = ["DERIVED", "PRIMARY", "VOLUME", "OTHER"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """One finding's map on one image."""

    prediction: Prediction
    source: Dataset
    attributes: SourceAttributes
    image: ImagePrediction
    finding: Finding
    heat_map: HeatMap
    number: int


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
    attributes = SourceAttributes(source)
    found = [
        (image, finding, finding.heat_map)
        for _, image in analysed_images(prediction, source, frame_number)
        for finding in image.positive
        if finding.heat_map is not None and is_image(source)
    ]
    if found and Plane.of(attributes) is None:
        raise EvidenceError(
            "the image lies in no plane of a frame of reference, as projections do: a parametric"
            " map cannot refer to it"
        )
    return [
        _map(
            _Subject(
                prediction=prediction,
                source=source,
                attributes=attributes,
                image=image,
                finding=finding,
                heat_map=heat_map,
                number=number,
            ),
            context,
        )
        for number, (image, finding, heat_map) in enumerate(found, start=1)
    ]


def _map(subject: _Subject, context: EvidenceContext) -> Dataset:
    dataset = new_instance(
        sop_class_uid=ParametricMapStorage,
        sop_instance_uid=image_uid(
            uid_of(subject.source, "StudyInstanceUID"),
            subject.prediction,
            subject.image,
            subject.finding,
            EvidenceKind.PARAMETRIC_MAP,
        ),
        instance_number=subject.number,
        kind=EvidenceKind.PARAMETRIC_MAP,
        model=subject.prediction.model,
        attributes=subject.attributes,
        context=context,
    )
    add_body_part(dataset, subject.attributes)
    _add_map_image(dataset, subject)
    _add_functional_groups(dataset, subject)
    add_common_instance_reference(dataset, subject.source)
    _add_pixels(dataset, subject)
    declare(dataset, subject.attributes.character_set)
    return dataset


def _add_map_image(dataset: Dataset, subject: _Subject) -> None:
    """Parametric Map Image module (PS3.3 C.8.32.2)."""
    words = f"{subject.finding.title}: model activation"
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


def _add_functional_groups(dataset: Dataset, subject: _Subject) -> None:
    """One frame in the source's plane (PS3.3 A.75.5)."""
    shared, frame = Dataset(), Dataset()
    frame.DerivationImageSequence = [
        derivation(subject.source, subject.image.frame_number, codes.ACTIVATION_MAPPED)
    ]
    frame_type = Dataset()
    frame_type.FrameType = IMAGE_TYPE
    shared.ParametricMapFrameTypeSequence = [frame_type]
    shared.RealWorldValueMappingSequence = [_meaning(subject)]
    shared.FrameVOILUTSequence = [_window()]
    shared.PixelValueTransformationSequence = [_identity()]
    add_frames(dataset, shared, [frame])
    add_dimension(dataset, "ImagePositionPatient", "PlanePositionSequence", [frame], "Position")
    place(dataset, subject.attributes, shared, [frame])


def _meaning(subject: _Subject) -> Dataset:
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
    item.LUTExplanation = long_string(f"{subject.finding.title}: 0 none, 1 strongest")
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


def _add_pixels(dataset: Dataset, subject: _Subject) -> None:
    """Floating Point Image Pixel module (PS3.3 C.7.6.24)."""
    rows, columns = rows_and_columns(subject.source)
    values = placed(subject.heat_map, (rows, columns), rows=rows, columns=columns)
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = rows, columns
    dataset.BitsAllocated = 32
    dataset.FloatPixelData = values.astype(np.dtype("<f4")).tobytes()
