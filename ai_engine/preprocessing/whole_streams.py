"""Whether compressed images have their end: decoders fill up what is missing, without a word."""

from io import BytesIO

from PIL import Image
from pydicom import Dataset
from pydicom.uid import (
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
)

from ai_engine.preprocessing.frame_source import frame_streams

_END_OF_IMAGE = b"\xff\xd9"
_LOSSY = frozenset({JPEGBaseline8Bit, JPEGExtended12Bit})
# libjpeg reads up to 8 bytes ahead of the block that it decodes.
_READ_AHEAD = bytes(16)


def require_whole(dataset: Dataset, frame: int | None = None) -> None:
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
