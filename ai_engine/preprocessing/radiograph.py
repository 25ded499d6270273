"""A radiograph as pixels, whatever way its DICOM object stores them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.pixels.processing import apply_color_lut

from ai_engine.errors import ImageRefusedError
from ai_engine.prediction import RefusalReason, Region, Remark, RemarkKind
from ai_engine.preprocessing.ct_traces import has_traces_of_ct
from ai_engine.preprocessing.decoding import (
    DECODING_ERRORS,
    DecodedPixels,
    decode_pixels,
    require_pixels,
)
from ai_engine.preprocessing.geometry import content_region
from ai_engine.preprocessing.grayscale import display
from ai_engine.preprocessing.image_pixel import ImagePixel, read_image_pixel
from ai_engine.preprocessing.measured import Measured
from ai_engine.preprocessing.patient_context import PatientContext, read_patient_context
from ai_engine.preprocessing.pixel_aspect import read_pixel_aspect
from ai_engine.preprocessing.polarity import read_polarity
from ai_engine.preprocessing.unusual import unusual

T = TypeVar("T")

SMALLEST_SIDE = 256
"""Rows and columns below this hold too little for a model that was made for 384."""

SEXES = "The images of the study state different sexes; the patient may not be the same."

TURNED_PALETTE = (
    "The palette turns the grey scale around, and was followed: dense tissue may be shown dark."
)

NOT_RGB = "Photometric Interpretation is RGB, but the pixels are those of a grey image in YBR."

NOT_YBR = "Photometric Interpretation is of YBR, but the pixels are those of a grey image in RGB."

GREY_TOLERANCE = 12
"""How far the channels of a grey image may lie apart (of 255): JPEG rounds colours."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Radiograph:
    """One grayscale image, ready for any model.

    ``pixels`` is float32 (rows, columns), 0 to 1, bright is dense as in MONOCHROME2, on the source
    image's own grid. ``content`` is the exposed part, without collimator shadows and uniform
    borders. ``aspect_ratio`` is the height of a pixel over its width. ``patient`` is what
    the header says that some models join with the pixels. ``corrections`` are sentences on what the
    header says of the pixels and they do not hold, and how they were read instead; ``unusual`` what
    else it says that a reader must know, each a kind and a sentence. ``has_traces_of_ct`` where the
    header has values of CT.
    """

    sop_instance_uid: str
    pixels: npt.NDArray[np.float32]
    content: Region
    aspect_ratio: float = 1.0
    value_range: tuple[float, float] = (0.0, 1.0)
    patient: PatientContext = field(default_factory=PatientContext)
    corrections: tuple[str, ...] = ()
    unusual: tuple[tuple[RemarkKind, str], ...] = ()
    has_traces_of_ct: bool = False
    _measured: Measured = field(default_factory=Measured, init=False, repr=False)

    def once(self, measure: "Callable[[Radiograph], T]") -> T:
        """Return what a measure says of the image; it is taken once, whoever asks for it."""
        return self._measured.take(lambda: measure(self), measure)

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
        If the object has no pixels, several frames or real colour, is too small or too large, has
        no contrast, can't be decoded, or header and pixels contradict each other in a way that has
        more than one meaning. The message holds no header values but sizes and depths.
    """
    require_pixels(dataset)
    image = read_image_pixel(dataset)
    _require_resolution(image)
    is_inverted, said = read_polarity(dataset, image)
    decoded = decode_pixels(dataset)
    stored, too = _grey(dataset, decoded)
    displayed = display(dataset, stored, is_inverted=is_inverted, shift=decoded.shift)
    aspect = read_pixel_aspect(dataset)
    return Radiograph(
        sop_instance_uid=str(dataset.get("SOPInstanceUID", "")),
        pixels=displayed.pixels,
        content=content_region(displayed.pixels),
        aspect_ratio=aspect.ratio,
        value_range=displayed.value_range,
        patient=read_patient_context(dataset),
        corrections=(
            *said,
            *decoded.corrections,
            *too,
            *displayed.corrections,
            *aspect.corrections,
        ),
        unusual=tuple(unusual(dataset)),
        has_traces_of_ct=has_traces_of_ct(dataset),
    )


def header_remarks(radiographs: Iterable[Radiograph]) -> tuple[Remark, ...]:
    """What a result must say of images by their headers.

    Where header and pixels contradict each other, where an image is no usual radiograph, and where
    images of one study state different sexes.
    """
    images = tuple(radiographs)
    of_images = tuple(
        Remark(kind=kind, sop_instance_uid=each.sop_instance_uid, detail=detail)
        for each in images
        for kind, detail in (
            (RemarkKind.HEADER_CORRECTED, " ".join(each.corrections)),
            *each.unusual,
        )
        if detail
    )
    return (*of_images, *_sexes(images))


def _sexes(radiographs: Sequence[Radiograph]) -> Iterator[Remark]:
    """The ID says whose they are (PS3.3 C.7.1.1); a person must see that more of it is doubtful."""
    stated = [each for each in radiographs if each.patient.sex is not None]
    if len({each.patient.sex for each in stated}) > 1:
        uid = stated[0].sop_instance_uid
        yield Remark(kind=RemarkKind.HEADER_VALUES, sop_instance_uid=uid, detail=SEXES)


def _require_resolution(image: ImagePixel) -> None:
    if image.frames > 1:
        raise ImageRefusedError(RefusalReason.MULTIFRAME, "the model reads one frame")
    if min(image.rows, image.columns) < SMALLEST_SIDE:
        raise ImageRefusedError(
            RefusalReason.TOO_SMALL,
            f"{image.rows} x {image.columns} pixels, at least {SMALLEST_SIDE} needed",
        )


def _grey(
    dataset: Dataset, decoded: DecodedPixels
) -> tuple[npt.NDArray[np.generic], tuple[str, ...]]:
    """Stored values (rows, columns); colour only where its channels agree."""
    stored, photometric = decoded.values, decoded.image.photometric
    if photometric == "PALETTE COLOR":
        levels, stored = stored, _coloured(stored, dataset)
        if _is_grey(stored) and _falls(levels, stored[..., 1]):
            return stored[..., 1], (TURNED_PALETTE,)
    if stored.ndim == 2 and (photometric.startswith("MONOCHROME") or not photometric):
        return stored, ()
    if stored.ndim == 3 and stored.shape[2] == 3:
        return _grey_of_colour(stored, decoded.image, partial(_unconverted, dataset))
    raise ImageRefusedError(
        RefusalReason.UNSUPPORTED_PHOTOMETRIC, "neither grayscale nor three colour channels"
    )


def _coloured(stored: npt.NDArray[np.generic], dataset: Dataset) -> npt.NDArray[np.generic]:
    try:
        return apply_color_lut(stored, dataset)
    except DECODING_ERRORS as error:
        raise ImageRefusedError(
            RefusalReason.UNSUPPORTED_PHOTOMETRIC, "the palette cannot be applied"
        ) from error


def _unconverted(dataset: Dataset) -> npt.NDArray[np.generic]:
    """The channels as they are stored, whatever colour space they are said to be of."""
    return decode_pixels(dataset, raw=True).values


def _falls(levels: npt.NDArray[np.generic], shown: npt.NDArray[np.generic]) -> bool:
    """Whether a palette shows high levels darker than low ones."""
    low, high = np.percentile(levels.astype(np.int64), (5, 95))
    return bool(shown[levels <= low].mean() > shown[levels >= high].mean())


def _grey_of_colour(
    colour: npt.NDArray[np.generic],
    image: ImagePixel,
    as_stored: Callable[[], npt.NDArray[np.generic]],
) -> tuple[npt.NDArray[np.generic], tuple[str, ...]]:
    """The one channel of a grey image that is stored as colour, in either plane order or space."""
    if _is_grey(colour):
        return colour[..., 1], ()
    shape = colour.shape
    if image.planar_configuration:
        other = np.moveaxis(colour, 2, 0).reshape(shape)
    else:
        other = np.moveaxis(colour.reshape(3, *shape[:2]), 0, 2)
    if image.photometric == "RGB" and _is_grey(other):
        said = "Planar Configuration is not that of the pixels, which were read in the other order."
        return other[..., 1], (said,)
    if image.photometric == "RGB" and _has_no_chroma(colour):
        return colour[..., 0], (NOT_RGB,)
    if image.photometric.startswith("YBR") and _is_grey(stored := as_stored()):
        return stored[..., 1], (NOT_YBR,)
    raise ImageRefusedError(RefusalReason.UNSUPPORTED_PHOTOMETRIC, "the image is in colour")


def _has_no_chroma(colour: npt.NDArray[np.generic]) -> bool:
    """Whether the second and third channel are those of grey in YBR_FULL (PS3.3 C.7.6.3.1.2)."""
    middle = 1 << (8 * colour.dtype.itemsize - 1)
    scale = 257 if colour.dtype.itemsize == 2 else 1
    apart = np.abs(colour[::2, ::2, 1:].astype(np.int64) - middle)
    return bool(np.percentile(apart, 99.9) <= GREY_TOLERANCE * scale / 2)


def _is_grey(colour: npt.NDArray[np.generic]) -> bool:
    sparse = colour[::2, ::2].astype(np.int64)
    apart = sparse.max(axis=2) - sparse.min(axis=2)
    scale = 257 if colour.dtype.itemsize == 2 else 1
    return bool(np.percentile(apart, 99.9) <= GREY_TOLERANCE * scale)
