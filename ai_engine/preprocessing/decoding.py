"""The stored values of an image: all of them, as header and code stream agree, or a refusal."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.pixels.utils import pixel_array
from pydicom.uid import JPEGLSTransferSyntaxes

from ai_engine.errors import ImageRefusedError
from ai_engine.prediction import RefusalReason
from ai_engine.preprocessing.bit_layout import BitLayout, Placed, place_bits, smoothest
from ai_engine.preprocessing.frame_source import FrameSource, frame_source
from ai_engine.preprocessing.header_values import UnreadableValueError, integer
from ai_engine.preprocessing.image_pixel import ImagePixel, read_image_pixel
from ai_engine.preprocessing.row_length import require_rows_that_fit
from ai_engine.preprocessing.whole_streams import require_whole

FLOATING = ("FloatPixelData", "DoubleFloatPixelData")
"""Where parametric maps hold their values (PS3.3 C.7.6.24, C.7.6.25)."""

# What pydicom and its decoders raise on pixel data that is damaged or unsupported.
DECODING_ERRORS = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DecodedPixels:
    """Stored values (rows, columns), (rows, columns, samples) or (frames, …), and their header.

    ``image`` is the header as far as it was right, and corrected where it was not; ``corrections``
    are sentences that say so. ``shift`` is how many bits the values were shifted right by.
    """

    values: npt.NDArray[Any]
    image: ImagePixel
    corrections: tuple[str, ...] = ()
    shift: int = 0


def require_pixels(dataset: Dataset) -> None:
    """Refuse an object without pixels, or with pixels that no radiograph and no CT slice has.

    Raises
    ------
    ImageRefusedError
        It is one.
    """
    if any(keyword in dataset for keyword in FLOATING):
        raise ImageRefusedError(
            RefusalReason.UNDECODABLE,
            "the pixels are floating-point numbers; send the image in whole numbers",
        )
    if "PixelData" not in dataset:
        raise ImageRefusedError(RefusalReason.NO_PIXELS, "the object has no Pixel Data")


def decode_pixels(
    dataset: Dataset, *, frame: int | None = None, raw: bool = False
) -> DecodedPixels:
    """Decode an image, or one of its frames.

    Parameters
    ----------
    dataset
        A parsed DICOM image with its file meta information.
    frame
        Which frame, counted from 0; ``None`` for all.
    raw
        Leave colours in the colour space that they are stored in.

    Raises
    ------
    ImageRefusedError
        There are no pixels, or they are damaged, break off, are compressed in an unsupported way,
        are too many, or contradict the header in a way that has no one meaning. The message holds
        no header values but sizes and depths.
    """
    require_pixels(dataset)
    image = read_image_pixel(dataset)
    with refusing_damage():
        source = _whole_source(dataset, image, frame)
        values = _decoded(source, frame, raw=raw)
        placed = _placed_beside_padding(values, source, dataset)
    if source.stream is None or source.stream.rows is None:
        require_rows_that_fit(placed.values)
    corrections = (*source.corrections, *((placed.correction,) if placed.correction else ()))
    return DecodedPixels(
        values=placed.values, image=source.image, corrections=corrections, shift=placed.shift
    )


def require_decodable(dataset: Dataset) -> None:
    """Check all that can be checked without decoding, before a decoder is given an image.

    Raises
    ------
    ImageRefusedError
        As `decode_pixels` does.
    """
    image = read_image_pixel(dataset)
    with refusing_damage():
        _whole_source(dataset, image, None)


def _whole_source(dataset: Dataset, image: ImagePixel, frame: int | None) -> FrameSource:
    source = frame_source(dataset, image, frame)
    require_whole(source.dataset, frame)
    return source


def _decoded(source: FrameSource, frame: int | None, *, raw: bool) -> npt.NDArray[Any]:
    syntax = source.dataset.file_meta.TransferSyntaxUID
    # Four times as fast as pydicom's first choice.
    plugin = "pyjpegls" if syntax in JPEGLSTransferSyntaxes else ""
    if source.image.frames == 1:
        frame = 0
    values = pixel_array(source.dataset, index=frame, raw=raw, decoding_plugin=plugin)
    # Words are looked at as signed and unsigned ones: of big endian they would be others.
    return np.asarray(values, values.dtype.newbyteorder("="))


def _placed_beside_padding(
    values: npt.NDArray[Any], source: FrameSource, dataset: Dataset
) -> Placed:
    """Take the pixels out of the words; padding of more bits than Bits Stored stays as declared.

    It is no pixel, so it says nothing of where the pixels' bits are.
    """
    stored, words = source.image.bits_stored, 8 * values.dtype.itemsize
    try:
        padding = integer(dataset, "PixelPaddingValue")
    except UnreadableValueError:
        padding = None
    if padding is None or values.dtype.kind != "u" or not stored or not 1 <= stored < words:
        return _placed(values, source)
    word = padding % (1 << words)
    is_padding = values == word
    if word >> stored == 0 or is_padding.all() or not is_padding.any():
        return _placed(values, source)
    placed = _placed(np.where(is_padding, values[~is_padding].min(), values), source)
    if placed.shift:
        return _placed(values, source)
    kept = np.where(is_padding, values.view(placed.values.dtype), placed.values)
    return replace(placed, values=kept)


def _placed(values: npt.NDArray[Any], source: FrameSource) -> Placed:
    """Take the pixels out of the decoded words, by the header's Bits Stored, High Bit and sign."""
    stated, stream, words = source.image, source.stream, 8 * values.dtype.itemsize
    if stated.bits_allocated == 1 or values.dtype.kind == "f":
        return Placed(values=values)
    if stream is not None and stream.is_signed:
        return _signed_stream(values, stream.precision or words, stated)
    deepest = (stream and stream.precision) or words
    stored = deepest if stated.bits_stored is None else stated.bits_stored
    high = stated.high_bit
    correction = ""
    if not 1 <= stored <= words:
        correction = f"Bits Stored is {stored}, but words have {words} bits: all were read."
        stored, high = words, words - 1
    if stored >= deepest or high is None or high >= words:
        stored = min(stored, deepest)
        high = stored - 1
    is_signed = stated.is_signed
    if stream is not None and stream.is_signed is False and is_signed:
        stored, high, is_signed = deepest, deepest - 1, None
    layout = BitLayout(
        stored=stored, high=high, is_signed=is_signed, overlay_bits=stated.overlay_bits
    )
    placed = place_bits(values, layout)
    if correction and not placed.correction:
        return Placed(values=placed.values, correction=correction, shift=placed.shift)
    return placed


