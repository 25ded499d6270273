"""The shipped guard on real objects whose tags were made wrong."""

from datetime import UTC, datetime
from pathlib import Path

import cv2
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from ai_engine.kinds.classifier.predictor import ChestRadiographPredictor
from ai_engine.preprocessing.radiograph import read_radiograph
from dicom_node.archive.external import read_external
from dicom_node.configuration.files import load_routes
from dicom_node.demo.phantom.chest import ChestOptions
from dicom_node.demo.synthetic import StudyUids, make_radiograph
from dicom_node.domain.route import AppearanceCheck, Route
from dicom_node.domain.route_matching import doubtful_instances, matching_routes, told_refusal_of
from dicom_node.models.appearance import look_at, read_image

CHEST = Route(
    name="chest",
    model="chest-radiograph",
    modalities=frozenset({"CR", "DX", "RG", "XR"}),
    body_parts=frozenset({"CHEST"}),
    untagged_body_part=True,
    pixels_decide=True,
    views=frozenset({"PA", "AP"}),
)
FRONTAL = "canon-dx-chest-pa-monochrome1-j2k"
CAPTURE = "nih-cxr-as-secondary-capture"
HAND = "u0490.jpg"
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def received(test_data: Path) -> Path:
    return test_data / "dicom" / "received"


def changed(source: Path, folder: Path, **tags: str | None) -> Path:
    dataset = dcmread(source)
    for keyword, value in tags.items():
        if value is None:
            dataset.pop(keyword, None)
        else:
            setattr(dataset, keyword, value)
    if "SOPClassUID" in tags:
        dataset.file_meta.MediaStorageSOPClassUID = tags["SOPClassUID"]
    path = folder / "changed.dcm"
    dataset.save_as(path)
    return path


def wanted(path: Path, predictor: ChestRadiographPredictor) -> tuple[bool, AppearanceCheck | None]:
    instance = read_external(path, calling_ae="CR1")
    looks = {}
    if CHEST.asks_pixels(instance):
        looks[instance.sop_instance_uid] = look_at(
            predictor.guard, instance, path, lambda: read_image(path)
        )
    look = looks.get(instance.sop_instance_uid)
    return bool(matching_routes([CHEST], [instance], looks)), look


@pytest.mark.parametrize(
    ("name", "tags"),
    [
        (FRONTAL, {"BodyPartExamined": "HIP"}),
        (FRONTAL, {"Modality": "OT", "BodyPartExamined": None}),
        (CAPTURE, {"Modality": "OT", "BodyPartExamined": None}),
        (CAPTURE, {"Modality": "OT", "BodyPartExamined": "HAND"}),
    ],
)
def test_a_chest_is_recognised_behind_wrong_and_missing_tags(
    name: str,
    tags: dict[str, str | None],
    received: Path,
    tmp_path: Path,
    shipped_predictor: ChestRadiographPredictor,
) -> None:
    is_wanted, look = wanted(changed(received / f"{name}.dcm", tmp_path, **tags), shipped_predictor)
    assert look == AppearanceCheck(body_part="CHEST", words="upright frontal chest")
    assert is_wanted


@pytest.mark.parametrize(
    ("name", "tags"),
    [
        ("cr-hip-j2k", {}),
        ("cr-tibia-rle", {}),
        ("mammogram-as-rg-j2k", {"ViewPosition": None}),
        ("mammogram-as-rg-j2k", {"ViewPosition": None, "Modality": "OT"}),
        ("siim-cxr-pa-relabelled-monochrome1", {"BodyPartExamined": "HIP"}),
    ],
)
def test_other_pixels_leave_the_tags_as_they_are(
    name: str,
    tags: dict[str, str | None],
    received: Path,
    tmp_path: Path,
    shipped_predictor: ChestRadiographPredictor,
) -> None:
    is_wanted, look = wanted(changed(received / f"{name}.dcm", tmp_path, **tags), shipped_predictor)
    assert look is not None
    assert look.body_part == ""
    assert not is_wanted


def test_a_picture_that_was_drawn_from_an_image_is_no_radiograph(
    received: Path, tmp_path: Path, shipped_predictor: ChestRadiographPredictor
) -> None:
    drawn = changed(
        received / f"{CAPTURE}.dcm",
        tmp_path,
        Modality="OT",
        BurnedInAnnotation="YES",
        SOPClassUID=SecondaryCaptureImageStorage,
    )
    is_wanted, look = wanted(drawn, shipped_predictor)
    assert look == AppearanceCheck(words="an image derived from others")
    assert not is_wanted


def untagged(image: Path, folder: Path) -> Dataset:
    """A digital radiograph of an image, whose header names no body part."""
    pixels = cv2.imread(str(image), cv2.IMREAD_GRAYSCALE)
    dataset = dcmread(folder / "cr-hip-j2k.dcm", stop_before_pixels=True)
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    for keyword in (
        *("BodyPartExamined", "ViewPosition", "ProtocolName", "PatientOrientation"),
        *("SeriesDescription", "StudyDescription", "WindowCenter", "WindowWidth"),
    ):
        dataset.pop(keyword, None)
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PhotometricInterpretation = 7, "MONOCHROME2"
    dataset.PixelData = pixels.tobytes() + b"\0" * (pixels.size % 2)
    dataset["PixelData"].VR = "OB"
    return dataset


def test_a_hand_without_a_body_part_is_named_and_has_no_model(
    test_data: Path, received: Path, tmp_path: Path, shipped_predictor: ChestRadiographPredictor
) -> None:
    """With the default weights and routes; the image is of the type's test part."""
    images = test_data / "more" / "unifesp-body-part" / "images"
    path = tmp_path / "hand.dcm"
    untagged(images / HAND, received).save_as(path, enforce_file_format=True)
    instance = read_external(path, calling_ae="CR1")
    routes = load_routes(ROOT / "config")
    assert doubtful_instances(routes, [instance]) == (instance,)
    look = look_at(shipped_predictor.guard, instance, path, lambda: read_image(path))
    assert look == AppearanceCheck(body_part="HAND", words="X-ray of the hand", is_typed=True)
    looks = {instance.sop_instance_uid: look}
    assert matching_routes(routes, [instance], looks) == ()
    told = told_refusal_of(routes, [instance], looks)
    assert told.startswith("X-ray of the hand; no model for it; ")
    hands = Route(name="hands", model="hands", body_parts=frozenset({"HAND"}))
    (match,) = matching_routes([*routes, hands], [instance], looks)
    assert match.route is hands


@pytest.mark.parametrize("with_lesion", [True, False])
def test_the_sample_that_is_drawn_from_geometry_passes_every_module(
    with_lesion: bool, shipped_predictor: ChestRadiographPredictor
) -> None:
    options = ChestOptions(rows=625, columns=512, with_lesion=with_lesion)
    drawn = make_radiograph(StudyUids.fresh(), datetime.now(UTC), options).dataset
    shipped_predictor.guard.check(read_radiograph(drawn))


@pytest.mark.parametrize("name", ["us-j2k", "mr-j2k"])
def test_other_modalities_are_not_even_looked_at(
    name: str, received: Path, shipped_predictor: ChestRadiographPredictor
) -> None:
    assert wanted(received / f"{name}.dcm", shipped_predictor) == (False, None)
