"""A detector's boxes: suppressed, decided, and put where they lie on the source image."""

import dataclasses
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ai_engine.calibration.operating_point import OperatingPoint
from ai_engine.errors import BackendError, ModelFolderError
from ai_engine.inference import packed_network
from ai_engine.inference.openvino_network import OpenVinoNetwork
from ai_engine.inference.packed_network import pack_network, unpacked_network
from ai_engine.kinds.boxes import LARGEST_OVERLAP, on_source, overlap, suppressed
from ai_engine.kinds.deciding import Calibration
from ai_engine.kinds.detector.predictor import BoxFinder, BoxPredictor
from ai_engine.kinds.guard.guard import Appearance, ChestGuard
from ai_engine.kinds.testing import FakeGuardBackend, guard_card, write_box_model
from ai_engine.library.file_digest import digest
from ai_engine.prediction import Prediction, Region
from ai_engine.preprocessing.radiograph import Radiograph

BOXES = ((10, 20, 50, 80), (12, 22, 50, 80), (70, 20, 110, 60), (80, 90, 100, 120))
SCORES = (0.9, 0.8, 0.6, 0.3)


def finder(folder: Path, boxes: tuple = BOXES, scores: tuple = SCORES) -> BoxFinder:
    card = write_box_model(folder, boxes, scores)
    return BoxFinder(card, OpenVinoNetwork(unpacked_network(card, folder / "cache"), threads=1))


def predictor(folder: Path, appearance: Appearance = Appearance.FRONTAL) -> BoxPredictor:
    guard = ChestGuard(guard_card(Path(), threshold=0.5), FakeGuardBackend(appearance))
    return BoxPredictor(finder(folder), guard=guard)


def radiograph(rows: int = 128, columns: int = 128, aspect: float = 1.0) -> Radiograph:
    pixels = np.random.default_rng(1).random((rows, columns), dtype=np.float32)
    whole = Region(left=0, top=0, right=columns, bottom=rows)
    return Radiograph(sop_instance_uid="1.2", pixels=pixels, content=whole, aspect_ratio=aspect)


def corners(region: Region) -> tuple[float, float, float, float]:
    return region.left, region.top, region.right, region.bottom


def test_overlap_is_the_common_area_over_the_joint_one() -> None:
    one = Region(left=0, top=0, right=4, bottom=4)
    assert overlap(one, one) == 1
    assert overlap(one, Region(left=2, top=0, right=6, bottom=4)) == pytest.approx(8 / 24)
    assert overlap(one, Region(left=4, top=0, right=6, bottom=4)) == 0
    assert overlap(one, Region(left=2, top=2, right=2, bottom=2)) == 0


def test_of_boxes_that_cover_each_other_the_most_probable_stays() -> None:
    boxes, scores = np.array(BOXES, np.float32), np.array(SCORES, np.float32)
    assert suppressed(boxes, scores, lowest=0.01).tolist() == [0, 2, 3]
    assert suppressed(boxes, scores, lowest=np.float32(0.6)).tolist() == [0, 2]
    assert suppressed(boxes, scores, lowest=0.95).tolist() == []
    assert 0 < LARGEST_OVERLAP < 1


def test_a_box_lands_where_it_lies_on_a_wide_image_with_padding() -> None:
    # A view of 128 pixels of a source of 256 by 128: 64 source rows of padding above and below.
    view = Region(left=0, top=-64, right=256, bottom=192)
    assert corners(on_source((10, 40, 50, 80), view, 128)) == (20, 16, 100, 96)


@pytest.mark.parametrize(
    ("rows", "columns", "aspect", "expected"),
    [
        (128, 128, 1.0, (10, 20, 50, 80)),
        # Twice as wide: 32 rows of the view above and below are padding; the top is cut off.
        (128, 256, 1.0, (20, 0, 100, 96)),
        # Pixels twice as high as wide: 64 rows fill what 128 columns do.
        (64, 128, 2.0, (10, 10, 50, 40)),
    ],
)
def test_boxes_are_in_source_pixels(
    tmp_path: Path, rows: int, columns: int, aspect: float, expected: tuple[float, ...]
) -> None:
    found = finder(tmp_path).boxes(radiograph(rows, columns, aspect))["Lung Opacity"]
    assert corners(found[0].region) == pytest.approx(expected)
    assert all(box.region.top >= 0 and box.region.bottom <= rows for box in found)


