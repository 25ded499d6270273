"""WADO-RS: what is retrieved, in which form, and what is said when it cannot be."""

import io
from email import message_from_bytes
from pathlib import Path

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

from dicom_node.dicomweb.errors import DicomWebError
from dicom_node.dicomweb.router import make_router
from dicom_node.query.catalogue import ArchivedObject
from dicom_node.query.keys import Level
from dicom_node.query.ports import Matches, Window
from dicom_node.query.reading import Query
from tests.peers.objects import make_dataset, write_part10

_NATIVE = 'multipart/related; type="application/octet-stream"; transfer-syntax=1.2.840.10008.1.2.1'
_AS_STORED = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
_PIXELS = np.arange(64 * 48, dtype=np.uint16).reshape(64, 48)


class Folder:
    """A catalogue of the objects of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.found: list[ArchivedObject] = []

    def add(self, dataset: Dataset, syntax: str | None = None) -> ArchivedObject:
        """Write an object, compressed where a transfer syntax is named."""
        path = self.folder / f"{len(self.found)}.dcm"
        write_part10(path, dataset)
        if syntax is not None:
            compressed = dcmread(path)
            compressed.compress(syntax, generate_instance_uid=False)
            compressed.save_as(path)
        archived = ArchivedObject(
            study_instance_uid=dataset.StudyInstanceUID,
            series_instance_uid=dataset.SeriesInstanceUID,
            sop_instance_uid=dataset.SOPInstanceUID,
            path=path,
        )
        self.found.append(archived)
        return archived

    def objects(self, study_instance_uid: str) -> list[ArchivedObject]:
        """Return the objects of a study."""
        return [each for each in self.found if each.study_instance_uid == study_instance_uid]

    def find(self, sop_instance_uid: str) -> ArchivedObject | None:
        """Return one object."""
        found = [each for each in self.found if each.sop_instance_uid == sop_instance_uid]
        return found[0] if found else None


class NothingFound:
    """A search over nothing: see ``test_searching``."""

    def find(
        self,
        level: Level,
        query: Query,
        window: Window,
        *,
        without: frozenset[str] = frozenset(),
    ) -> Matches:
        """Find nothing."""
        del level, query, window, without
        return Matches(found=(), more=False)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A catalogue without objects."""
    return Folder(tmp_path)


@pytest.fixture
def client(folder: Folder) -> TestClient:
    """DICOMweb over the folder."""
    application = FastAPI()
    application.include_router(make_router(folder, NothingFound()))

    @application.exception_handler(DicomWebError)
    def refuse(_request: object, error: DicomWebError) -> JSONResponse:
        return JSONResponse({"problem": str(error)}, status_code=error.status)

    return TestClient(application)


def radiograph(number: int = 1, **attributes: object) -> Dataset:
    """A 64 by 48 radiograph of 12 bits."""
    return make_dataset(
        number,
        **{
            "Rows": 64,
            "Columns": 48,
            "BitsAllocated": 16,
            "BitsStored": 12,
            "HighBit": 11,
            "PixelData": _PIXELS.tobytes(),
            **attributes,
        },
    )


def address(archived: ArchivedObject) -> str:
    """The address of an instance."""
    return (
        f"/dicom-web/studies/{archived.study_instance_uid}/series/{archived.series_instance_uid}"
        f"/instances/{archived.sop_instance_uid}"
    )


def parts(response: object) -> list[tuple[str, bytes]]:
    """The parts of a multipart answer, read by Python's own parser."""
    head = f"Content-Type: {response.headers['Content-Type']}\r\n\r\n".encode()  # type: ignore[attr-defined]
    message = message_from_bytes(head + response.content)  # type: ignore[attr-defined]
    return [(each["Content-Type"], each.get_payload(decode=True)) for each in message.get_payload()]


@pytest.mark.parametrize("syntax", [None, RLELossless, JPEGLSLossless, JPEG2000Lossless])
def test_frames_come_as_native_pixels_whatever_they_are_stored_in(
    folder: Folder, client: TestClient, syntax: str | None
) -> None:
    archived = folder.add(radiograph(), syntax)
    answer = client.get(f"{address(archived)}/frames/1", headers={"Accept": _NATIVE})
    ((content_type, body),) = parts(answer)
    assert content_type == "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1"
    assert np.array_equal(np.frombuffer(body, "<u2").reshape(64, 48), _PIXELS)


