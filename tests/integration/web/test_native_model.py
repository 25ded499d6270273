"""Metadata as XML (PS3.19 Section A.1), beside what DCMTK writes of the same file."""

import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence

from dicom_node.dicomweb.data_sets import metadata
from dicom_node.dicomweb.native_model import NAMESPACE, native_model
from dicom_node.query.catalogue import ArchivedObject
from tests.peers.objects import make_dataset, write_part10
from tests.peers.process import program

pytestmark = pytest.mark.peer

Said = tuple[str, dict[str, str], str, list[Any]]


def an_object() -> Dataset:
    """An object with values of every kind, private ones and nested ones among them."""
    code = Dataset()
    code.CodeValue, code.CodeMeaning = "1", "Chest & lungs"
    inner = Dataset()
    inner.private_block(0x0011, "OTHER", create=True).add_new(5, "SH", "nested")
    dataset = make_dataset(
        1,
        SpecificCharacterSet="ISO_IR 192",
        PatientName="Yamada^Tarou^M^Dr^X=山田^太郎=やまだ^たろう",
        PatientID='a<&>"b',
        ImageType=["DERIVED", "", "AXIAL"],
        ReferringPhysicianName="",
        WindowCenter=["1.5", "40"],
        WindowWidth=["-2", "0.0001"],
        ImageComments="two\r\nlines",
        ProcedureCodeSequence=Sequence([code, Dataset()]),
        RequestAttributesSequence=Sequence(),
        AcquisitionContextSequence=Sequence([inner]),
        FrameIncrementPointer=0x00181063,
        EventElapsedTimes=["0.5", "12"],
    )
    dataset.add_new(0x00720074, "FD", [0.1, 2.5])
    dataset.add_new(0x00720052, "AT", [0x00100010, 0x7FE00010])
    dataset.private_block(0x0009, "ACME", create=True).add_new(1, "LO", "private")
    return dataset


def test_dcmtk_says_the_same_of_the_same_file(tmp_path: Path) -> None:
    dataset, path = an_object(), tmp_path / "object.dcm"
    write_part10(path, dataset)
    written = subprocess.run(
        [program("dcm2xml", "dcmtk"), "--native-format", path], capture_output=True, check=True
    ).stdout
    archived = ArchivedObject(
        study_instance_uid=dataset.StudyInstanceUID,
        series_instance_uid=dataset.SeriesInstanceUID,
        sop_instance_uid=dataset.SOPInstanceUID,
        path=path,
    )
    made = ET.fromstring(native_model(metadata(archived, root="")))  # noqa: S314 - our own
    assert made.tag == f"{{{NAMESPACE}}}NativeDicomModel"
    assert made.get("{http://www.w3.org/XML/1998/namespace}space") == "preserve"
    ours, theirs = attributes(made), attributes(ET.fromstring(written))  # noqa: S314 - DCMTK's
    assert ours.pop("00083002")[3], "the syntax that it is available in, which a file has not"
    assert ours.keys() == theirs.keys()
    for tag, element in theirs.items():
        if tag != "7FE00010":  # an address, and DCMTK's own name of the bytes
            assert ours[tag] == element


def attributes(model: ET.Element) -> dict[str, Said]:
    return {each.get("tag", ""): said(each) for each in model}


def said(element: ET.Element) -> Said:
    """What an element says, without its namespace and the white space around elements."""
    name = element.tag.rpartition("}")[2]
    text = "" if len(element) else element.text or ""
    is_value = name not in ("DicomAttribute", "Item", "PersonName")
    return name, dict(element.attrib), text if is_value else "", [said(each) for each in element]
