"""Thumbnails, whole series rendered, zip files, the URI service, and what is offered."""

import io
import zipfile
from email import message_from_bytes
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from pydicom import dcmread
from pydicom.uid import Comprehensive3DSRStorage, RLELossless

from dicom_node.query.catalogue import ArchivedObject
from tests.peers.objects import make_dataset
from tests.unit.dicomweb.test_retrieving import Folder, address, client, folder

__all__ = ["client", "folder"]


def of_study(found: ArchivedObject) -> str:
    return f"/dicom-web/studies/{found.study_instance_uid}"


def of_series(found: ArchivedObject) -> str:
    return f"{of_study(found)}/series/{found.series_instance_uid}"


@pytest.fixture
def image(folder: Folder) -> ArchivedObject:
    """An image, of a study with a report and a second image."""
    folder.add(report())
    found = folder.add(make_dataset(1, **_large()))
    folder.add(make_dataset(2, **_large()), RLELossless)
    return found


def report() -> Any:
    """A report, in the same study as the images."""
    dataset = make_dataset(9, SOPClassUID=Comprehensive3DSRStorage, SeriesInstanceUID="1.2.7")
    for keyword in ("Rows", "Columns", "PixelData"):
        delattr(dataset, keyword)
    return dataset


def _large() -> dict[str, Any]:
    return {"Rows": 300, "Columns": 400, "PixelData": bytes(range(200)) * 600}


def picture(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.mark.slow
def test_a_thumbnail_of_anything_is_a_small_picture_of_an_image(
    client: TestClient, image: ArchivedObject
) -> None:
    for path in (of_study(image), of_series(image), address(image), f"{address(image)}/frames/1"):
        answer = client.get(f"{path}/thumbnail")
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/jpeg"), path
        assert picture(answer.content).size == (128, 96)
    asked = client.get(
        f"{of_study(image)}/thumbnail?viewport=64,64", headers={"Accept": "image/png"}
    )
    assert (picture(asked.content).format, picture(asked.content).size) == ("PNG", (64, 48))


def test_what_has_no_image_has_no_thumbnail(client: TestClient, folder: Folder) -> None:
    found = folder.add(report())
    for path in (of_study(found), address(found)):
        assert client.get(f"{path}/thumbnail").status_code == 404
        assert client.get(f"{path}/rendered").status_code in (404, 406)
    assert client.get("/dicom-web/studies/1.9.9/thumbnail").status_code == 404


def test_every_image_of_a_study_comes_rendered(client: TestClient, image: ArchivedObject) -> None:
    for path in (of_study(image), of_series(image)):
        answer = client.get(f"{path}/rendered", headers={"Accept": "image/png"})
        assert answer.headers["Content-Type"].startswith('multipart/related; type="image/png"')
        head = f"Content-Type: {answer.headers['Content-Type']}\r\n\r\n".encode()
        parts = message_from_bytes(head + answer.content).get_payload()
        assert isinstance(parts, list)
        sizes = [picture(part.get_payload(decode=True)).size for part in parts]  # type: ignore[union-attr, arg-type]
        assert sizes == [(400, 300)] * 2


def test_more_images_than_anybody_shows_are_refused(client: TestClient, folder: Folder) -> None:
    many = folder.add(make_dataset(1, NumberOfFrames=501, PixelData=bytes(24 * 501)))
    assert client.get(f"{of_series(many)}/rendered").status_code == 413


def test_a_study_comes_as_a_zip_file(client: TestClient, image: ArchivedObject) -> None:
    answer = client.get(of_study(image), headers={"Accept": "application/zip"})
    assert answer.headers["Content-Type"] == "application/zip"
    assert f'"{image.study_instance_uid}.zip"' in answer.headers["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 3
        inside = f"{image.series_instance_uid}/{image.sop_instance_uid}.dcm"
        assert archive.read(inside) == image.path.read_bytes()


@pytest.mark.slow
def test_an_object_comes_by_the_uri_service(client: TestClient, image: ArchivedObject) -> None:
    asked = {
        "requestType": "WADO",
        "studyUID": image.study_instance_uid,
        "seriesUID": image.series_instance_uid,
        "objectUID": image.sop_instance_uid,
    }

    def answer(**more: str) -> Any:
        return client.get("/dicom-web/wado", params={**asked, **more})

    assert picture(answer().content).size == (400, 300)
    small = answer(
        rows="75", columns="100", contentType="image/png", windowCenter="90", windowWidth="50"
    )
    assert (picture(small.content).format, picture(small.content).size) == ("PNG", (100, 75))
    dicom = answer(contentType="application/dicom")
    assert dcmread(io.BytesIO(dicom.content)).SOPInstanceUID == image.sop_instance_uid
    for wrong, status in (
        ({"requestType": "GET"}, 400),
        ({"studyUID": ""}, 400),
        ({"studyUID": "1.9.9"}, 404),
        ({"objectUID": "1.9.9"}, 404),
        ({"frameNumber": "0x1"}, 400),
        ({"frameNumber": "7"}, 404),
        ({"contentType": "video/mpeg"}, 406),
        ({"windowCenter": "x"}, 400),
        ({"rows": "-1"}, 400),
        ({"region": "0,0,0.5"}, 400),
        ({"region": "0.5,0,0.5,1"}, 400),
        ({"region": "0,0,1,1.1"}, 400),
        ({"region": "0,0,nan,1"}, 400),
        ({"presentationUID": "1.2.3"}, 400),
    ):
        assert answer(**wrong).status_code == status, wrong


def test_the_service_says_what_it_offers(client: TestClient, tmp_path: Path) -> None:
    del tmp_path
    answer = client.options("/dicom-web/")
    assert answer.headers["Content-Type"] == "application/vnd.sun.wadl+xml"
    tree = ET.fromstring(answer.content)  # noqa: S314 - made here
    space = {"w": "http://wadl.dev.java.net/2009/02"}
    paths = {each.get("path") for each in tree.findall(".//w:resource", space)}
    assert {"/studies", "/wado", "/studies/{study}/thumbnail"} <= paths
    assert client.options("/dicom-web/", headers={"Accept": "text/plain"}).status_code == 406
