"""What a compressed image says of itself, in the first bytes of its code stream.

Read in a few microseconds and without decoding: a decoder takes the code stream's word for the size
of what it makes, whatever the data set says.
"""

import itertools
import struct
from dataclasses import dataclass
from enum import StrEnum


class Coding(StrEnum):
    """How an image is compressed."""

    JPEG = "JPEG"
    JPEG_LS = "JPEG-LS"
    JPEG_2000 = "JPEG 2000"
    JPEG_XL = "JPEG XL"
    RLE = "RLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeStream:
    """What a code stream holds: None is what this coding does not state.

    ``precision`` is in bits per sample; ``is_signed`` is what JPEG 2000 alone says. Of RLE only
    ``planes``, bytes per pixel over all samples, is known.
    """

    coding: Coding
    rows: int | None = None
    columns: int | None = None
    samples: int | None = None
    precision: int | None = None
    is_signed: bool | None = None
    planes: int | None = None


_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""Start of frame SOF0 to SOF15 (ISO/IEC 10918-1 Table B.1), without DHT, JPG and DAC."""
_JPEG_LS_FRAME = 0xF7
_MOST_MARKERS = 10_000
"""Markers and fill bytes before the frame: images have a few dozen, profiles some hundred."""
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})

_J2K_START = b"\xff\x4f\xff\x51"
"""SOC and SIZ (ISO/IEC 15444-1 A.4.1, A.5.1), which come first; so they do in HTJ2K."""
_JP2_BOX = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_JXL_STARTS = (b"\xff\x0a", b"\x00\x00\x00\x0cJXL \r\n\x87\n")
_LOOKED_THROUGH = 64 * 1024
"""Boxes of a JP2 file before its code stream are shorter than this."""

_RLE_HEADER = struct.Struct("<16L")
_LARGEST_RUN = 64
"""PackBits makes at most 128 bytes of two (PS3.5 G.3.1)."""
_LONGEST_CODE = 2
"""It takes at most two bytes for one, in rows of one pixel; decoders unpack what more is there."""
_PADDING = 1024


def read_code_stream(stream: bytes) -> CodeStream | None:
    """Read the head of one frame's code stream; None where it is of none of these codings.

    RLE has no mark of its own: `read_rle` reads it where the transfer syntax says so.
    """
    if stream.startswith(_JXL_STARTS):
        return CodeStream(coding=Coding.JPEG_XL)
    if stream.startswith(_J2K_START):
        return _jpeg_2000(stream, 0)
    if stream.startswith(_JP2_BOX):
        return _jpeg_2000(stream, stream.find(_J2K_START, 0, _LOOKED_THROUGH))
    if stream.startswith(b"\xff\xd8"):
        return _jpeg(stream)
    return None


def read_rle(stream: bytes, pixels: int) -> CodeStream | None:
    """Read an RLE header (PS3.5 G.5); None where its segments cannot hold just so many pixels."""
    if len(stream) < _RLE_HEADER.size:
        return None
    count, *offsets = _RLE_HEADER.unpack_from(stream)
    if not 1 <= count <= len(offsets):
        return None
    edges = [*offsets[:count], len(stream)]
    if edges[0] != _RLE_HEADER.size:
        return None
    for start, end in itertools.pairwise(edges):
        if (end - start) * _LARGEST_RUN < pixels:
            return None
        if end - start > _LONGEST_CODE * pixels + _PADDING:
            return None
    return CodeStream(coding=Coding.RLE, planes=count)


def _jpeg_2000(stream: bytes, start: int) -> CodeStream | None:
    if start < 0 or len(stream) < start + 43:
        return None
    right, bottom, left, top = struct.unpack_from(">4L", stream, start + 8)
    (samples,) = struct.unpack_from(">H", stream, start + 40)
    depth = stream[start + 42]
    return CodeStream(
        coding=Coding.JPEG_2000,
        rows=bottom - top,
        columns=right - left,
        samples=samples,
        precision=(depth & 0x7F) + 1,
        is_signed=bool(depth & 0x80),
    )


def _jpeg(stream: bytes) -> CodeStream | None:
    """Walk the marker segments up to the start of frame."""
    place = 2
    for _ in range(_MOST_MARKERS):
        if place + 4 > len(stream) or stream[place] != 0xFF:
            return None
        marker = stream[place + 1]
        if marker == 0xFF:  # fill byte
            place += 1
        elif marker in _STANDALONE:
            place += 2
        elif marker in _FRAMES or marker == _JPEG_LS_FRAME:
            return _frame(stream, place, is_jpeg_ls=marker == _JPEG_LS_FRAME)
        elif marker in {_EOI, _SOS}:
            return None
        else:
            place += 2 + int.from_bytes(stream[place + 2 : place + 4], "big")
    return None


def _frame(stream: bytes, place: int, *, is_jpeg_ls: bool) -> CodeStream | None:
    if len(stream) < place + 10:
        return None
    precision, rows, columns, samples = struct.unpack_from(">BHHB", stream, place + 4)
    return CodeStream(
        coding=Coding.JPEG_LS if is_jpeg_ls else Coding.JPEG,
        rows=rows,
        columns=columns,
        samples=samples,
        precision=precision,
    )
