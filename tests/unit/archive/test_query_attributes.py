"""What queries may ask of an object, read from its bytes as they came over the wire."""

import json
import struct
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from dicom_node.archive.header import read_header
from tests.peers.objects import encoded, make_dataset

SYNTAXES = [
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
]


def attributes(dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> dict[str, Any]:
    """What is read of a data set, at all levels together."""
    found = read_header(encoded(dataset, syntax), str(syntax)).attributes
    return {**json.loads(found.study), **json.loads(found.series), **json.loads(found.instance)}


def values(dataset: Dataset, tag: str, syntax: str = ExplicitVRLittleEndian) -> Any:
    return attributes(dataset, syntax).get(tag, {}).get("Value")


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_attributes_are_read_in_every_encoding(syntax: str) -> None:
    request = Dataset()
    request.RequestedProcedureID = "R1"
    request.ScheduledProcedureStepID = "S1"
    dataset = make_dataset(
        7,
        PatientName="Müller^Jörg",
        SpecificCharacterSet="ISO_IR 100",
        ImageType=["ORIGINAL", "PRIMARY"],
        SeriesNumber="12",
        PatientWeight="71.5",
        RequestAttributesSequence=Sequence([request, request]),
    )
    found = attributes(dataset, syntax)
    assert found["00100010"] == {"vr": "PN", "Value": [{"Alphabetic": "Müller^Jörg"}]}
    assert found["00080008"]["Value"] == ["ORIGINAL", "PRIMARY"]
    assert found["00200011"]["Value"] == [12]
    assert found["00101030"]["Value"] == [71.5]
    assert found["00280010"]["Value"] == [4]
    items = found["00400275"]["Value"]
    assert [each["00401001"]["Value"] for each in items] == [["R1"], ["R1"]]
    assert Dataset.from_json(found).PatientName == "Müller^Jörg"


def test_a_name_is_read_in_its_three_groups_and_its_character_sets() -> None:
    dataset = make_dataset(1)
    dataset.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    dataset.PatientName = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    assert values(dataset, "00100010") == [
        {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"}
    ]


@pytest.mark.parametrize(
    ("character_set", "raw"),
    [
        ("ISO_IR 100", "Müller^Jörg".encode()),
        ("", "Müller^Jörg".encode()),
        ("iso_ir 192", "Müller^Jörg".encode()),
        ("ISO_IR192", "Müller^Jörg".encode()),
        ("utf-8", "Müller^Jörg".encode()),
        ("", "Müller^Jörg".encode("latin-1")),
    ],
)
def test_a_name_is_read_alike_where_its_character_set_is_named_wrongly(
    character_set: str, raw: bytes
) -> None:
    written = (
        (0x0008, 0x0005, b"CS", character_set.encode()),
        (0x0008, 0x0016, b"UI", b"1.2"),
        (0x0008, 0x0018, b"UI", b"1.2.3"),
        (0x0010, 0x0010, b"PN", raw),
        (0x0020, 0x000D, b"UI", b"1.2.4"),
        (0x0020, 0x000E, b"UI", b"1.2.5"),
    )
    data = b"".join(
        struct.pack("<HH2sH", group, number, vr, len(value)) + value
        for group, number, vr, value in written
    )
    found = json.loads(read_header(data, ExplicitVRLittleEndian).attributes.study)
    assert found["00100010"]["Value"] == [{"Alphabetic": "Müller^Jörg"}]


def with_bytes(keyword: str, value: bytes) -> Dataset:
    """A data set in which one value is what no library would write."""
    dataset = make_dataset(1)
    dataset.add_new(keyword, "OB", value)
    return dataset


@pytest.mark.parametrize(
    ("keyword", "raw", "expected"),
    [
        ("SeriesNumber", b"12", [12]),
        ("SeriesNumber", b"twelve", None),
        ("SeriesNumber", b"9" * 5000, None),
        ("SeriesNumber", b"99999999999", None),
        ("PatientWeight", b"nan ", None),
        ("PatientWeight", b"1e999 ", None),
        ("PatientID", b"x" * 100_000, None),
        ("PatientID", b"A\0\0\0", ["A"]),
        ("PatientID", b"A\\B ", ["A\\B"]),
        ("PatientName", b"^^^ ", None),
        ("StudyDate", b"garbage ", ["garbage"]),
        ("PatientSex", b"\xff ", ["\ufffd"]),
        ("StudyDescription", b"caf\xe9", ["café"]),
    ],
)
def test_what_is_no_value_spoils_nothing(keyword: str, raw: bytes, expected: object) -> None:
    dataset = with_bytes(keyword, raw)
    tag = f"{dataset[keyword].tag:08X}"
    assert values(dataset, tag, ImplicitVRLittleEndian) == expected
    assert values(dataset, "0020000D", ImplicitVRLittleEndian) == [dataset.StudyInstanceUID]
