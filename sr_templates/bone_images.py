"""Bone-suppressed and bone-only images as Secondary Captures (PS3.3 A.8.1) on the source's grid.

They look like radiographs and are none: what they are is burned into their lower edge, and says so
in Image Type, Derivation Description and Image Comments. Windows of the source do not hold for
them; they have one of their own.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import SecondaryCaptureImageStorage

from ai_engine.kinds.bones.prediction import BonePrediction
from ai_engine.prediction import ImagePrediction, ModelIdentity, Prediction
from sr_templates import codes
from sr_templates.character_set import declare
from sr_templates.context import EvidenceContext
from sr_templates.errors import EvidenceError
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.fonts import face
from sr_templates.geometry import pixel_spacing
from sr_templates.language.language import result_language
from sr_templates.notices import notices
from sr_templates.overlay import WARNING
from sr_templates.rendition import PLAIN, Rendition
from sr_templates.secondary_capture import add_conversion, copy_anatomy
from sr_templates.source_attributes import SourceAttributes
from sr_templates.source_image import check_identity, uid_of
from sr_templates.subject import Subject

BITS = 12
_WHITE = 2**BITS - 1

TITLES = {
    EvidenceKind.SOFT: "AI image: bones suppressed",
    EvidenceKind.BONE: "AI image: bones only",
}
DERIVATIONS = {
    EvidenceKind.SOFT: "Radiograph less the bones that a network estimated from it alone",
    EvidenceKind.BONE: "The bones that a network estimated from the radiograph alone",
}
_CODES: dict[EvidenceKind, tuple[Code, ...]] = {
    EvidenceKind.SOFT: (codes.BONES_SUPPRESSED, codes.PIXEL_SUBTRACTION),
    EvidenceKind.BONE: (codes.BONES_ESTIMATED,),
}


def build_bone_image(
    kind: EvidenceKind,
    prediction: BonePrediction,
    source: Dataset,
    pixels: npt.NDArray[np.float32],
    context: EvidenceContext,
) -> list[Dataset]:
    """Make the image of one kind from one radiograph.

    Parameters
    ----------
    kind
        ``SOFT`` for the radiograph without bones, ``BONE`` for the bones alone.
    prediction
        The bones; the image is found in it by its SOP Instance UID.
    source
        The radiograph's header.
    pixels
        The radiograph as displayed: shape (rows, columns), float32, 0 black to 1 white.

    Returns
    -------
    list[Dataset]
        One Secondary Capture of as many rows and columns, 12 bits, MONOCHROME2.

    Raises
    ------
    EvidenceError
        The prediction does not hold this image, or its UIDs are not valid.
    """
    subject, bones = _found(prediction, source, pixels.shape)
    values = bones if kind is EvidenceKind.BONE else np.clip(pixels - bones, 0, 1)
    capture = subject.new_object(kind, SecondaryCaptureImageStorage, context)
    add_conversion(capture, context)
    _add_derivation(capture, kind, subject)
    copy_anatomy(capture, subject.attributes)
    _add_spacing(capture, subject.attributes)
    _add_pixels(capture, marked(values, kind, subject.prediction.model, context.rendition))
    declare(capture, subject.attributes.character_set)
    return [capture]


def marked(
    values: npt.NDArray[np.float32],
    kind: EvidenceKind,
    model: ModelIdentity,
    rendition: Rendition = PLAIN,
) -> npt.NDArray[np.uint16]:
    """Give values from 0 to 1 in 12 bits, what they are written along the lower edge."""
    stored: npt.NDArray[np.uint16] = np.rint(np.clip(values, 0, 1) * _WHITE).astype(np.uint16)
    said = f"{TITLES[kind]}. {WARNING}" if model.research_only else TITLES[kind]
    words = result_language(rendition.language.value).said(said)
    rows, columns = stored.shape
    size = max(10.0, columns / 45)
    font = face(size)
    size = min(size, size * 0.96 * columns / font.getlength(words))
    height = min(rows, round(1.6 * size))
    strip = Image.new("L", (columns, height), 0)
    centre = (columns / 2, height / 2)
    ImageDraw.Draw(strip).text(centre, words, fill=255, font=face(size), anchor="mm")
    drawn = np.asarray(strip, dtype=np.float32) / 255
    stored[rows - height :] = np.rint(drawn * _WHITE).astype(np.uint16)
    return stored


def _found(
    prediction: BonePrediction, source: Dataset, shape: tuple[int, ...]
) -> tuple[Subject, npt.NDArray[np.float32]]:
    check_identity(source)
    uid = uid_of(source, "SOPInstanceUID")
    for number, image in enumerate(prediction.images, start=1):
        if image.sop_instance_uid == uid:
            about = ImagePrediction(sop_instance_uid=uid, findings=())
            subject = Subject(
                prediction=Prediction(
                    model=prediction.model, images=(about,), remarks=prediction.remarks
                ),
                source=source,
                attributes=SourceAttributes(source),
                image=about,
                number=number,
            )
            return subject, image.bones(rows=shape[0], columns=shape[1])
    raise EvidenceError("the prediction does not hold the bones of this image: nothing to draw")


def _add_derivation(capture: Dataset, kind: EvidenceKind, subject: Subject) -> None:
    """General Image and General Reference modules (PS3.3 C.7.6.1, C.12.4)."""
    capture.ImageType = ["DERIVED", "SECONDARY"]
    capture.BurnedInAnnotation = "YES"
    words = [TITLES[kind], *notices(subject.prediction.remarks)]
    if subject.prediction.model.research_only:
        words.append(WARNING)
    capture.ImageComments = ". ".join(words)
    capture.DerivationDescription = DERIVATIONS[kind]
    capture.DerivationCodeSequence = [codes.code_item(code) for code in _CODES[kind]]
    item = subject.source_reference()
    item.SpatialLocationsPreserved = "YES"
    capture.SourceImageSequence = [item]


def _add_spacing(capture: Dataset, attributes: SourceAttributes) -> None:
    """SC Image module (PS3.3 C.8.6.2): the source's own distances, or the pixels' shape.

    A projection's spacing at the detector is stated as Pixel Spacing without calibration
    (PS3.3 10.7.1.3): as in the source, lengths in the patient are shorter.
    """
    if spacing := pixel_spacing(attributes):
        capture.PixelSpacing = list(spacing)
        return
    aspect = attributes.values("PixelAspectRatio")
    if len(aspect) == 2 and aspect[0] != aspect[1]:
        capture.PixelAspectRatio = aspect


def _add_pixels(capture: Dataset, stored: npt.NDArray[np.uint16]) -> None:
    """Image Pixel and VOI LUT modules (PS3.3 C.7.6.3, C.11.2): all 12 bits are shown."""
    capture.SamplesPerPixel = 1
    capture.PhotometricInterpretation = "MONOCHROME2"
    capture.Rows, capture.Columns = stored.shape
    capture.BitsAllocated = 16
    capture.BitsStored = BITS
    capture.HighBit = BITS - 1
    capture.PixelRepresentation = 0
    capture.WindowCenter, capture.WindowWidth = str(2 ** (BITS - 1)), str(2**BITS)
    capture.PixelData = stored.astype("<u2").tobytes()
