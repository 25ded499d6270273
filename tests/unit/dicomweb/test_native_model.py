"""QIDO-RS and metadata as ``application/dicom+xml``; ``integration/web`` holds it against DCMTK."""

from xml.etree import ElementTree as ET

import pytest
from fastapi.testclient import TestClient
from pydicom import Dataset

from dicom_node.dicomweb.data_sets import make_sayable
from dicom_node.dicomweb.native_model import NAMESPACE, native_model
from dicom_node.dicomweb.native_reading import read_native_model
from tests.unit.dicomweb.test_retrieving import Folder, address, client, folder, parts, radiograph
from tests.unit.dicomweb.test_searching import client as searching
from tests.unit.dicomweb.test_searching import index

__all__ = ["client", "folder", "index", "searching"]

XML = 'multipart/related; type="application/dicom+xml"'


def values(part: bytes, tag: str) -> list[str | None]:
    model = ET.fromstring(part)  # noqa: S314 - the node's own
    names = {"d": NAMESPACE}
    return [each.text for each in model.findall(f"d:DicomAttribute[@tag='{tag}']/d:Value", names)]


@pytest.mark.slow
@pytest.mark.parametrize("accept", [XML, "application/dicom+xml"])
def test_each_match_is_a_part(searching: TestClient, accept: str) -> None:
    answer = searching.get("/dicom-web/studies?limit=2", headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith(XML)
    assert "additional results" in answer.headers["Warning"]
    found = parts(answer)
    assert [kind for kind, _ in found] == ["application/dicom+xml"] * 2
    assert [values(body, "0020000D") for _, body in found] == [["1.2.3"], ["1.2.2"]]
    empty = searching.get("/dicom-web/studies?PatientID=nobody", headers={"Accept": accept})
    assert (empty.status_code, empty.content) == (204, b"")


@pytest.mark.slow
def test_what_is_accepted_may_stand_in_the_query(searching: TestClient) -> None:
    """PS3.18 Section 8.3.3.1, for clients that cannot set a header."""
    answer = searching.get("/dicom-web/studies", params={"accept": XML})
    assert answer.headers["Content-Type"].startswith(XML)
    assert len(parts(answer)) == 3
    as_typed = searching.get("/dicom-web/studies?accept=application/dicom+xml")
    assert as_typed.headers["Content-Type"].startswith(XML)
    answer = searching.get("/dicom-web/studies?accept=image/png", headers={"Accept": XML})
    assert answer.status_code == 406


@pytest.mark.parametrize(
    ("accept", "given"),
    [
        ("application/dicom+json;q=0, */*", XML),
        ("*/*, application/dicom+json;q=0, application/json;q=0", XML),
        ("application/dicom+json;q=0.2, application/dicom+xml;q=0.4", XML),
        ("application/dicom+xml;q=0, application/*;q=0.1", "application/dicom+json"),
        ("*/*;q=0, application/dicom+json;q=0.1", "application/dicom+json"),
    ],
)
def test_what_is_refused_by_name_is_taken_by_no_wildcard(
    searching: TestClient, accept: str, given: str
) -> None:
    """RFC 9110 Section 12.5.1: the most specific range counts."""
    refused = "application/json;q=0"
    answer = searching.get("/dicom-web/studies", headers={"Accept": f"{accept}, {refused}"})
    assert answer.headers["Content-Type"].startswith(given)


def test_metadata_is_a_part_for_each_instance(folder: Folder, client: TestClient) -> None:
    archived = folder.add(
        radiograph(1, SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Jörg")
    )
    answer = client.get(f"{address(archived)}/metadata", headers={"Accept": XML})
    ((_, body),) = parts(answer)
    assert values(body, "00080018") == [archived.sop_instance_uid]
    assert values(body, "00080005") == ["ISO_IR 192"], "the document is UTF-8"
    assert "Müller" in body.decode()
    assert "/bulkdata/7FE00010" in body.decode()
    as_json = client.get(f"{address(archived)}/metadata").json()
    assert as_json[0]["00080005"]["Value"] == ["ISO_IR 192"]


def test_a_value_that_json_or_xml_cannot_say_hides_no_other(
    folder: Folder, client: TestClient
) -> None:
    dataset = radiograph(1, OtherPatientNames=["A^B", "", "C"], ImageComments="page\fbreak\x01")
    dataset.add_new(0x00720074, "FD", [float("nan"), 2.5])
    archived = folder.add(dataset)
    for accept in (XML, "application/dicom+json"):
        answer = client.get(f"{address(archived)}/metadata", headers={"Accept": accept})
        assert answer.status_code == 200
        assert archived.sop_instance_uid in answer.text
    assert answer.json()[0]["00720074"]["Value"] == ["NaN", 2.5]
    names = answer.json()[0]["00101001"]["Value"]
    assert names == [{"Alphabetic": "A^B"}, None, {"Alphabetic": "C"}]
    ((_, body),) = parts(client.get(f"{address(archived)}/metadata", headers={"Accept": XML}))
    assert values(body, "00720074") == ["NaN", "2.5"]
    assert values(body, "00204000") == ["page\ufffdbreak\ufffd"]


def test_numbers_of_which_some_are_empty_keep_their_places(
    folder: Folder, client: TestClient
) -> None:
    """PS3.18 Section F.2.5 and DCMTK's dcm2xml have a null or an empty value for each of them."""
    dataset = radiograph(1, ImagerPixelSpacing=["", "0.2"])
    dataset.add_new(0x00720064, "IS", ["", "7", ""])
    dataset.add_new(0x00720072, "DS", ["", ""])
    archived = folder.add(dataset)
    (found,) = client.get(f"{address(archived)}/metadata").json()
    assert found["00181164"]["Value"] == [None, 0.2]
    assert found["00720064"]["Value"] == [None, 7, None]
    assert found["00720072"]["Value"] == [None, None]
    ((_, body),) = parts(client.get(f"{address(archived)}/metadata", headers={"Accept": XML}))
    assert values(body, "00181164") == [None, "0.2"]
    assert values(body, "00720064") == [None, "7", None]


def test_numbers_group_lengths_and_empty_values() -> None:
    body = native_model(
        {
            "00080000": {"vr": "UL", "Value": [4]},
            "00281050": {"vr": "DS", "Value": [1 / 3, 2.0, None]},
            "00080090": {"vr": "PN"},
            "00091001": {"vr": "LO", "Value": ["without its creator"]},
        }
    )
    assert values(body, "00281050") == ["0.33333333333333", "2", None]
    assert values(body, "00080000") == []
    assert b'tag="00090001" vr="LO" privateCreator=""' in body


def test_what_is_written_is_read_back() -> None:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName = "Müller^Jörg^^^=山田^太郎"
    dataset.PatientID = " 4711 "
    dataset.ImageComments = "two\r\nlines"
    dataset.ImagerPixelSpacing = [0.143, 0.2]
    dataset.Rows = 3
    dataset.FrameIncrementPointer = 0x00181063
    dataset.ReferencedStudySequence = [Dataset(), Dataset()]
    dataset.ReferencedStudySequence[1].ReferencedSOPInstanceUID = "1.2.3"
    dataset.add_new(0x00720074, "FD", [float("inf"), 2.5])
    dataset.add_new(0x00720064, "IS", ["-3", "7"])
    dataset.add_new(0x00187FFF, "UN", b"\0\1\2")
    dataset.StudyDescription = ""
    dataset.private_block(0x0019, "ACME 1.0", create=True).add_new(0x02, "LO", "own")
    encoded = dataset.to_json_dict()
    make_sayable(encoded)
    read = read_native_model(native_model(encoded))
    assert native_model(read) == native_model(encoded)
    found = Dataset.from_json(read)
    assert found.PatientName == "Müller^Jörg=山田^太郎"
    assert found.private_block(0x0019, "ACME 1.0")[0x02].value == "own"
    assert found[0x00187FFF].value == b"\0\1\2"
    assert found.ImageComments == "two\r\nlines"


@pytest.mark.parametrize(
    "document",
    [
        "",
        "<a",
        "<a/>",
        "<NativeDicomModel><DicomAttribute/></NativeDicomModel>",
        "<NativeDicomModel><Value/></NativeDicomModel>",
        '<NativeDicomModel><DicomAttribute tag="0010001g" vr="LO"/></NativeDicomModel>',
        '<NativeDicomModel><DicomAttribute tag="00100010" vr="ZZ"/></NativeDicomModel>',
        '<NativeDicomModel><DicomAttribute tag="00280010" vr="US"><Value number="1">two</Value>'
        "</DicomAttribute></NativeDicomModel>",
        '<NativeDicomModel><DicomAttribute tag="00280010" vr="US"><Value number="1">1_0</Value>'
        "</DicomAttribute></NativeDicomModel>",
        '<NativeDicomModel><DicomAttribute tag="00280010" vr="US"><Value number="x">1</Value>'
        "</DicomAttribute></NativeDicomModel>",
        '<!DOCTYPE NativeDicomModel [<!ENTITY a "b">]><NativeDicomModel/>',
        '<?xml version="1.0" encoding="nonsense"?><NativeDicomModel/>',
        *(
            f'<NativeDicomModel><DicomAttribute tag="{tag}" vr="LO" {more}/></NativeDicomModel>'
            for tag, more in (
                ("0_100020", ""),
                ("0x001000", ""),
                ("+0010020", ""),
                ("00101010", 'privateCreator="of an even group"'),
            )
        ),
        "<NativeDicomModel>" + "\0" + "</NativeDicomModel>",
    ],
)
def test_what_is_no_native_model_is_refused(document: str) -> None:
    with pytest.raises(ValueError):
        read_native_model(document.encode())