def test_a_compressed_frame_comes_as_it_is_stored_when_that_is_asked_for(
    folder: Folder, client: TestClient
) -> None:
    archived = folder.add(radiograph(), JPEGLSLossless)
    answer = client.get(f"{address(archived)}/frames/1", headers={"Accept": _AS_STORED})
    ((content_type, body),) = parts(answer)
    assert content_type == f"application/octet-stream; transfer-syntax={JPEGLSLossless}"
    assert body.startswith(b"\xff\xd8\xff\xf7")
    typed = 'multipart/related; type="image/jls"'
    answer = client.get(f"{address(archived)}/frames/1", headers={"Accept": typed})
    assert parts(answer)[0][0].startswith("image/jls")


def test_frames_of_a_multiframe_object_are_told_apart(folder: Folder, client: TestClient) -> None:
    many = radiograph(NumberOfFrames=3, PixelData=b"".join(bytes([n]) * 6144 for n in range(3)))
    archived = folder.add(many)
    answer = client.get(f"{address(archived)}/frames/3,1", headers={"Accept": _NATIVE})
    assert [body[0] for _, body in parts(answer)] == [2, 0]
    assert client.get(f"{address(archived)}/frames/4").status_code == 404


def test_instances_come_in_explicit_little_endian_or_as_they_are_stored(
    folder: Folder, client: TestClient
) -> None:
    archived = folder.add(radiograph(), RLELossless)
    decoded = client.get(address(archived), headers={"Accept": "application/dicom"})
    found = dcmread(io.BytesIO(decoded.content))
    assert np.array_equal(found.pixel_array, _PIXELS)
    wanted = 'multipart/related; type="application/dicom"; transfer-syntax=*'
    ((_, body),) = parts(client.get(address(archived), headers={"Accept": wanted}))
    assert body == archived.path.read_bytes()


def test_metadata_leaves_pixels_and_large_values_to_bulk_data(
    folder: Folder, client: TestClient
) -> None:
    archived = folder.add(radiograph(ICCProfile=bytes(2000), PatientName="Muster^Maria"))
    (found,) = client.get(f"{address(archived)}/metadata").json()
    assert found["00100010"]["Value"] == [{"Alphabetic": "Muster^Maria"}]
    assert found["00083002"]["Value"] == ["1.2.840.10008.1.2.1"]
    profile = client.get(found["00282000"]["BulkDataURI"], headers={"Accept": "*/*"})
    assert parts(profile)[0][1] == bytes(2000)
    pixels = client.get(found["7FE00010"]["BulkDataURI"], headers={"Accept": _NATIVE})
    assert parts(pixels)[0][1] == _PIXELS.tobytes()


@pytest.mark.parametrize(("media_type", "form"), [("image/jpeg", "JPEG"), ("image/png", "PNG")])
def test_a_rendered_image_is_one_that_any_browser_shows(
    folder: Folder, client: TestClient, media_type: str, form: str
) -> None:
    archived = folder.add(radiograph())
    answer = client.get(
        f"{address(archived)}/rendered?viewport=24,24", headers={"Accept": media_type}
    )
    image = Image.open(io.BytesIO(answer.content))
    assert (image.format, image.size) == (form, (18, 24))


def test_each_frame_that_is_named_is_rendered(folder: Folder, client: TestClient) -> None:
    pixels = np.stack([_PIXELS, _PIXELS[::-1]])
    archived = folder.add(radiograph(NumberOfFrames=2, PixelData=pixels.tobytes()))
    both = client.get(f"{address(archived)}/frames/2,1/rendered", headers={"Accept": "image/png"})
    second, first = (body for _, body in parts(both))
    assert first != second
    for number, body in ((1, first), (2, second)):
        alone = client.get(f"{address(archived)}/frames/{number}/rendered?accept=image/png")
        assert (alone.headers["Content-Type"], alone.content) == ("image/png", body)
    assert client.get(f"{address(archived)}/frames/1,3/rendered").status_code == 404
    small = client.get(f"{address(archived)}/frames/1,2/thumbnail", headers={"Accept": "*/*"})
    assert len(parts(small)) == 2


