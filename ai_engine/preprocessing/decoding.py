"""The stored values of an image: all of them, as header and code stream agree, or a refusal."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom import Dataset
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
)

from ai_engine.errors import ImageRefusedError
from ai_engine.prediction import RefusalReason
from ai_engine.preprocessing.bit_layout import BitLayout, Placed, place_bits, smoothest
from ai_engine.preprocessing.frame_source import FrameSource, frame_source, frame_streams
from ai_engine.preprocessing.image_pixel import ImagePixel, read_image_pixel

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

_END_OF_IMAGE = b"\xff\xd9"
_LOSSY = frozenset({JPEGBaseline8Bit, JPEGExtended12Bit})
# libjpeg reads up to 8 bytes ahead of the block that it decodes.
_READ_AHEAD = bytes(16)


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
    if "PixelData" not in dataset:
        raise ImageRefusedError(RefusalReason.NO_PIXELS, "the object has no Pixel Data")
    image = read_image_pixel(dataset)
    with refusing_damage():
        source = _whole_source(dataset, image, frame)
        values = _decoded(source, frame, raw=raw)
        placed = _placed(values, source)
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
    _require_whole(source.dataset, frame)
    return source


def _decoded(source: FrameSource, frame: int | None, *, raw: bool) -> npt.NDArray[Any]:
    syntax = source.dataset.file_meta.TransferSyntaxUID
    # Four times as fast as pydicom's first choice.
    plugin = "pyjpegls" if syntax in JPEGLSTransferSyntaxes else ""
    if source.image.frames == 1:
        frame = 0
    return pixel_array(source.dataset, index=frame, raw=raw, decoding_plugin=plugin)


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
    said = "The code stream is signed, Pixel Representation says otherwise: read as"
    if smoothest([values, unsigned], precision) == 1:
        unsigned = unsigned.astype(f"u{values.dtype.itemsize}")
        return Placed(values=unsigned, correction=f"{said} unsigned.")
    return Placed(values=values, correction=f"{said} signed.")


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


def _require_whole(dataset: Dataset, frame: int | None = None) -> None:
    """See that a frame's JPEG or JPEG-LS stream has its end, or all frames' where none is named.

    Decoders make up what a JPEG stream lacks, in plain grey: half a chest would be analysed as a
    whole one. Every stream that breaks off is noticed here. One that has its end marker, but lacks
    data before it, is noticed where it is of 8-bit grey samples in lossy JPEG; in lossless JPEG, in
    JPEG of 12 bits or in colour it is not, because no decoder here tells. Those of JPEG-LS and of
    the other compressions notice both themselves.

    Raises
    ------
    EOFError
        There is no EOI marker at the end (ISO/IEC 10918-1 Section B.1.1.3), or too few blocks
        before it.
    """
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax not in JPEGTransferSyntaxes and syntax not in JPEGLSTransferSyntaxes:
        return
    for stream in frame_streams(dataset, frame, int(dataset.get("NumberOfFrames") or 1)):
        # Fragments have even lengths, and some writers fill them up further.
        if not stream.rstrip(b"\x00\xff").endswith(_END_OF_IMAGE):
            raise EOFError("the compressed image breaks off")
        if syntax in _LOSSY and _lacks_blocks(stream):
            raise EOFError("the compressed image lacks a part")


def _lacks_blocks(stream: bytes) -> bool:
    """Whether 8-bit grey JPEG ends before its last block.

    libjpeg takes an EOI marker for the end of the image wherever it comes, fills up the rest and
    only warns, which Pillow keeps to itself. Without the marker, a stream that has all its blocks
    is decoded all the same, and one that has not is one that Pillow wants more of.
    """
    scan = stream[: stream.rindex(_END_OF_IMAGE)] + _READ_AHEAD
    try:
        image = Image.open(BytesIO(scan), formats=["JPEG"])
    except (OSError, Image.DecompressionBombError):  # not for Pillow: the decoder will say
        return False
    if image.mode != "L" or "progressive" in image.info:
        return False  # libjpeg reads several scans up to the marker, whatever they hold
    image.draft("L", (1, 1))  # an eighth of the size, in half the time
    try:
        image.load()
    except OSError:
        return True
    return False
