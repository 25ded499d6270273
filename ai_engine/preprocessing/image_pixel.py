"""What a header says of its pixels: the Image Pixel module (PS3.3 C.7.6.3)."""

import re
from dataclasses import dataclass

from pydicom import Dataset

from ai_engine.errors import ImageRefusedError
from ai_engine.prediction import RefusalReason
from ai_engine.preprocessing.header_values import UnreadableValueError, integer, word

MOST_PIXELS = 2**26
"""Pixels of one image: 8192 x 8192 is more than any radiograph, stitched ones included; decoding
and displaying it takes about a gigabyte."""

MOST_BYTES = 2**30
"""What all that is decoded at once may take: 4096 frames of 512 x 512 in 8 bits."""

_DEEPEST = 32
_GREY = re.compile(r"MONO(?:CHROME?)?([12])")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePixel:
    """The module's values; None where one is absent or empty.

    ``photometric`` is in upper case, without blanks, "" where it is missing. ``overlay_bits`` are
    those that old overlays lie in (PS3.3 C.9.2, retired form), as a mask.
    """

    rows: int
    columns: int
    frames: int
    samples: int
    bits_allocated: int | None
    bits_stored: int | None
    high_bit: int | None
    is_signed: bool | None
    planar_configuration: int
    photometric: str
    overlay_bits: int = 0

    @property
    def samples_in_frame(self) -> int:
        """How many numbers one frame stores where it is not compressed."""
        subsampled = self.photometric == "YBR_FULL_422"
        return self.rows * self.columns * (2 if subsampled else self.samples)


def read_image_pixel(dataset: Dataset) -> ImagePixel:
    """Read the module, and refuse what is more than any radiograph or CT slice.

    Raises
    ------
    ImageRefusedError
        A value is not a number, Rows or Columns are missing, or a frame is larger than
        `MOST_PIXELS`.
    """
    try:
        return _read(dataset)
    except UnreadableValueError as error:
        raise unreadable(error) from error


def require_memory(image: ImagePixel, frames: int) -> None:
    """Refuse what would take more than `MOST_BYTES` once so many frames of it are decoded.

    Raises
    ------
    ImageRefusedError
        It would.
    """
    bits = image.bits_allocated if image.bits_allocated in {1, 8, 16, 32} else _DEEPEST
    if image.rows * image.columns * image.samples * frames * bits > 8 * MOST_BYTES:
        raise ImageRefusedError(
            RefusalReason.TOO_LARGE,
            f"{frames} frames of {image.rows} x {image.columns} pixels take more than "
            f"{MOST_BYTES >> 20} MiB; send them as single objects",
        )


def unreadable(error: UnreadableValueError) -> ImageRefusedError:
    """The refusal of an image for a value that cannot be read."""
    return ImageRefusedError(
        RefusalReason.UNREADABLE_VALUE,
        f"{error.keyword} is not what the Standard has there; correct it at the sender",
    )


def _read(dataset: Dataset) -> ImagePixel:
    rows, columns = integer(dataset, "Rows") or 0, integer(dataset, "Columns") or 0
    if min(rows, columns) < 1:
        raise ImageRefusedError(
            RefusalReason.CONTRADICTORY, "there are pixels, but no Rows or Columns; send it again"
        )
    photometric = _photometric(dataset)
    grey = photometric.startswith("MONOCHROME") or photometric in {"", "PALETTE COLOR"}
    image = ImagePixel(
        rows=rows,
        columns=columns,
        frames=max(integer(dataset, "NumberOfFrames") or 1, 1),
        samples=integer(dataset, "SamplesPerPixel") or (1 if grey else 3),
        bits_allocated=integer(dataset, "BitsAllocated"),
        bits_stored=integer(dataset, "BitsStored"),
        high_bit=integer(dataset, "HighBit"),
        is_signed={0: False, 1: True}.get(integer(dataset, "PixelRepresentation") or 0)
        if "PixelRepresentation" in dataset
        else None,
        planar_configuration=int(integer(dataset, "PlanarConfiguration") == 1),
        photometric=photometric,
        overlay_bits=_overlay_bits(dataset),
    )
    _require_size(image)
    return image


def _photometric(dataset: Dataset) -> str:
    """'monochrome 2', 'MONO-2' and 'MONOCHROME2\\MONOCHROME2' have one meaning."""
    stated = word(dataset, "PhotometricInterpretation")
    values = {re.sub(r"[^A-Z0-9]", "", each) for each in stated.split("\\")}
    grey = _GREY.fullmatch(values.pop()) if len(values) == 1 else None
    return f"MONOCHROME{grey[1]}" if grey else stated


def _require_size(image: ImagePixel) -> None:
    if image.rows * image.columns > MOST_PIXELS:
        raise ImageRefusedError(
            RefusalReason.TOO_LARGE,
            f"{image.rows} x {image.columns} pixels, at most {MOST_PIXELS} are decoded",
        )
    if image.samples not in {1, 3, 4}:
        raise ImageRefusedError(
            RefusalReason.CONTRADICTORY, f"{image.samples} samples per pixel are not an image"
        )
    if image.samples > 1 and image.photometric.startswith("MONOCHROME"):
        raise ImageRefusedError(
            RefusalReason.CONTRADICTORY,
            f"a grey image with {image.samples} samples per pixel; correct either at the sender",
        )


def _overlay_bits(dataset: Dataset) -> int:
    """Overlay Bit Position (60xx,0102) of overlays without data of their own.

    Beside the pixels' own bits alone: a position of 0 may also be left of an overlay whose data
    were removed.
    """
    stored, high = integer(dataset, "BitsStored") or 0, integer(dataset, "HighBit") or 0
    own = range(high + 1 - stored, high + 1)
    mask = 0
    for group in range(0x6000, 0x6020, 2):
        data = dataset.get((group, 0x3000))
        if (group, 0x0102) in dataset and not (data and data.value):
            position = dataset[group, 0x0102].value
            if isinstance(position, int) and 0 <= position < 32 and position not in own:
                mask |= 1 << position
    return mask
