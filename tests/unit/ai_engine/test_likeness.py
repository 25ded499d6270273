"""A result on an image unlike the training data says so, by a measured distance."""

from pathlib import Path

import numpy as np
import pytest

from ai_engine.errors import ModelFolderError
from ai_engine.kinds.likeness import (
    figures,
    likeness_remarks,
    made_likeness,
    read_likeness,
    write_likeness,
)
from ai_engine.library.names import LIKENESS_FILE
from ai_engine.library.registry import shipped_weights
from ai_engine.prediction import Region, RemarkKind
from ai_engine.preprocessing.quality import image_quality
from ai_engine.preprocessing.radiograph import Radiograph


def image(seed: int, *, gamma: float = 1.0, noise: float = 0.02) -> Radiograph:
    """A soft random field, as a device with such a gamma and noise would show it."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((8, 8)).astype(np.float32)
    field = np.kron(coarse, np.ones((32, 32), dtype=np.float32)) ** gamma
    pixels = np.clip(field + rng.normal(0, noise, field.shape), 0, 1).astype(np.float32)
    whole = Region(left=0, top=0, right=256, bottom=256)
    return Radiograph(sop_instance_uid="1.2", pixels=pixels, content=whole)


@pytest.fixture(scope="module")
def rows() -> list[np.ndarray]:
    return [figures(image(seed)) for seed in range(240)]


@pytest.mark.slow
def test_images_of_the_same_kind_pass_and_another_exposure_is_said(rows: list[np.ndarray]) -> None:
    likeness = made_likeness(rows[:160], rows[160:], "drawn")
    alike = [list(likeness_remarks(likeness, image(seed))) for seed in range(1000, 1040)]
    assert sum(map(bool, alike)) <= 4
    for changed in (image(100, gamma=3.0), image(100, noise=0.2)):
        (remark,) = likeness_remarks(likeness, changed)
        assert remark.kind is RemarkKind.UNLIKE_TRAINING
        assert f"{likeness.distance(changed):.1f}" in remark.detail
        assert f"{likeness.limit:.1f}" in remark.detail


@pytest.mark.slow
def test_the_limit_is_what_nearly_all_validation_images_stay_within(rows: list[np.ndarray]) -> None:
    likeness = made_likeness(rows[:160], rows[160:], "drawn")
    within = [likeness.distance(image(seed)) <= likeness.limit for seed in range(160, 240)]
    assert sum(within) == 78


def test_a_model_without_a_reference_says_nothing(tmp_path: Path) -> None:
    assert read_likeness(tmp_path) is None
    assert list(likeness_remarks(None, image(1))) == []


@pytest.mark.slow
def test_a_reference_is_written_into_the_models_folder_and_read_again(
    tmp_path: Path, rows: list[np.ndarray]
) -> None:
    made = made_likeness(rows[:160], rows[160:], "drawn")
    write_likeness(made, tmp_path)
    read = read_likeness(tmp_path)
    assert read is not None
    assert read.distance(image(7)) == pytest.approx(made.distance(image(7)), rel=1e-3)
    assert read.data == "drawn"


def test_a_damaged_reference_is_named(tmp_path: Path) -> None:
    (tmp_path / LIKENESS_FILE).write_text("mean = [1.0]\nprecision = [1.0, 2.0]\nlimit = 1.0\n")
    with pytest.raises(ModelFolderError, match="models reference"):
        read_likeness(tmp_path)


def test_the_shipped_chest_model_has_a_reference() -> None:
    found = read_likeness(shipped_weights() / "chest-radiograph" / "4.0.0")
    assert found is not None
    assert "572 training" in found.data


def test_device_figures_that_were_measured_already_change_nothing() -> None:
    shown = image(7)
    np.testing.assert_array_equal(figures(shown, image_quality(shown)), figures(shown))
