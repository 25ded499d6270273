"""The replay as three devices: real radiographs as they would show them, and the table's rule."""

import os
from pathlib import Path

import numpy as np
import pytest

from ai_engine.calibration.cases import LabelCases
from ai_engine.datasets.cxr import Split, read_cxr
from ai_engine.datasets.radiographs import as_radiograph
from ai_engine.preprocessing.quality import image_quality
from ai_engine.preprocessing.radiograph import Radiograph
from bench.calibration import as_table, halves, outcomes
from bench.devices import DEVICES
from tests.peers.data import data_root
from tests.unit.validated import CARD, LABEL

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def radiographs() -> list[Radiograph]:
    folder = Path(os.environ.get("DICOM_NODE_TEST_DATA", data_root())) / "cxr"
    if not folder.is_dir():
        pytest.skip(f"no radiographs at {folder}: set DICOM_NODE_TEST_DATA")
    dataset = read_cxr(folder)
    return [as_radiograph(dataset, item) for item in dataset.part(Split.TEST)[:6]]


def test_each_device_shows_the_same_image_in_its_own_way(radiographs: list[Radiograph]) -> None:
    for image in radiographs:
        plain = image_quality(image)
        washed_out, negative, cropped = (each.acquire(image) for each in DEVICES)
        assert image_quality(washed_out).noise > 3 * plain.noise
        assert image_quality(washed_out).exposure > plain.exposure
        correlation = np.corrcoef(image.pixels.ravel(), negative.pixels.ravel())[0, 1]
        assert correlation < -0.9
        assert cropped.rows < image.rows
        assert image_quality(cropped).exposure < plain.exposure
        for shown in (washed_out, negative, cropped):
            assert shown.pixels.min() >= 0
            assert shown.pixels.max() <= 1


def test_a_device_shows_an_image_the_same_each_time(radiographs: list[Radiograph]) -> None:
    for device in DEVICES:
        first, again = device.acquire(radiographs[0]), device.acquire(radiographs[0])
        assert np.array_equal(first.pixels, again.pixels)


def replayed(factor: float) -> dict[str, tuple[LabelCases, ...]]:
    """Scores of a device that multiplies a good model's probabilities."""
    rng = np.random.default_rng(7)
    truth = rng.random(240) < 0.4
    scores = np.clip(rng.normal(0.35 + 0.3 * truth, 0.12), 0.01, 0.99) * factor
    patients = tuple(str(number // 2) for number in range(240))
    cases = LabelCases(label=LABEL, scores=scores, truth=truth, patients=patients)
    return {"dim": (cases,)}


def test_halves_share_no_patient_and_leave_nothing_out() -> None:
    (cases,) = replayed(1.0)["dim"]
    first, second = halves(cases, seed=3)
    assert not set(first.patients) & set(second.patients)
    assert len(first) + len(second) == len(cases)


@pytest.mark.parametrize("seed", range(5))
def test_calibration_raises_f1_on_unseen_patients_of_a_dim_device(seed: int) -> None:
    (found,) = outcomes(CARD, replayed(0.6), seed=seed)
    assert found.gain > 0.2
    table = as_table([found])
    assert [column.header for column in table.columns][2:6] == [
        "AUC-ROC",
        "F1",
        "F1 (calibrated)",
        "Threshold",
    ]


@pytest.mark.parametrize("seed", range(5))
def test_calibration_loses_nothing_on_a_device_that_is_as_it_should_be(seed: int) -> None:
    (found,) = outcomes(CARD, replayed(1.0), seed=seed)
    assert found.gain >= -0.02
