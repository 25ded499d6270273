"""Secondary Captures (PS3.3 A.8.1) of a CT's key slices, with outlines burned in."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from ai_engine.ct.prediction import CtPrediction
from ai_engine.ct.results import KeySlice
from ai_engine.ct.slices import SliceReference
from sr_templates import codes
from sr_templates.character_set import declare
from sr_templates.context import EvidenceContext
from sr_templates.ct.impression import ct_impression
from sr_templates.ct.overlay import draw_key_slice, nothing_found
from sr_templates.ct.subject import CtSubject, ct_subject
from sr_templates.ct.volumetric_roi import title
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.notices import notices
from sr_templates.overlay import WARNING
from sr_templates.secondary_capture import add_conversion, add_pixels, copy_anatomy

PixelsOf = Callable[[SliceReference], npt.NDArray[np.float32]]
"""Gives one slice in the lung window: float32 (rows, columns), 0 black to 1 white."""


def build_key_slices(
    prediction: CtPrediction,
    sources: Sequence[Dataset],
    pixels_of: PixelsOf,
    context: EvidenceContext,
) -> list[Dataset]:
    """Make one colour Secondary Capture for each key slice, from head to feet.

    Parameters
    ----------
    prediction
        The measurements of one series.
    sources
        Headers of the study's images.
    pixels_of
        Gives the slices to draw on.
    context
        Who makes the objects and when.

    Returns
    -------
    list[Dataset]
        The captures; where nothing was found, one slice that says so; none where no series was
        analysed.

    Raises
    ------
    EvidenceError
        The sources are none or of several studies, have invalid UIDs, or lack an image of the
        prediction.
    """
    if prediction.analysis is None:
        return []
    subject = ct_subject(prediction, sources)
    return [
        _capture(subject, key, number, pixels_of(key.reference), context)
        for number, key in enumerate(subject.analysis.key_slices, start=1)
    ]


def _capture(
    subject: CtSubject,
    key: KeySlice,
    number: int,
    pixels: npt.NDArray[np.float32],
    context: EvidenceContext,
) -> Dataset:
    picture = draw_key_slice(
        pixels,
        key,
        subject.analysis,
        subject.prediction.model,
        max_side=context.max_overlay_side,
        notices=notices(subject.prediction.remarks),
        impression=ct_impression(subject.prediction),
        rendition=context.rendition,
    )
    capture = subject.new_object(
        EvidenceKind.SC,
        SecondaryCaptureImageStorage,
        context,
        number=number,
        parts=(key.reference.sop_instance_uid, str(key.reference.frame_number)),
    )
    add_conversion(capture, context)
    _add_derivation(capture, subject, key)
    copy_anatomy(capture, subject.attributes)
    add_pixels(capture, picture)
    declare(capture, subject.attributes.character_set)
    return capture


def _add_derivation(capture: Dataset, subject: CtSubject, key: KeySlice) -> None:
    """General Image and General Reference modules (PS3.3 C.7.6.1, C.12.4): from what, and how."""
    found = ", ".join(title(pattern) for pattern in key.patterns) or nothing_found(subject.analysis)
    words = f"{found}, slice {key.number} from the head"
    capture.ImageType = ["DERIVED", "SECONDARY"]
    capture.BurnedInAnnotation = "YES"
    capture.ImageComments = (
        f"{words}. {WARNING}" if subject.prediction.model.research_only else words
    )
    capture.DerivationDescription = (
        "CT slice in the lung window with outlines of lungs and inhomogeneity, and captions"
    )
    capture.DerivationCodeSequence = [codes.code_item(codes.RESAMPLED)]
    item = subject.reference(key.reference)
    item.PurposeOfReferenceCodeSequence = [codes.code_item(codes.SOURCE_IMAGE)]
    item.SpatialLocationsPreserved = "NO"
    capture.SourceImageSequence = [item]
