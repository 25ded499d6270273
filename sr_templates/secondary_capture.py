"""Secondary Capture Image (PS3.3 A.8.1): the overlay for viewers that read nothing else."""

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from ai_engine.prediction import Finding, Prediction
from sr_templates import codes
from sr_templates.anatomy import SIDES, UNPAIRED_BODY_PARTS
from sr_templates.captions import Pixels
from sr_templates.character_set import declare
from sr_templates.context import EvidenceContext
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.impression import impression
from sr_templates.notices import notices
from sr_templates.overlay import NO_FINDING, WARNING, Draw, draw_overlays
from sr_templates.percent import percent
from sr_templates.repair import long_string
from sr_templates.source_attributes import SourceAttributes
from sr_templates.subject import Subject, finding_subjects

# No detector has pixels that are longer than this; a header that says so is wrong.
MOST_OBLONG = 5.0


def build_overlays(
    prediction: Prediction,
    source: Dataset,
    pixels: npt.NDArray[np.float32],
    context: EvidenceContext,
    *,
    frame_number: int | None = None,
    draw: Draw = draw_overlays,
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
    draw
        Draws the pictures.

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
    subjects = list(finding_subjects(prediction, source, frame_number))
    return [
        _capture(subject, overlay, context)
        for subject, overlay in zip(subjects, _drawn(subjects, pixels, context, draw), strict=True)
    ]


def sketch_overlays(
    prediction: Prediction,
    source: Dataset,
    pixels: npt.NDArray[np.float32],
    context: EvidenceContext,
    draw: Draw,
) -> None:
    """Draw the pictures of `build_overlays`, and no objects; parameters and errors are its own."""
    for _ in _drawn(list(finding_subjects(prediction, source)), pixels, context, draw):
        pass


def _drawn(
    subjects: Sequence[Subject],
    pixels: npt.NDArray[np.float32],
    context: EvidenceContext,
    draw: Draw,
) -> Iterator[Pixels]:
    """Draw the subjects of one image, frame by frame, in their order."""
    for _, group in groupby(subjects, key=lambda subject: subject.image.frame_number):
        of_image = list(group)
        yield from draw(
            pixels,
            of_image[0].image,
            [subject.finding for subject in of_image],
            of_image[0].prediction.model,
            max_side=context.max_overlay_side,
            pixel_aspect=pixel_aspect(of_image[0].attributes),
            notices=notices(of_image[0].prediction.remarks, of_image[0].image.sop_instance_uid),
            impression=impression(of_image[0].prediction),
            rendition=context.rendition,
        )


def pixel_aspect(attributes: SourceAttributes) -> float:
    """Height of a source pixel over its width; 1 where the header says nothing believable.

    Pixel Aspect Ratio counts where no spacing is stated (PS3.3 C.7.6.3.1.7).
    """
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "PixelAspectRatio"):
        values = [float(value) for value in attributes.values(keyword)]
        if len(values) == 2 and 0 < max(values) < MOST_OBLONG * min(values):
            return values[0] / values[1]
    return 1.0


def _capture(subject: Subject, overlay: Pixels, context: EvidenceContext) -> Dataset:
    capture = subject.new_object(EvidenceKind.SC, SecondaryCaptureImageStorage, context)
    add_conversion(capture, context)
    _add_derivation(capture, subject)
    copy_anatomy(capture, subject.attributes)
    add_pixels(capture, overlay)
    declare(capture, subject.attributes.character_set)
    return capture


def add_conversion(capture: Dataset, context: EvidenceContext) -> None:
    """SC Equipment and SC Image modules (PS3.3 C.8.6.1, C.8.6.2)."""
    capture.ConversionType = "WSD"
    capture.SecondaryCaptureDeviceManufacturer = long_string(context.manufacturer)
    capture.SecondaryCaptureDeviceManufacturerModelName = long_string(context.model_name)
    capture.SecondaryCaptureDeviceSoftwareVersions = long_string(context.software_version)
    capture.DateOfSecondaryCapture = capture.ContentDate
    capture.TimeOfSecondaryCapture = capture.ContentTime


def _add_derivation(capture: Dataset, subject: Subject) -> None:
    """General Image and General Reference modules (PS3.3 C.7.6.1, C.12.4): from what, and how."""
    capture.ImageType = ["DERIVED", "SECONDARY"]
    capture.BurnedInAnnotation = "YES"
    capture.ImageComments = _comment(subject.finding, subject.prediction)
    capture.DerivationDescription = _derivation(subject.finding)
    capture.DerivationCodeSequence = [codes.code_item(codes.RESAMPLED)]
    item = subject.source_reference()
    item.SpatialLocationsPreserved = "NO"
    capture.SourceImageSequence = [item]


def copy_anatomy(capture: Dataset, attributes: SourceAttributes) -> None:
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
    if attributes.is_lossy:
        # Once lossy, always lossy (PS3.3 C.7.6.1.1.5).
        capture.LossyImageCompression = "01"
        for keyword in ("LossyImageCompressionRatio", "LossyImageCompressionMethod"):
            if values := attributes.values(keyword):
                setattr(capture, keyword, values)


def _derivation(finding: Finding | None) -> str:
    if finding is not None and finding.heat_map is not None:
        return "Heat map of the model's class activation blended over the image, with captions"
    if finding is not None and finding.boxes:
        return "The model's boxes drawn over the image, with captions"
    return "Image with captions that state the model's result"


def _comment(finding: Finding | None, prediction: Prediction) -> str:
    words = NO_FINDING
    if finding is not None:
        probability = percent(finding.probability, finding.threshold)
        threshold = percent(finding.threshold, finding.probability)
        words = f"{finding.title}: probability {probability}, threshold {threshold}"
    return f"{words}. {WARNING}" if prediction.model.research_only else words


def add_pixels(capture: Dataset, overlay: Pixels) -> None:
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