def test_nobody_who_asks_for_no_names_is_given_them(folder: Folder, client: TestClient) -> None:
    archived = folder.add(radiograph())
    uids = f"studyUID={archived.study_instance_uid}&seriesUID={archived.series_instance_uid}"
    asked = f"/dicom-web/wado?requestType=WADO&{uids}&objectUID={archived.sop_instance_uid}"
    assert client.get(asked).status_code == 200
    assert client.get(f"{asked}&anonymize=yes").status_code == 400


def test_a_rendered_image_takes_the_window_that_is_asked_for(
    folder: Folder, client: TestClient
) -> None:
    archived = folder.add(radiograph())
    png = {"Accept": "image/png"}
    answer = client.get(f"{address(archived)}/rendered?window=100,2,linear", headers=png)
    shown = np.asarray(Image.open(io.BytesIO(answer.content)))
    assert shown[0, 0] == 0
    assert shown[63, 47] == 255
    inverted = folder.add(radiograph(2, PhotometricInterpretation="MONOCHROME1"))
    answer = client.get(f"{address(inverted)}/rendered?window=100,2,linear", headers=png)
    assert np.asarray(Image.open(io.BytesIO(answer.content)))[0, 0] == 255


def test_a_window_may_name_its_function(folder: Folder, client: TestClient) -> None:
    archived = folder.add(radiograph())  # 0, 1, 2 and so on
    values = np.arange(64 * 48, dtype=np.float32).reshape(64, 48)
    exact, sigmoid = (values - 100) / 50 + 0.5, 1 / (1 + np.exp(-4 * (values - 100) / 50))
    for function, wanted in (("linear-exact", exact), ("SIGMOID", sigmoid)):
        asked = f"{address(archived)}/rendered?window=100,50,{function}"
        answer = client.get(asked, headers={"Accept": "image/png"})
        shown = np.asarray(Image.open(io.BytesIO(answer.content)), dtype=np.float32)
        np.testing.assert_allclose(shown, np.clip(wanted, 0, 1) * 255, atol=1)


@pytest.mark.parametrize(
    ("region", "part"),
    [
        ("", np.s_[:, :]),
        (",,,", np.s_[:, :]),
        ("8,16,20,30", np.s_[16:46, 8:28]),
        ("8,16", np.s_[16:, 8:]),
        (",16,,30", np.s_[16:46, :]),
    ],
)
def test_of_a_viewport_with_a_region_that_part_is_shown(
    folder: Folder, client: TestClient, region: str, part: tuple[slice, slice]
) -> None:
    archived = folder.add(radiograph())
    asked = f"{address(archived)}/rendered?window=1536,3072&viewport=64,64"
    png = {"Accept": "image/png"}
    whole = np.asarray(Image.open(io.BytesIO(client.get(asked, headers=png).content)))
    answer = client.get(f"{asked},{region}" if region else asked, headers=png)
    shown = np.asarray(Image.open(io.BytesIO(answer.content)))
    np.testing.assert_array_equal(shown, whole[part])


def test_of_several_transfer_syntaxes_the_first_that_all_objects_can_have_is_taken(
    folder: Folder, client: TestClient
) -> None:
    compressed = folder.add(radiograph(), JPEG2000Lossless)
    listed = (JPEGLSLossless, JPEG2000Lossless)
    accept = ", ".join(
        f'multipart/related; type="application/dicom"; transfer-syntax={each}' for each in listed
    )
    answer = client.get(address(compressed), headers={"Accept": accept})
    assert answer.status_code == 200
    assert f"transfer-syntax={JPEG2000Lossless}".encode() in answer.content

    folder.add(radiograph(2, StudyInstanceUID=compressed.study_instance_uid), JPEGLSLossless)
    study = f"/dicom-web/studies/{compressed.study_instance_uid}"
    assert client.get(study, headers={"Accept": accept}).status_code == 406
    either = f'{accept}, multipart/related; type="application/dicom"; transfer-syntax=*'
    assert client.get(study, headers={"Accept": either}).status_code == 200


