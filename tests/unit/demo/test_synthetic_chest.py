"""The synthetic radiograph: it looks like a chest, it is a valid object, and it says what it is."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from dicom_node.demo.phantom.chest import Chest, ChestOptions, make_chest
from dicom_node.demo.synthetic import StudyUids, make_radiograph
from tests.peers.process import program

pytestmark = pytest.mark.slow

UIDS = StudyUids(study="2.25.1", series="2.25.2", instance="2.25.3")
TAKEN_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SMALL = ChestOptions(rows=625, columns=512)


@pytest.fixture(scope="module")
def chest() -> Chest:
    return make_chest(SMALL)


def _mean(pixels: npt.NDArray[np.uint16], row: float, column: float, radius: float = 0.02) -> float:
    """The mean around a place given as shares of height and width."""
    rows, columns = pixels.shape
    reach = round(radius * rows)
    middle_row, middle_column = round(row * rows), round(column * columns)
    return float(
        pixels[
            middle_row - reach : middle_row + reach, middle_column - reach : middle_column + reach
        ].mean()
    )


def test_the_same_seed_gives_the_same_pixels(chest: Chest) -> None:
    assert np.array_equal(chest.pixels, make_chest(SMALL).pixels)


def test_another_seed_gives_another_chest(chest: Chest) -> None:
    assert not np.array_equal(
        chest.pixels,
        make_chest(ChestOptions(seed=2, rows=SMALL.rows, columns=SMALL.columns)).pixels,
    )


def test_pixels_use_twelve_bits(chest: Chest) -> None:
    assert chest.pixels.dtype == np.uint16
    assert chest.pixels.shape == (625, 512)
    assert 3500 < int(chest.pixels.max()) < 4096
    assert int(chest.pixels.min()) < 300


def test_lungs_are_darker_than_what_surrounds_them_and_air_is_darkest() -> None:
    chest = make_chest(ChestOptions(rows=SMALL.rows, columns=SMALL.columns, with_lesion=False))
    right_lung, left_lung = _mean(chest.pixels, 0.42, 0.25), _mean(chest.pixels, 0.42, 0.75)
    spine, abdomen = _mean(chest.pixels, 0.5, 0.5), _mean(chest.pixels, 0.85, 0.3)
    air = _mean(chest.pixels, 0.03, 0.75)
    assert air < min(right_lung, left_lung)
    assert max(right_lung, left_lung) < 0.7 * min(spine, abdomen)


def test_the_heart_points_to_the_right_of_the_image_and_the_liver_stands_higher(
    chest: Chest,
) -> None:
    assert _mean(chest.pixels, 0.62, 0.68) > 1.2 * _mean(chest.pixels, 0.62, 0.27)
    assert _mean(chest.pixels, 0.72, 0.3) > 1.2 * _mean(chest.pixels, 0.72, 0.82)


def test_opacities_are_where_they_are_said_to_be_and_brighter_than_the_lung(chest: Chest) -> None:
    healthy = make_chest(ChestOptions(rows=SMALL.rows, columns=SMALL.columns, with_lesion=False))
    assert healthy.lesions == ()
    assert len(chest.lesions) == 4
    added = chest.pixels.astype(int) - healthy.pixels
    rows, columns = np.indices(added.shape)
    distances = [
        np.hypot(rows - lesion.row, columns - lesion.column) / lesion.radius
        for lesion in chest.lesions
    ]
    for away in distances:
        assert added[away < 0.4].mean() > 150
    assert abs(added[np.min(distances, axis=0) > 2].mean()) < 60


@pytest.mark.slow
def test_any_size_shows_the_same_anatomy(chest: Chest) -> None:
    larger = make_chest(ChestOptions(rows=1250, columns=1024))
    assert larger.spacing == pytest.approx(chest.spacing / 2)
    assert _mean(larger.pixels, 0.42, 0.25) == pytest.approx(
        _mean(chest.pixels, 0.42, 0.25), rel=0.15
    )


def test_the_header_says_that_nobody_was_x_rayed() -> None:
    made = make_radiograph(UIDS, TAKEN_AT, SMALL).dataset
    assert made.PatientID.startswith("SYNTHETIC")
    assert "Synthetic" in str(made.PatientName)
    assert (made.Modality, made.BodyPartExamined, made.ViewPosition) == ("DX", "CHEST", "PA")
    assert (made.StudyInstanceUID, made.SOPInstanceUID) == ("2.25.1", "2.25.3")
    assert made.pixel_array.shape == (625, 512)


def test_dciodvfy_finds_no_error(tmp_path: Path) -> None:
    path = tmp_path / "chest.dcm"
    make_radiograph(UIDS, TAKEN_AT, SMALL).dataset.save_as(path, enforce_file_format=True)
    done = subprocess.run(
        [program("dciodvfy", "dicom3tools"), path], capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert "DXImageForPresentation" in said
    assert "Error" not in said
