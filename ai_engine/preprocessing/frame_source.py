"""The pixels of an image as a decoder may safely take them: header and code stream agree.

What a decoder is given is a data set of its own, with the few attributes that it reads, each of
them valid and in keeping with the code stream.
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import islice
from types import MappingProxyType

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import (
    generate_fragments,
    generate_frames,
    get_frame,
    parse_basic_offsets,
)
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    JPEG2000TransferSyntaxes,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
    RLELossless,
)

from ai_engine.errors import ImageRefusedError
from ai_engine.prediction import RefusalReason
from ai_engine.preprocessing.code_stream import CodeStream, Coding, read_code_stream, read_rle
from ai_engine.preprocessing.image_pixel import ImagePixel, require_memory
from ai_engine.preprocessing.row_length import require_no_longer_rows

ENCAPSULATED_UNCOMPRESSED = UID("1.2.840.10008.1.2.1.98")
DEFLATED_FRAMES = UID("1.2.840.10008.1.2.8.1")
_NATIVE_INSIDE = (ENCAPSULATED_UNCOMPRESSED, DEFLATED_FRAMES)
_NAMES = MappingProxyType(
    {
        "1.2.840.10008.1.2.4.110": "JPEG XL Lossless",
        "1.2.840.10008.1.2.4.111": "JPEG XL JPEG Recompression",
        "1.2.840.10008.1.2.4.112": "JPEG XL",
    }
)
_WORDS = (8, 16, 32)
_MOST_COLUMNS = 64
"""As many columns more as padding behind the pixels would make may be asked about."""
_LONGER = "Pixel Data is longer than Rows, Columns and frames say"
_ITEM = b"\xfe\xff\x00\xe0"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class FrameSource:
    """What a decoder takes, what the header says of it, and what was corrected.

    ``image`` holds the corrected values; ``streams`` is what the code streams say, none where the
    pixels are not compressed.
    """

    dataset: Dataset
    image: ImagePixel
    stream: CodeStream | None = None
    corrections: tuple[str, ...] = ()


def transfer_syntax(dataset: Dataset) -> UID:
    """The transfer syntax of a data set.

    Raises
    ------
    ImageRefusedError
        Its file meta information names none.
    """
    meta = getattr(dataset, "file_meta", None)
    if meta is None or not meta.get("TransferSyntaxUID"):
        raise ImageRefusedError(
            RefusalReason.UNDECODABLE, "the file does not say its transfer syntax; send it again"
        )
    return UID(str(meta.TransferSyntaxUID).strip(" \0"))


def frame_source(dataset: Dataset, image: ImagePixel, frame: int | None) -> FrameSource:
    """Bring header and pixel data in agreement, for one frame (counted from 0) or for all.

    Raises
    ------
    ImageRefusedError
        They contradict each other, are too many at once, or the compression is not supported.
    DECODING_ERRORS
        The pixel data's own structure is damaged.
    """
    syntax = transfer_syntax(dataset)
    data = dataset["PixelData"].value or b""
    takes_all = frame is None or syntax in _NATIVE_INSIDE
    require_memory(image, image.frames if takes_all else 1)
    if syntax in _NATIVE_INSIDE:
        return _unpacked(dataset, image, syntax)
    _require_decoder(syntax)
    if not syntax.is_encapsulated:
        if data.startswith(_ITEM) and len(data) < image.samples_in_frame:
            raise _contradiction("Pixel Data is compressed, the transfer syntax says it is not")
        return _native(dataset, image, data, syntax)
    if not data.startswith(_ITEM):
        raise _contradiction("Pixel Data is not encapsulated, as the transfer syntax says it is")
    return _compressed(dataset, image, syntax, frame)


def frame_streams(dataset: Dataset, frame: int | None, frames: int) -> Iterable[bytes]:
    """The code stream of each frame, or of the one that is named."""
    table = dataset.get("ExtendedOffsetTable"), dataset.get("ExtendedOffsetTableLengths")
    offsets = table if all(table) else None
    if frame is None:
        return generate_frames(dataset.PixelData, number_of_frames=frames, extended_offsets=offsets)
    return [get_frame(dataset.PixelData, frame, number_of_frames=frames, extended_offsets=offsets)]


def _require_decoder(syntax: UID) -> None:
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        decoder = None
    if decoder is None or not decoder.is_available:
        name = _NAMES.get(syntax) or syntax.name
        raise ImageRefusedError(
            RefusalReason.UNSUPPORTED_COMPRESSION,
            f"{name} is not decoded here; send it uncompressed or as JPEG 2000",
        )


def _native(dataset: Dataset, image: ImagePixel, data: bytes, syntax: UID) -> FrameSource:
    bits, corrections = _word_size(image, len(data))
    expected = -(-image.samples_in_frame * image.frames * bits // 8)
    spare = len(data) - expected
    if spare > 1:
        _require_padding(image, data, expected, bits)
        corrections += (f"{spare} bytes behind the pixels were left out.",)
    found = replace(image, bits_allocated=bits)
    clean = _clean(dataset, found, data[:expected] if spare else data, syntax)
    return FrameSource(dataset=clean, image=found, corrections=corrections)


def _require_padding(image: ImagePixel, data: bytes, expected: int, bits: int) -> None:
    """See that what is behind the pixels is none of them.

    More than one byte there is not as PS3.5 Section 8.1.1 has it, but writers fill up blocks. An
    image whose Columns are too few would be sheared, and its last rows may be black.
    """
    behind = data[expected:]
    spare = 8 * len(behind) // bits
    if len(set(behind)) > 1:  # pixels may begin later
        raise _contradiction(_LONGER)
    if spare < min(image.rows, image.columns):
        return
    longer = spare // image.rows
    is_plain = image.samples * image.frames == 1 and bits in {8, 16}
    if any(behind) or not is_plain or longer > _MOST_COLUMNS:
        raise _contradiction(_LONGER)
    words = np.frombuffer(data[: len(data) * 8 // bits * bits // 8], f"<u{bits // 8}")
    require_no_longer_rows(words, (image.rows, image.columns), longer)


def _word_size(image: ImagePixel, length: int) -> tuple[int, tuple[str, ...]]:
    """Bits of a word, as the amount of data has it.

    What is left over must be less than a row or a column: an image whose Columns are wrong by one
    would be sheared.
    """
    count = image.samples_in_frame * image.frames
    if image.bits_allocated == 1 and length >= -(-count // 8):
        return 1, ()
    slack = min(image.rows, image.columns)
    fits = [bits for bits in _WORDS if 0 <= length - count * bits // 8 < slack * bits // 8]
    stated, stored = image.bits_allocated, image.bits_stored
    if stated in fits:
        return stated, ()
    other = next(iter(fits), 0)
    plausible = stored is None or other // 2 < stored <= other or other == _WORDS[0] >= stored
    if other and plausible:
        return other, (f"Bits Allocated is {stated or 'missing'}, but words have {other} bits.",)
    if stated not in _WORDS:
        raise ImageRefusedError(
            RefusalReason.BITS_UNCLEAR,
            f"Bits Allocated is {stated or 'missing'}, and the amount of data does not tell it",
        )
    if length < count * stated // 8:
        raise ImageRefusedError(
            RefusalReason.UNDECODABLE, "Pixel Data is shorter than its header says; send it again"
        )
    return stated, ()  # what is behind the pixels is looked at by whoever asks


def _unpacked(dataset: Dataset, image: ImagePixel, syntax: UID) -> FrameSource:
    """Frames that are encapsulated but not coded, or only deflated (PS3.5 A.4.11, A.4.13)."""
    streams = frame_streams(dataset, None, image.frames)
    largest = image.samples_in_frame * _WORDS[-1] // 8
    if syntax == DEFLATED_FRAMES:
        streams = (
            zlib.decompressobj(-zlib.MAX_WBITS).decompress(stream, largest) for stream in streams
        )
    bits = image.bits_allocated or 0
    size = image.samples_in_frame * bits // 8
    frames = list(islice(streams, image.frames))
    # Fragments have even lengths: a frame of an odd one has a byte behind it.
    data = b"".join(frame[:size] if len(frame) == size + 1 else frame for frame in frames)
    return _native(dataset, image, data, ExplicitVRLittleEndian)


def _compressed(dataset: Dataset, image: ImagePixel, syntax: UID, frame: int | None) -> FrameSource:
    first: CodeStream | None = None
    streams = _only_stream(dataset) if image.frames == 1 else None
    for stream in streams or frame_streams(dataset, frame, image.frames):
        found = _read_stream(stream, syntax, image)
        if found.rows is not None and (found.rows, found.columns) != (image.rows, image.columns):
            raise _contradiction(
                f"the code stream holds {found.rows} x {found.columns} pixels, the header states "
                f"{image.rows} x {image.columns}"
            )
        if (found.samples or image.samples) != image.samples:
            raise _contradiction("code stream and header state different samples per pixel")
        first = first or found
    if first is None:
        raise _contradiction("there is no frame in Pixel Data")
    image, corrections = _depth(image, first)
    require_memory(image, image.frames if frame is None else 1)
    clean = _clean(dataset, image, dataset["PixelData"].value, syntax)
    clean.PixelRepresentation = int(bool(first.is_signed))
    clean.BitsStored = first.precision or clean.BitsAllocated
    clean.HighBit = clean.BitsStored - 1
    for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if keyword in dataset:
            clean[keyword] = dataset[keyword]
    return FrameSource(dataset=clean, image=image, stream=first, corrections=corrections)


def _read_stream(stream: bytes, syntax: UID, image: ImagePixel) -> CodeStream:
    if syntax == RLELossless:
        if (found := read_rle(stream, image.rows * image.columns)) is None:
            raise ImageRefusedError(
                RefusalReason.UNDECODABLE, "the RLE segments cannot hold the image; send it again"
            )
        return found
    expected = _coding(syntax)
    read = read_code_stream(stream)
    if read is None:
        raise ImageRefusedError(
            RefusalReason.UNDECODABLE, f"Pixel Data is not a {expected} code stream; send it again"
        )
    if read.coding is not expected:
        raise _contradiction(f"the code stream is {read.coding}, not {expected} as stated")
    return read


def _coding(syntax: UID) -> Coding:
    if syntax in JPEGLSTransferSyntaxes:
        return Coding.JPEG_LS
    if syntax in JPEGTransferSyntaxes:
        return Coding.JPEG
    if syntax in JPEG2000TransferSyntaxes:
        return Coding.JPEG_2000
    raise ImageRefusedError(
        RefusalReason.UNSUPPORTED_COMPRESSION, f"{syntax.name} is not decoded here"
    )


def _only_stream(dataset: Dataset) -> list[bytes]:
    """The code stream of an image of one frame; if there were several, one would be shown."""
    buffer = BytesIO(dataset.PixelData)
    parse_basic_offsets(buffer)
    fragments = list(generate_fragments(buffer))
    if sum(read_code_stream(fragment) is not None for fragment in fragments) > 1:
        raise _contradiction("Pixel Data holds more frames than Number of Frames states")
    return [fragments[0] if len(fragments) == 1 else b"".join(fragments)] if fragments else []


def _depth(image: ImagePixel, stream: CodeStream) -> tuple[ImagePixel, tuple[str, ...]]:
    """Bits Allocated and Bits Stored as the code stream has them."""
    if stream.precision is None:
        return _rle_depth(image, stream.planes or 0)
    words = next((bits for bits in _WORDS if bits >= stream.precision), 0)
    if not words:
        raise _contradiction(f"the code stream has {stream.precision} bits per sample")
    if (image.bits_allocated or 0) >= stream.precision:
        return replace(image, bits_allocated=words), ()
    said = f"Bits Allocated is {image.bits_allocated or 'missing'}"
    correction = f"{said}, but the code stream has {stream.precision} bits per sample."
    found = replace(image, bits_allocated=words, bits_stored=stream.precision, high_bit=None)
    return found, (correction,)


def _rle_depth(image: ImagePixel, planes: int) -> tuple[ImagePixel, tuple[str, ...]]:
    bits = 8 * planes // image.samples
    if planes % image.samples or bits not in _WORDS:
        raise _contradiction("the number of RLE segments does not fit Samples per Pixel")
    if bits == image.bits_allocated:
        return image, ()
    if (image.bits_stored or 0) > bits:
        raise _contradiction("the RLE segments hold fewer bits than the header states")
    said = f"Bits Allocated is {image.bits_allocated or 'missing'}, but RLE has {bits} bits."
    return replace(image, bits_allocated=bits), (said,)


def _clean(dataset: Dataset, image: ImagePixel, data: bytes, syntax: UID) -> Dataset:
    clean = Dataset()
    clean.file_meta = FileMetaDataset()
    clean.file_meta.TransferSyntaxUID = syntax
    clean.Rows, clean.Columns = image.rows, image.columns
    clean.NumberOfFrames = image.frames
    clean.SamplesPerPixel = image.samples
    if image.samples > 1:
        clean.PlanarConfiguration = image.planar_configuration
    palette = image.photometric == "PALETTE COLOR"
    grey = image.samples == 1 and not palette
    clean.PhotometricInterpretation = "MONOCHROME2" if grey else image.photometric
    # All bits of a word: which of them are the pixel is decided afterwards (`bit_layout`).
    clean.BitsAllocated = clean.BitsStored = image.bits_allocated
    clean.HighBit = clean.BitsStored - 1
    clean.PixelRepresentation = 0
    clean.add_new("PixelData", dataset["PixelData"].VR, data)
    clean["PixelData"].is_undefined_length = syntax.is_encapsulated
    return clean


def _contradiction(what: str) -> ImageRefusedError:
    return ImageRefusedError(RefusalReason.CONTRADICTORY, f"{what}; send it again or correct it")
