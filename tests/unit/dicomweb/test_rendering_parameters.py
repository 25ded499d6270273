"""What rendered images are asked for: annotation and colour profile, at each resource alike."""

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from fastapi.testclient import TestClient
from PIL import Image, ImageCms
from pydicom import Dataset

from dicom_node.query.catalogue import ArchivedObject
from tests.peers.objects import make_dataset
from tests.unit.dicomweb.test_retrieving import Folder, address, client, folder

__all__ = ["client", "folder"]
PNG = {"accept": "image/png"}


def _large(number: int = 1, **changes: Any) -> Dataset:
    return make_dataset(number, Rows=400, Columns=600, PixelData=bytes(400 * 600), **changes)


@pytest.fixture
def found(folder: Folder) -> ArchivedObject:
    return folder.add(_large(PatientName="Doe^Jane", KVP="120"))


def _resources(found: ArchivedObject) -> list[tuple[str, dict[str, str]]]:
    by_uri = {
        "requestType": "WADO",
        "studyUID": found.study_instance_uid,
        "seriesUID": found.series_instance_uid,
        "objectUID": found.sop_instance_uid,
        "contentType": "image/png",
    }
    paths = ("rendered", "frames/1/rendered", "thumbnail", "frames/1/thumbnail")
    return [*((f"{address(found)}/{path}", PNG) for path in paths), ("/dicom-web/wado", by_uri)]


def _picture(client: TestClient, path: str, **query: str) -> Image.Image:
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.content))


def _drawn(picture: Image.Image) -> tuple[int, int]:
    """Return how much is drawn above and below the middle."""
    pixels: npt.NDArray[np.uint8] = np.asarray(picture.convert("L"))
    middle = pixels.shape[0] // 2
    return int(np.count_nonzero(pixels[:middle])), int(np.count_nonzero(pixels[middle:]))


def test_annotations_are_written_where_they_are_asked_for(
    client: TestClient, found: ArchivedObject
) -> None:
    for path, query in _resources(found):
        assert _drawn(_picture(client, path, **query)) == (0, 0), path
        above, below = _drawn(_picture(client, path, annotation="patient", **query))
        assert above
        assert not below, path
        above, below = _drawn(_picture(client, path, annotation="technique", **query))
        assert below
        assert not above, path
        assert all(_drawn(_picture(client, path, annotation="patient,technique", **query))), path


def test_the_uri_service_shows_the_region_that_is_asked_for(
    client: TestClient, folder: Folder
) -> None:
    """In parts of width and height; rows and columns are those of what is left of it."""
    pixels = np.zeros((400, 600), np.uint8)
    pixels[100:200, 300:600] = 255
    made = make_dataset(1, Rows=400, Columns=600, PixelData=pixels.tobytes())
    ((path, query),) = _resources(folder.add(made))[-1:]
    seen = _picture(client, path, region="0.5,0.25,1,0.5", **query)
    assert seen.size == (300, 100)
    assert np.asarray(seen).min() == 255
    small = _picture(client, path, region="0.5,0,1,1", rows="100", columns="100", **query)
    assert small.size == (75, 100)
    dot = _picture(client, path, region="0.999,0.999,1,1", **query)
    assert dot.size == (1, 1)


def test_the_uri_service_knows_annotation_by_both_names(
    client: TestClient, found: ArchivedObject
) -> None:
    ((path, query),) = _resources(found)[-1:]
    above, below = _drawn(_picture(client, path, imageAnnotation="patient", **query))
    assert above
    assert not below


def test_what_has_no_room_is_cut_and_says_so(client: TestClient, folder: Folder) -> None:
    long, cut = (folder.add(_large(n, PatientName="W" * each)) for n, each in ((1, 60), (2, 64)))
    shown = [
        _picture(client, f"{address(each)}/rendered", annotation="patient", viewport="90,60", **PNG)
        for each in (long, cut)
    ]
    assert shown[0].tobytes() == shown[1].tobytes()


def test_a_name_that_the_font_cannot_write_is_left_out(client: TestClient, folder: Folder) -> None:
    nobody = dict.fromkeys(("PatientID", "PatientBirthDate", "PatientSex"), "")
    dataset = _large(SpecificCharacterSet="ISO_IR 192", PatientName="山田^太郎", **nobody)
    found = folder.add(dataset)
    picture = _picture(client, f"{address(found)}/rendered", annotation="patient", **PNG)
    assert _drawn(picture) == (0, 0)


def test_a_profile_is_written_where_it_is_asked_for(
    client: TestClient, found: ArchivedObject
) -> None:
    for path, query in _resources(found):
        for asked in ("", "no"):
            plain = _picture(client, path, iccprofile=asked, **query)
            assert (plain.mode, plain.info.get("icc_profile")) == ("L", None), path
        for asked in ("yes", "srgb"):
            profiled = _picture(client, path, iccprofile=asked, **query)
            assert profiled.mode == "RGB"
            profile = ImageCms.ImageCmsProfile(io.BytesIO(profiled.info["icc_profile"]))
            assert "sRGB" in ImageCms.getProfileDescription(profile), path


def test_a_colour_image_has_its_own_profile_or_is_made_srgb(
    client: TestClient, folder: Folder
) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    own, broken = (folder.add(_colour(*each)) for each in ((1, srgb), (2, b"none")))
    for asked in ("yes", "srgb"):
        shown = _picture(client, f"{address(own)}/rendered", iccprofile=asked, **PNG)
        profile = ImageCms.ImageCmsProfile(io.BytesIO(shown.info["icc_profile"]))
        assert "sRGB" in ImageCms.getProfileDescription(profile)
        assert shown.getpixel((0, 0)) == (0, 1, 2)
        query = {"iccprofile": asked, **PNG}
        assert client.get(f"{address(broken)}/rendered", params=query).status_code == 406


def _colour(number: int, profile: bytes) -> Dataset:
    dataset = make_dataset(
        number, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0
    )
    dataset.PixelData = bytes(range(3)) * (dataset.Rows * dataset.Columns)
    dataset.ICCProfile = profile
    return dataset


@pytest.mark.parametrize(
    "wrong", [{"annotation": "names"}, {"iccprofile": "adobergb"}, {"iccprofile": "maybe"}]
)
def test_what_is_not_made_is_refused(
    client: TestClient, found: ArchivedObject, wrong: dict[str, str]
) -> None:
    for path, query in _resources(found):
        assert client.get(path, params={**query, **wrong}).status_code == 400, path
