"""Data sets in the DICOM JSON Model (PS3.18 Annex F) and back, where values are empty or odd."""

import json
import struct
from io import BytesIO
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset

from dicom_node.query.json_model import from_json, in_json
from dicom_node.query.reading import UNREADABLE


def element(tag: int, vr: bytes, value: bytes) -> bytes:
    padded = value + b" " * (len(value) % 2)
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, len(padded)) + padded


def an_item(encoded: bytes) -> bytes:
    item = struct.pack("<HHI", 0xFFFE, 0xE000, len(encoded)) + encoded
    return struct.pack("<HH2sHI", 0x0074, 0x1210, b"SQ", 0, len(item)) + item


def parsed(encoded: bytes) -> Dataset:
    return read_dataset(BytesIO(encoded), is_implicit_VR=False, is_little_endian=True)


def written(dataset: Dataset) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, dataset)
    return bytes(buffer.getvalue())


ODD: list[tuple[int, bytes, bytes, list[Any]]] = [
    (0x00181242, b"IS", b"1\\\\3", [1, None, 3]),
    (0x00181242, b"IS", b"\\", [None, None]),
    (0x00280030, b"DS", b"\\0.5", [None, 0.5]),
    (0x00101001, b"PN", b"A\\\\=B", [{"Alphabetic": "A"}, None, {"Ideographic": "B"}]),
    (0x00080008, b"CS", b"A\\\\B", ["A", "", "B"]),
]


@pytest.mark.parametrize(("tag", "vr", "value", "said"), ODD)
def test_empty_values_among_others_keep_their_places_there_and_back(
    tag: int, vr: bytes, value: bytes, said: list[Any]
) -> None:
    encoded = an_item(element(tag, vr, value))
    attributes = in_json(parsed(encoded))
    assert attributes["00741210"]["Value"] == [{f"{tag:08X}": {"vr": vr.decode(), "Value": said}}]
    again = json.loads(json.dumps(attributes))
    assert written(from_json(again)) == encoded
    assert in_json(from_json(again)) == attributes


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_integer_string_that_is_no_integer_is_not_cut() -> None:
    assert in_json(parsed(element(0x00181152, b"IS", b"2.5")))["00181152"]["Value"] == [2.5]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("tag", "vr", "value"),
    [(0x00181242, b"IS", b"many"), (0x00280030, b"DS", b"a\\3"), (0x00189073, b"FD", b"1234")],
)
def test_what_cannot_be_said_is_one_of_the_errors_that_callers_know(
    tag: int, vr: bytes, value: bytes
) -> None:
    with pytest.raises(UNREADABLE):
        in_json(parsed(an_item(element(tag, vr, value))))
