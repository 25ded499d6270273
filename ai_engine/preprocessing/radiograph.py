"""A radiograph as pixels, whatever way its DICOM object stores them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.pixels.processing import apply_color_lut

from ai_engine.errors import ImageRefusedError
from ai_engine.prediction import RefusalReason, Region
from ai_engine.preprocessing.decoding import DECODING_ERRORS, stored_values
from ai_engine.preprocessing.geometry import content_region
from ai_engine.preprocessing.grayscale import display_pixels, value_range
from ai_engine.preprocessing.patient_context import PatientContext, read_patient_context

SMALLEST_SIDE = 256
"""Rows and columns below this hold too little for a model that was made for 384."""

GREY_TOLERANCE = 12
"""How far the channels of a grey image may lie apart (of 255): JPEG rounds colours."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Radiograph:
    """One grayscale image, ready for any model.

    ``pixels`` is float32 (rows, columns), 0 to 1, bright is dense as in MONOCHROME2, on the source
    image's own grid. ``content`` is the exposed part, without collimator shadows and uniform
    borders. ``aspect_ratio`` is the height of a pixel over its width. ``patient`` is what
    the header says that some models join with the pixels.
    """

    sop_instance_uid: str
    pixels: npt.NDArray[np.float32]
    content: Region
    aspect_ratio: float = 1.0
    value_range: tuple[float, float] = (0.0, 1.0)
    patient: PatientContext = field(default_factory=PatientContext)

    @property
    def rows(self) -> int:
        """Rows of the source image."""
        return int(self.pixels.shape[0])

    @property
    def columns(self) -> int:
        """Columns of the source image."""
        return int(self.pixels.shape[1])


def read_radiograph(dataset: Dataset) -> Radiograph:
    """Decode an image and bring it into display polarity.

    Parameters
    ----------
    dataset
        A parsed DICOM image, possibly compressed, with its file meta information.

    Raises
    ------
    ImageRefusedError
        If the object has no pixels, several frames or real colour, is too small, has no contrast,
        or can't be decoded. The message holds no header values.
    """
    with _refusing("attributes of the image are invalid"):
        _require_single_image(dataset)
    with _refusing("decoder failed"):
        stored = _decode(dataset)
    with _refusing("grayscale attributes are invalid"):
        pixels = display_pixels(dataset, stored)
        shown = value_range(dataset, stored)
        ratio = pixel_aspect_ratio(dataset)
    return Radiograph(
        sop_instance_uid=str(dataset.SOPInstanceUID),
        pixels=pixels,
        content=content_region(pixels),
        aspect_ratio=ratio,
        value_range=shown,
        patient=read_patient_context(dataset),
    )


def pixel_aspect_ratio(dataset: Dataset) -> float:
    """Height over width of a pixel, from Pixel Aspect Ratio or the spacings (PS3.3 C.7.6.3.1.7)."""
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "PixelAspectRatio"):
        value = dataset.get(keyword)
        if value and len(value) == 2:
            height, width = float(value[0]), float(value[1])
            if height > 0 and width > 0 and 0.2 < height / width < 5:
                return height / width
    return 1.0


@contextmanager
def _refusing(what: str) -> Iterator[None]:
    """Turn the decoders' errors into a refusal that names their kind, not their values."""
    try:
        yield
    except DECODING_ERRORS as error:
        raise ImageRefusedError(
            RefusalReason.UNDECODABLE, f"{what} ({type(error).__name__})"
        ) from error


def _require_single_image(dataset: Dataset) -> None:
    if "PixelData" not in dataset:
        raise ImageRefusedError(RefusalReason.NO_PIXELS, "the object has no Pixel Data")
    if int(dataset.get("NumberOfFrames") or 1) > 1:
        raise ImageRefusedError(RefusalReason.MULTIFRAME, "the model reads one frame")
    rows, columns = int(dataset.get("Rows") or 0), int(dataset.get("Columns") or 0)
    if min(rows, columns) < SMALLEST_SIDE:
        raise ImageRefusedError(
            RefusalReason.TOO_SMALL, f"{rows} x {columns} pixels, at least {SMALLEST_SIDE} needed"
        )


def _decode(dataset: Dataset) -> npt.NDArray[np.generic]:
    """Stored values (rows, columns); colour only where its channels agree."""
    stored = stored_values(dataset)
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        stored = apply_color_lut(stored, dataset)
    if stored.ndim == 2 and dataset.PhotometricInterpretation.startswith("MONOCHROME"):
        return stored
    if stored.ndim == 3 and stored.shape[2] == 3:
        return _grey_of(stored)
    raise ImageRefusedError(
        RefusalReason.UNSUPPORTED_PHOTOMETRIC, "neither grayscale nor three colour channels"
    )


def _grey_of(colour: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """The one channel of a grey image that is stored as colour."""
    sparse = colour[::2, ::2].astype(np.int64)
    apart = sparse.max(axis=2) - sparse.min(axis=2)
    scale = 257 if colour.dtype.itemsize == 2 else 1
    if np.percentile(apart, 99.9) > GREY_TOLERANCE * scale:
        raise ImageRefusedError(RefusalReason.UNSUPPORTED_PHOTOMETRIC, "the image is in colour")
    return colour[..., 1]
