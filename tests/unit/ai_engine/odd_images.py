"""The synthetic radiograph, and ways to write header values and code streams that are odd."""

import struct
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from io import BytesIO
from typing import Any

import cv2
import jpeg_ls
import numpy as np
import numpy.typing as npt
from openjpeg.utils import encode_array
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.encaps import encapsulate, generate_frames
from pydicom.tag import Tag
from pydicom.uid import (
    UID,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from dicom_node.demo.phantom.chest import ChestOptions
from dicom_node.demo.synthetic import StudyUids, make_radiograph

ROWS, COLUMNS = 625, 512
Change = Callable[[Dataset], None]
Array = npt.NDArray[Any]


@cache
def _encoded() -> bytes:
    made = make_radiograph(
        StudyUids(study="2.25.1", series="2.25.2", instance="2.25.3"),
        datetime(2026, 1, 2, tzinfo=UTC),
        ChestOptions(rows=ROWS, columns=COLUMNS),
    )
    encoded = BytesIO()
    dcmwrite(encoded, made.dataset, enforce_file_format=True)
    return encoded.getvalue()


def chest() -> Dataset:
    """A chest radiograph of 12 bits in 16, with a window and an identity rescale."""
    return dcmread(BytesIO(_encoded()))


def pixels() -> Array:
    """Its stored values, uint16 (rows, columns)."""
    values = np.frombuffer(chest().PixelData, "<u2").reshape(ROWS, COLUMNS)
    return values.copy()


def put(keyword: str, text: str | bytes, vr: str = "") -> Change:
    """Store a value as a file may hold it, valid or not; ``vr`` other than the Standard's."""

    def change(dataset: Dataset) -> None:
        value = text.encode("latin-1") if isinstance(text, str) else text
        tag = Tag(keyword)
        stored_as = vr or dictionary_VR(tag).split(" or ", maxsplit=1)[0]
        dataset[tag] = RawDataElement(tag, stored_as, len(value), value, 0, False, True)

    return change


def words(*values: int, vr: str = "US") -> bytes:
    """Numbers as US or SS stores them."""
    return struct.pack(f"<{len(values)}{'h' if vr == 'SS' else 'H'}", *values)


def without(*keywords: str) -> Change:
    """Leave attributes out."""

    def change(dataset: Dataset) -> None:
        for keyword in keywords:
            del dataset[Tag(keyword)]

    return change


def store(values: Array, **attributes: object) -> Change:
    """Put native pixels in."""

    def change(dataset: Dataset) -> None:
        dataset.PixelData = np.ascontiguousarray(values).tobytes()
        for keyword, value in attributes.items():
            setattr(dataset, keyword, value)

    return change


def stream(data: bytes | Callable[[], bytes], syntax: UID, **attributes: object) -> Change:
    """Put one frame's code stream in; one that a function makes is made when it is wanted."""

    def change(dataset: Dataset) -> None:
        dataset.PixelData = encapsulate([data if isinstance(data, bytes) else data()])
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = syntax
        for keyword, value in attributes.items():
            setattr(dataset, keyword, value)

    return change


def jpeg_2000(values: Array, bits: int) -> bytes:
    """Lossless JPEG 2000, signed where the values are."""
    return bytes(encode_array(values, bits_stored=bits))


def jpeg_ls_stream(values: Array) -> bytes:
    """Lossless JPEG-LS, of 16 bits for words."""
    return bytes(jpeg_ls.encode(values).tobytes())


def jpeg(values: Array) -> bytes:
    """Lossy JPEG of 8 bits at the highest quality."""
    whole, data = cv2.imencode(".jpg", values, [cv2.IMWRITE_JPEG_QUALITY, 100])
    assert whole
    return bytes(data.tobytes())


def rle() -> bytes:
    """The radiograph as an RLE frame."""
    dataset = chest()
    dataset.compress(RLELossless, generate_instance_uid=False)
    return next(iter(generate_frames(dataset.PixelData, number_of_frames=1)))


def changes(*several: Change) -> Change:
    """One after the other."""

    def change(dataset: Dataset) -> None:
        for each in several:
            each(dataset)

    return change


SYNTAX = {"J2K": JPEG2000Lossless, "JLS": JPEGLSLossless, "JPEG": JPEGBaseline8Bit}
