"""STOW-RS of metadata and bulk data (PS3.18 Section 10.5.1): what comes in parts is kept whole."""

import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import generate_frames
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless

from dicom_node.dicomweb.native_model import native_model
from dicom_node.dicomweb.native_reading import read_native_model
from dicom_node.domain.user import Permission
from tests.peers.objects import make_dataset, write_part10
from tests.peers.office import office_stores
from tests.unit.web.test_storing import Corridor

pytestmark = pytest.mark.slow

_KIND = 'multipart/related; type="application/dicom+json"; boundary=edge'
NAMED = {"SpecificCharacterSet": "ISO_IR 192", "PatientName": "Müller^Jörg=山田^太郎"}
Part = tuple[dict[str, str], bytes]


@pytest.fixture
def corridor(tmp_path: Path) -> Iterator[Corridor]:
    with office_stores(tmp_path) as stores:
        stores.received.open()
        yield Corridor(stores)


@pytest.fixture
def client(corridor: Corridor) -> TestClient:
    text = corridor.token(Permission.UPLOAD, Permission.IMAGES)
    return TestClient(corridor.application, headers={"Authorization": f"Bearer {text}"})


def body(metadata: Any, *values: Part) -> bytes:
    described = ({"Content-Type": "application/dicom+json"}, json.dumps(metadata).encode())
    return framed([described, *values])


def framed(parts: Iterable[Part]) -> bytes:
    pieces = []
    for headers, content in parts:
        said = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        pieces.append(b"--edge\r\n" + said.encode() + b"\r\n" + content + b"\r\n")
    return b"".join(pieces) + b"--edge--\r\n"


def value(location: str, content: bytes, kind: str = "application/octet-stream") -> Part:
    return {"Content-Type": kind, "Content-Location": location}, content


def stored(client: TestClient, metadata: Any, *values: Part) -> tuple[int, Dataset]:
    answer = client.post(
        "/dicom-web/studies", content=body(metadata, *values), headers={"Content-Type": _KIND}
    )
    return answer.status_code, Dataset.from_json(answer.text)


def described(dataset: Dataset, uri: str) -> dict[str, Any]:
    """An object's metadata as a client writes it, its pixels at an address."""
    pixels = {"vr": "OW", "BulkDataURI": uri}
    plain = Dataset({tag: dataset[tag] for tag in dataset.keys() if tag != 0x7FE00010})  # noqa: SIM118
    return {**plain.to_json_dict(), "7FE00010": pixels}


def code_stream(frame: "np.ndarray[Any, np.dtype[np.uint8]]") -> bytes:
    dataset = make_dataset(1, PixelData=frame.tobytes())
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.compress(JPEGLSLossless)
    return next(generate_frames(dataset.PixelData, number_of_frames=1))


def kept(corridor: Corridor, dataset: Dataset) -> Dataset:
    (instance,) = (
        each
        for each in corridor.stores.index.instances(dataset.StudyInstanceUID)
        if each.sop_instance_uid == dataset.SOPInstanceUID
    )
    return dcmread(corridor.stores.received.path(instance))


