"""Secondary Capture Image (PS3.3 A.8.1): the overlay for viewers that read nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from ai_engine.prediction import Finding, ImagePrediction, Prediction
from sr_templates import codes
from sr_templates.anatomy import SIDES, UNPAIRED_BODY_PARTS
from sr_templates.captions import Pixels
from sr_templates.character_set import declare
from sr_templates.context import EvidenceContext
from sr_templates.errors import EvidenceError
from sr_templates.instance import new_instance
from sr_templates.overlay import NO_FINDING, WARNING, draw_overlay, percent
from sr_templates.repair import long_string
from sr_templates.series import EvidenceKind
from sr_templates.source_attributes import SourceAttributes
from sr_templates.source_image import (
    check_identity,
    frame_reference,
    named_instances,
    sop_reference,
    uid_of,
)
from sr_templates.uids import image_uid


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shot:
    """One capture to make: a finding (or None, where there is none) on one image."""

    prediction: Prediction
    image: ImagePrediction
    finding: Finding | None
    number: int
    source: Dataset
    attributes: SourceAttributes


def build_overlays(
    prediction: Prediction,
    source: Dataset,
    pixels: npt.NDArray[np.float32],
    context: EvidenceContext,
    *,
    frame_number: int | None = None,
) -> list[Dataset]:
    """Make one colour Secondary Capture for each positive finding on one image.

    Parameters
    ----------
    prediction
        What the model says about the study; the image is found in it by its SOP Instance UID.
    source
        The image's header.
    pixels
        The image (or its frame) ready for display: shape (rows, columns), float32, 0 black to 1
        white.
    frame_number
        Which frame ``pixels`` is, where the prediction speaks of several frames of one instance.

    Returns
    -------
    list[Dataset]
        One object for each positive finding, most probable first; one that says "no finding above
        threshold" where none is positive; none for an image that was not analysed.

    Raises
    ------
    EvidenceError
        The prediction does not speak of this image, or the image's UIDs are not valid.
    """
    check_identity(source)
    uid = uid_of(source, "SOPInstanceUID")
    if uid not in named_instances(prediction):
        raise EvidenceError("the prediction does not speak of this image: nothing to draw")
    attributes = SourceAttributes(source)
    return [
        _capture(shot, pixels, context)
        for shot in _shots(prediction, source, attributes)
        if shot.image.sop_instance_uid == uid and frame_number in (None, shot.image.frame_number)
    ]


def _shots(
    prediction: Prediction, source: Dataset, attributes: SourceAttributes
) -> Iterator[_Shot]:
    """Number the captures through the whole prediction, so that no two share a number."""
    pairs = [(image, one) for image in prediction.images for one in image.positive or (None,)]
    for number, (image, finding) in enumerate(pairs, start=1):
        yield _Shot(
            prediction=prediction,
            image=image,
            finding=finding,
            number=number,
            source=source,
            attributes=attributes,
        )


def pixel_aspect(attributes: SourceAttributes) -> float:
    """Height of a source pixel over its width; 1 where the header says nothing usable."""
    for keyword in ("PixelAspectRatio", "PixelSpacing", "ImagerPixelSpacing"):
        text = attributes.values(keyword)
        values = [float(value) for value in text]
        if len(values) == 2 and min(values) > 0:
            return values[0] / values[1]
    return 1.0


def _capture(shot: _Shot, pixels: npt.NDArray[np.float32], context: EvidenceContext) -> Dataset:
    overlay = draw_overlay(
        pixels,
        shot.image,
        shot.finding,
        shot.prediction.model,
        max_side=context.max_overlay_side,
        pixel_aspect=pixel_aspect(shot.attributes),
    )
    capture = _new_capture(shot, context)
    _add_derivation(capture, shot)
    _copy_anatomy(capture, shot.attributes)
    _add_pixels(capture, overlay)
    declare(capture, shot.attributes.character_set)
    return capture


def _new_capture(shot: _Shot, context: EvidenceContext) -> Dataset:
    capture = new_instance(
        sop_class_uid=SecondaryCaptureImageStorage,
        sop_instance_uid=image_uid(
            uid_of(shot.source, "StudyInstanceUID"),
            shot.prediction,
            shot.image,
            shot.finding,
            EvidenceKind.SECONDARY_CAPTURE,
        ),
        instance_number=shot.number,
        kind=EvidenceKind.SECONDARY_CAPTURE,
        model=shot.prediction.model,
        attributes=shot.attributes,
        context=context,
    )
    # SC Equipment and SC Image modules (PS3.3 C.8.6.1, C.8.6.2).
    capture.ConversionType = "WSD"
    capture.SecondaryCaptureDeviceManufacturer = long_string(context.manufacturer)
    capture.SecondaryCaptureDeviceManufacturerModelName = long_string(context.model_name)
    capture.SecondaryCaptureDeviceSoftwareVersions = long_string(context.software_version)
    capture.DateOfSecondaryCapture = capture.ContentDate
    capture.TimeOfSecondaryCapture = capture.ContentTime
    return capture


def _add_derivation(capture: Dataset, shot: _Shot) -> None:
    """General Image and General Reference modules (PS3.3 C.7.6.1, C.12.4): from what, and how."""
    capture.ImageType = ["DERIVED", "SECONDARY"]
    capture.BurnedInAnnotation = "YES"
    capture.ImageComments = _comment(shot.finding, shot.prediction)
    capture.DerivationDescription = (
        "Heat map of the model's class activation blended over the image, with captions"
        if shot.finding is not None and shot.finding.heat_map is not None
        else "Image with captions that state the model's result"
    )
    capture.DerivationCodeSequence = [codes.code_item(codes.RESAMPLED)]
    item = sop_reference(shot.source)
    if (frame := frame_reference(shot.source, shot.image.frame_number)) is not None:
        item.ReferencedFrameNumber = frame
    item.PurposeOfReferenceCodeSequence = [codes.code_item(codes.SOURCE_IMAGE)]
    item.SpatialLocationsPreserved = "NO"
    capture.SourceImageSequence = [item]


def _copy_anatomy(capture: Dataset, attributes: SourceAttributes) -> None:
    """Say how the patient lies in the image: captions around it do not change that."""
    orientation = attributes.values("PatientOrientation")
    capture.PatientOrientation = orientation if len(orientation) == 2 else None
    for body_part in attributes.values("BodyPartExamined"):
        capture.BodyPartExamined = body_part
    sides = attributes.values("ImageLaterality") or attributes.values("Laterality")
    if sides and sides[0] in SIDES:
        capture.ImageLaterality = sides[0]
    elif capture.get("BodyPartExamined") not in UNPAIRED_BODY_PARTS:
        capture.Laterality = None
    if attributes.values("LossyImageCompression") == ["01"]:
        # Once lossy, always lossy (PS3.3 C.7.6.1.1.5).
        capture.LossyImageCompression = "01"
        for keyword in ("LossyImageCompressionRatio", "LossyImageCompressionMethod"):
            if values := attributes.values(keyword):
                setattr(capture, keyword, values)


def _comment(finding: Finding | None, prediction: Prediction) -> str:
    words = NO_FINDING
    if finding is not None:
        probability = percent(finding.probability, finding.threshold)
        threshold = percent(finding.threshold, finding.probability)
        words = f"{finding.title}: probability {probability}, threshold {threshold}"
    return f"{words}. {WARNING}" if prediction.model.research_only else words


def _add_pixels(capture: Dataset, overlay: Pixels) -> None:
    """Image Pixel module (PS3.3 C.7.6.3): 8-bit RGB, which takes neither window nor rescale."""
    capture.SamplesPerPixel = 3
    capture.PhotometricInterpretation = "RGB"
    capture.PlanarConfiguration = 0
    capture.Rows, capture.Columns = overlay.shape[:2]
    capture.BitsAllocated = 8
    capture.BitsStored = 8
    capture.HighBit = 7
    capture.PixelRepresentation = 0
    data = overlay.tobytes()
    capture.PixelData = data + b"\0" * (len(data) % 2)