def _signed_stream(values: npt.NDArray[Any], precision: int, stated: ImagePixel) -> Placed:
    """Signed JPEG 2000: the code stream's sign counts, unless the pixels speak for the header's."""
    if stated.is_signed or int(values.min()) >= 0:
        return Placed(values=values)
    unsigned = values.astype(np.int64) & ((1 << precision) - 1)
    said = "The code stream is signed, Pixel Representation says otherwise"
    if smoothest([values, unsigned], precision) == 1:
        unsigned = unsigned.astype(f"u{values.dtype.itemsize}")
        return Placed(values=unsigned, correction=f"{said}: read as unsigned.")
    return Placed(values=values, correction=f"{said}: read as signed.")


@contextmanager
def refusing_damage() -> Iterator[None]:
    """Turn what decoders raise into a refusal that names the image's fault, not their error.

    Raises
    ------
    ImageRefusedError
        A decoder has failed.
    """
    try:
        yield
    except DECODING_ERRORS as error:
        raise _damaged() from error
    except BaseException as error:
        # A panic of a decoder in Rust is no Exception, and its class cannot be imported.
        if type(error).__name__ != "PanicException":
            raise
        raise _damaged() from error


def _damaged() -> ImageRefusedError:
    return ImageRefusedError(
        RefusalReason.UNDECODABLE,
        "Pixel Data is damaged, or coded in a way that no decoder here reads; send it again",
    )