def test_xml_describes_each_object_in_a_part_and_answers_too(
    corridor: Corridor, client: TestClient
) -> None:
    originals = [make_dataset(number, **NAMED) for number in (1, 2)]
    xml = {"Content-Type": "application/dicom+xml"}
    pieces: list[Part] = []
    for number, each in enumerate(originals):
        uri = f"http://here/{number}"
        pieces.append((xml, native_model(described(each, uri))))
        pieces.append(value(uri, each.PixelData))
    answer = client.post(
        "/dicom-web/studies",
        content=framed(pieces),
        headers={"Content-Type": _KIND.replace("json", "xml"), "Accept": "application/dicom+xml"},
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/dicom+xml"
    said = Dataset.from_json(read_native_model(answer.content))
    assert [each.ReferencedSOPInstanceUID for each in said.ReferencedSOPSequence] == [
        each.SOPInstanceUID for each in originals
    ]
    for each in originals:
        found = kept(corridor, each)
        assert found.PatientName == each.PatientName
        assert found.PixelData == each.PixelData
    refused = client.post(
        "/dicom-web/studies",
        content=framed([(xml, b"<a/>")]),
        headers={"Content-Type": _KIND.replace("json", "xml")},
    )
    assert refused.status_code == 400
    assert "Native DICOM Model" in refused.text


def test_what_the_node_gives_as_metadata_and_bulk_data_it_takes_back(
    corridor: Corridor, client: TestClient, tmp_path: Path
) -> None:
    original = make_dataset(1, **NAMED)
    first = client.post(
        "/dicom-web/studies",
        content=write_part10(tmp_path / "1.dcm", original).read_bytes(),
        headers={"Content-Type": "application/dicom"},
    )
    assert first.status_code == 200, first.text
    (metadata,) = client.get(f"/dicom-web/studies/{original.StudyInstanceUID}/metadata").json()
    address = metadata["7FE00010"]["BulkDataURI"]
    pixels = client.get(address, headers={"Accept": "application/octet-stream"}).content
    again = make_dataset(2, **NAMED)
    metadata["00080018"]["Value"] = [again.SOPInstanceUID]
    status, said = stored(client, [metadata], value(address, pixels))
    assert (status, len(said.ReferencedSOPSequence)) == (200, 1)
    found = kept(corridor, again)
    assert found.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert found.PatientName == original.PatientName
    assert found.PixelData == original.PixelData
    differing = {
        each.keyword for each in original if each.keyword in found and found[each.tag] != each
    }
    assert differing <= {"SOPInstanceUID", "SpecificCharacterSet"}
    assert {each.keyword for each in original} <= {each.keyword for each in found}


def test_compressed_frames_come_one_a_part(corridor: Corridor, client: TestClient) -> None:
    dataset = make_dataset(1)
    frames = np.arange(48, dtype=np.uint8).reshape(2, 4, 6)
    streams = [code_stream(frame) for frame in frames]
    dataset.NumberOfFrames = 2
    parts = [value("frames", each, "image/jls") for each in streams]
    status, _ = stored(client, [described(dataset, "frames")], *parts)
    assert status == 200
    found = kept(corridor, dataset)
    assert found.file_meta.TransferSyntaxUID == JPEGLSLossless
    assert np.array_equal(found.pixel_array, frames)


def test_objects_of_one_body_are_kept_each_for_itself(
    corridor: Corridor, client: TestClient
) -> None:
    whole, lacking, odd, without_pixels = (make_dataset(number) for number in range(1, 5))
    del without_pixels.PixelData
    plain = without_pixels.to_json_dict()
    status, said = stored(
        client,
        [described(whole, "a"), described(lacking, "b"), described(odd, "c"), plain],
        value("nobody", b"x"),
        value("c", b"x", "video/mp4"),
        value("a", whole.PixelData),
    )
    assert status == 202
    assert {each.ReferencedSOPInstanceUID for each in said.ReferencedSOPSequence} == {
        whole.SOPInstanceUID,
        without_pixels.SOPInstanceUID,
    }
    assert {each.ReferencedSOPInstanceUID for each in said.FailedSOPSequence} == {
        lacking.SOPInstanceUID,
        odd.SOPInstanceUID,
    }
    assert len(said.OtherFailuresSequence) == 1
    assert kept(corridor, whole).PixelData == whole.PixelData


def test_values_within_sequences_come_as_bulk_data_too(
    corridor: Corridor, client: TestClient
) -> None:
    dataset = make_dataset(1)
    metadata = described(dataset, "pixels")
    metadata["00283010"] = {  # VOI LUT Sequence
        "vr": "SQ",
        "Value": [{"00283006": {"vr": "OW", "BulkDataURI": "lut"}}],
    }
    status, _ = stored(
        client, metadata, value("lut", b"\1\0\2\0"), value("pixels", dataset.PixelData)
    )
    assert status == 200
    assert kept(corridor, dataset).VOILUTSequence[0].LUTData == b"\1\0\2\0"


@pytest.mark.parametrize(
    ("metadata", "status"),
    [
        (["no data set"], 400),
        ([], 400),
        ([{"00080018": {"vr": "UI", "Value": ["1.2.3"]}}], 409),
        ([{"00080018": 5, "7FE00010": {"vr": "OW", "BulkDataURI": ["x"]}}], 409),
        ([{"00280010": {"vr": "US", "Value": ["x"]}}], 409),
        ([{"00080018": {"vr": "UI", "Value": ["1." * 50_000]}}], 409),
        ([{"00080018": {"vr": "UI", "Value": ["\ud800"]}}], 400),
        ([{"00280030": {"vr": "DS", "Value": [float("nan")]}}], 400),
    ],
)
def test_metadata_that_describes_no_object_is_refused(
    client: TestClient, metadata: Any, status: int
) -> None:
    answer = client.post(
        "/dicom-web/studies", content=body(metadata), headers={"Content-Type": _KIND}
    )
    assert answer.status_code == status, answer.text


def test_a_number_of_frames_that_is_no_number_is_refused(client: TestClient) -> None:
    metadata = described(make_dataset(1), "frames")
    metadata["00280008"] = {"vr": "IS", "Value": ["1" * 5000]}
    status, _ = stored(client, [metadata], value("frames", b"xx", "image/jls"))
    assert status == 409


def test_a_body_without_metadata_or_with_nonsense_for_it_is_refused(client: TestClient) -> None:
    for kind, content in (
        ("application/octet-stream", b"{}"),
        ("application/dicom+json", b"{"),
        ("application/dicom+json", b"[" * 100_000),
    ):
        part = b"--edge\r\nContent-Type: " + kind.encode() + b"\r\n\r\n" + content
        answer = client.post(
            "/dicom-web/studies",
            content=io.BytesIO(part + b"\r\n--edge--\r\n"),
            headers={"Content-Type": _KIND},
        )
        assert answer.status_code == 400, answer.text