@pytest.mark.parametrize(
    ("path", "accept", "status"),
    [
        ("/frames/0", "*/*", 404),
        ("/frames/one", "*/*", 400),
        ("/frames/1", "video/mp4", 406),
        ("/rendered?window=1", "*/*", 400),
        ("/rendered?window=nan,5", "*/*", 400),
        ("/rendered?window=1e400,5", "*/*", 400),
        ("/rendered?window=100,0,sigmoid", "*/*", 400),
        ("/rendered?window=100,5,gamma", "*/*", 400),
        ("/rendered?viewport=10,10,0,0,49,10", "*/*", 400),
        ("/rendered?viewport=10,10,-1,0", "*/*", 400),
        ("/rendered?viewport=10,10,1,1,1,1,1", "*/*", 400),
        ("/rendered?viewport=0,5", "*/*", 400),
        ("/rendered?quality=101", "*/*", 400),
        ("/rendered", "text/plain", 406),
        ("/metadata", "text/xml", 406),
        ("/bulkdata/00100010", "*/*", 404),
        ("/bulkdata/nonsense", "*/*", 404),
        ("", "text/html", 406),
        ("", "application/dicom;q=0, */*;q=0", 406),
        ("", 'multipart/related; type="application/dicom"; transfer-syntax=1.2.3', 406),
    ],
)
def test_what_cannot_be_answered_is_refused_with_the_status_of_the_standard(
    folder: Folder, client: TestClient, path: str, accept: str, status: int
) -> None:
    archived = folder.add(radiograph())
    answer = client.get(address(archived) + path, headers={"Accept": accept})
    assert answer.status_code == status
    assert answer.json()["problem"]


@pytest.mark.parametrize("frames", [10**9, 10**20])
@pytest.mark.parametrize("rows", [64, 0])
def test_frames_that_no_file_holds_are_not_looked_for(
    folder: Folder, client: TestClient, frames: int, rows: int
) -> None:
    archived = folder.add(radiograph(NumberOfFrames="1", Rows=rows))
    whole = archived.path.read_bytes()
    head = b"\x28\x00\x08\x00IS"
    place = whole.index(head)
    number = str(frames).encode().ljust(22)
    stated = head + bytes([len(number), 0]) + number
    archived.path.write_bytes(whole[:place] + stated + whole[place + 10 :])
    assert client.get(f"{address(archived)}/bulkdata/7FE00010").status_code == 404
    assert client.get(f"{address(archived)}/rendered").status_code in (200, 404, 406)


@pytest.mark.slow
def test_damaged_and_missing_pixels_are_said_so(folder: Folder, client: TestClient) -> None:
    short = folder.add(radiograph(1, PixelData=bytes(100)))
    assert client.get(f"{address(short)}/frames/1").status_code == 404
    without = folder.add(make_dataset(2, Rows=None, PixelData=None))
    assert client.get(f"{address(without)}/frames/1").status_code == 404
    broken = folder.add(radiograph(3), JPEG2000Lossless)
    broken.path.write_bytes(broken.path.read_bytes()[:-400])
    assert client.get(f"{address(broken)}/frames/1").status_code in (404, 406)
    half = folder.add(radiograph(4), JPEGLSLossless)
    stored = dcmread(half.path)
    (stream,) = generate_frames(stored.PixelData, number_of_frames=1)
    stored.PixelData = encapsulate([stream[: len(stream) // 2]])
    stored.save_as(half.path)
    for path in ("/frames/1", "/rendered", ""):
        answer = client.get(address(half) + path)
        assert answer.status_code == 406
        assert "cannot be decoded here" in answer.json()["problem"]
    as_stored = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}
    assert client.get(address(half), headers=as_stored).status_code == 200
    unknown = address(short).replace(short.study_instance_uid, "1.9.9")
    assert client.get(f"{unknown}/metadata").status_code == 404
    assert client.get(unknown).status_code == 404
