"""Frames of an object: as stored, or decoded into native pixels."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.encaps import generate_frames
from pydicom.uid import ExplicitVRBigEndian

from ai_engine.errors import ImageRefusedError
from ai_engine.preprocessing.decoding import decode_pixels
from dicom_node.dicomweb.data_sets import header, whole
from dicom_node.dicomweb.errors import NotAcceptableError, UnknownResourceError


def transfer_syntax(path: Path) -> str:
    """Return the Transfer Syntax UID that an object is stored in."""
    return str(header(path).file_meta.TransferSyntaxUID)


def is_compressed(path: Path) -> bool:
    """Whether an object's frames are stored as code streams of their own."""
    return bool(header(path).file_meta.TransferSyntaxUID.is_encapsulated)


def frame_count(dataset: Dataset, path: Path) -> int:
    """Return how many frames an object states that it has, and its file can hold.

    Raises
    ------
    UnknownResourceError
        When it states no number, or more than its file has bits.
    """
    count = _stated(dataset)
    try:
        bits = 8 * path.stat().st_size
    except OSError as error:
        raise UnknownResourceError("the archive's file cannot be read") from error
    if count > bits:
        raise UnknownResourceError(f"this object states {count} frames, and cannot hold them")
    return count


def _stated(dataset: Dataset) -> int:
    try:
        return int(dataset.get("NumberOfFrames", 1) or 1)
    except (OverflowError, TypeError, ValueError) as error:
        raise UnknownResourceError("how many frames this object has cannot be read") from error


def require_frames(dataset: Dataset, numbers: Sequence[int]) -> None:
    """Check that frames, counted from 1, exist.

    Raises
    ------
    UnknownResourceError
        When the object has no pixels, or not so many frames.
    """
    if "Rows" not in dataset:
        raise UnknownResourceError("this object has no pixel data")
    count = _stated(dataset)
    if outside := [number for number in numbers if not 1 <= number <= count]:
        raise UnknownResourceError(f"frame {outside[0]} does not exist: the object has {count}")


def stored_frames(path: Path, numbers: Sequence[int]) -> list[bytes]:
    """Return frames, counted from 1, as the bytes that are stored.

    Raises
    ------
    UnknownResourceError
        When a frame does not exist.
    """
    dataset = whole(path)
    require_frames(dataset, numbers)
    if "PixelData" not in dataset:
        raise UnknownResourceError("this object has no pixel data")
    if not dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        return [_native(dataset, number) for number in numbers]
    count = frame_count(dataset, path)
    try:
        frames = list(generate_frames(dataset.PixelData, number_of_frames=count))
        return [frames[number - 1] for number in numbers]
    except (ValueError, IndexError) as error:
        raise UnknownResourceError("the stored pixel data is damaged") from error


def native_frames(path: Path, numbers: Sequence[int]) -> list[bytes]:
    """Return frames, counted from 1, as little-endian native pixels.

    Colour that was compressed comes out as RGB, colour-by-pixel, whatever it was stored as.

    Raises
    ------
    UnknownResourceError
        When a frame does not exist.
    NotAcceptableError
        When the code stream cannot be decoded.
    """
    if not is_compressed(path):
        return stored_frames(path, numbers)
    dataset = whole(path)
    return [_little_endian(decoded(dataset, number)) for number in numbers]


def decoded(dataset: Dataset, number: int) -> npt.NDArray[np.generic]:
    """Return one frame, counted from 1, with shape (rows, columns) or (rows, columns, 3).

    Raises
    ------
    UnknownResourceError
        When the frame does not exist.
    NotAcceptableError
        When it cannot be decoded, or not to its end.
    """
    require_frames(dataset, [number])
    try:
        return decode_pixels(dataset, frame=number - 1).values
    except ImageRefusedError as error:
        raise NotAcceptableError(
            "the pixel data cannot be decoded here: ask for it as stored (transfer-syntax=*)"
        ) from error


def _native(dataset: Dataset, number: int) -> bytes:
    bits = int(dataset.BitsAllocated)
    samples = int(dataset.get("SamplesPerPixel", 1))
    subsampled = dataset.get("PhotometricInterpretation") == "YBR_FULL_422"
    stored_samples = 2 if subsampled else samples
    length = -(-int(dataset.Rows) * int(dataset.Columns) * stored_samples * bits // 8)
    if not length:
        raise UnknownResourceError("this object's frames have no pixels")
    frame = bytes(dataset.PixelData[(number - 1) * length : number * length])
    if len(frame) < length:
        raise UnknownResourceError(f"frame {number} is not in the stored pixel data: it breaks off")
    if dataset.file_meta.TransferSyntaxUID == ExplicitVRBigEndian and bits == 16:
        return np.frombuffer(frame, ">u2").astype("<u2").tobytes()
    return frame


def _little_endian(pixels: npt.NDArray[np.generic]) -> bytes:
    return pixels.astype(pixels.dtype.newbyteorder("<"), copy=False).tobytes()