def test_a_box_in_the_padding_is_none(tmp_path: Path) -> None:
    assert finder(tmp_path, ((40, 2, 80, 30),), (0.9,)).boxes(radiograph(64, 128)) == {
        "Lung Opacity": ()
    }


def test_a_finding_is_as_probable_as_its_best_box_and_keeps_those_above_the_threshold(
    tmp_path: Path,
) -> None:
    prediction = predictor(tmp_path).predict([radiograph()])
    (finding,) = prediction.images[0].positive
    assert finding.probability == pytest.approx(0.9)
    assert finding.own_probability == finding.probability
    assert [round(box.probability, 2) for box in finding.boxes] == [0.9, 0.6]
    assert finding.code.meaning == "Lung opacity"
    assert prediction.images[0].quality is not None


@pytest.mark.slow
def test_a_devices_threshold_decides_which_boxes_count(tmp_path: Path) -> None:
    def decided(threshold: float) -> Prediction:
        points = {"Lung Opacity": OperatingPoint(score_threshold=threshold)}
        calibration = Calibration(name="device 1", points=points)
        return predictor(tmp_path).predict([radiograph()], calibrations={"1.2": calibration})

    strict, lenient = decided(0.95), decided(0.25)
    assert not strict.is_positive
    assert strict.images[0].findings[0].boxes == ()
    assert len(lenient.images[0].findings[0].boxes) == 3
    assert lenient.calibration == "device 1"


def test_what_the_guard_refuses_is_not_looked_at(tmp_path: Path) -> None:
    prediction = predictor(tmp_path, Appearance.OTHER).predict([radiograph()])
    assert prediction.images == ()
    assert prediction.refusals[0].sop_instance_uid == "1.2"


def test_a_network_is_unpacked_once_and_packs_to_the_same_bytes(tmp_path: Path) -> None:
    card = write_box_model(tmp_path, BOXES, SCORES)
    model = unpacked_network(card, tmp_path / "cache")
    assert unpacked_network(card, tmp_path / "cache") == model
    assert pack_network(model, tmp_path / "again.zip") == card.weights_digest


def test_a_damaged_network_is_named(tmp_path: Path) -> None:
    card = write_box_model(tmp_path, BOXES, SCORES)
    card.weights_path.write_bytes(b"no archive")
    with pytest.raises(ModelFolderError, match="SHA-256"):
        unpacked_network(card, tmp_path / "cache")


def test_a_network_that_would_fill_the_disk_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = write_box_model(tmp_path, BOXES, SCORES)
    monkeypatch.setattr(packed_network, "LARGEST_NETWORK", 100)
    with pytest.raises(ModelFolderError, match=r"network\.zip: .* bytes unpacked, at most 100 are"):
        unpacked_network(card, tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_only_the_network_s_own_parts_are_unpacked(tmp_path: Path) -> None:
    card = write_box_model(tmp_path, BOXES, SCORES)
    with zipfile.ZipFile(card.weights_path, "a") as archive:
        archive.writestr("../../outside", b"mine")
        archive.writestr("/outside", b"mine")
    spoiled = dataclasses.replace(card, weights_digest=digest(card.weights_path))
    model = unpacked_network(spoiled, tmp_path / "cache")
    assert sorted(path.name for path in model.parent.iterdir()) == ["model.bin", "model.xml"]
    assert not list(tmp_path.rglob("outside"))


def test_a_network_without_boxes_is_no_detector(tmp_path: Path) -> None:
    class Classifier:
        inputs, outputs = ("image",), ("probabilities", "features")

        def run(self, inputs: object) -> dict:
            return {}

    with pytest.raises(BackendError, match="has probabilities, features; export it again"):
        BoxFinder(write_box_model(tmp_path, BOXES, SCORES), Classifier())
