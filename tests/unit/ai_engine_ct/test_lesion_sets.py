"""Chest CTs with lesions drawn into them: what is drawn is what the mask says, by patient."""

from pathlib import Path

import numpy as np
import pytest

from ai_engine.ct.dataset import load_mask, load_volume, read_mosmed, split_studies
from ai_engine.ct.lesion_sets import compose_lesions, read_chest
from ai_engine.ct.synthetic import LEAST_CHANGE, with_lesions, without_lesions
from ai_engine.datasets.cxr import Split
from ai_engine.errors import DatasetError

SHAPE = (24, 48, 64)
SPACING = (5.0, 6.0, 6.0)


def chest() -> tuple[np.ndarray, np.ndarray]:
    """A block of tissue with two lungs, (slices, rows, columns)."""
    values = np.full(SHAPE, 40, np.int16)
    lungs = np.zeros(SHAPE, bool)
    lungs[2:-2, 10:38, 8:28] = lungs[2:-2, 10:38, 36:56] = True
    values[lungs] = -850
    return values, lungs


def test_a_mask_lies_in_the_lungs_where_density_rose() -> None:
    values, lungs = chest()
    made, mask = with_lesions(values, lungs, SPACING, np.random.default_rng(3))
    assert mask.any()
    assert not (mask & ~lungs).any()
    plain = without_lesions(values, lungs, np.random.default_rng(3))
    assert made[mask].mean() - plain[mask].mean() > LEAST_CHANGE
    # What tempts a threshold is in both: the back of the lungs is denser, and belongs to no mask.
    assert abs(float(made[lungs & ~mask].mean()) - float(plain[lungs & ~mask].mean())) < 60


def test_the_same_seed_draws_the_same() -> None:
    values, lungs = chest()
    first, mask = with_lesions(values, lungs, SPACING, np.random.default_rng(5))
    again, same = with_lesions(values, lungs, SPACING, np.random.default_rng(5))
    assert np.array_equal(first, again)
    assert np.array_equal(mask, same)


@pytest.fixture
def archives(tmp_path: Path) -> list[Path]:
    """Three patients as NumPy archives (x, y, z) in RAS, marked by which lung is larger."""
    values, lungs = chest()
    lungs[:, :, 40:56] = False
    values[:, :, 40:56] = 40
    paths = []
    for name in ("first", "second", "third"):
        path = tmp_path / f"{name}.npz"
        turned = values[::-1, ::-1, ::-1].transpose(2, 1, 0)
        held = lungs[::-1, ::-1, ::-1].transpose(2, 1, 0)
        np.savez(path, hu=turned, lungs=held, zooms=np.array((6.0, 6.0, 5.0)), affine=np.eye(4))
        paths.append(path)
    return paths


PARTS = {"second": Split.VALID, "third": Split.TEST}


def test_volumes_are_read_from_the_head_and_the_right(archives: list[Path]) -> None:
    found = read_chest(archives[0])
    values, _ = chest()
    assert found.hounsfield.shape[1:] == values.shape[1:]
    assert found.spacing == (5.0, 6.0, 6.0)
    halves = found.lungs[:, :, :32].sum(), found.lungs[:, :, 32:].sum()
    assert halves[0] > halves[1]


@pytest.mark.slow
def test_a_set_is_one_that_is_trained_on(tmp_path: Path, archives: list[Path]) -> None:
    counts = compose_lesions(archives, tmp_path / "set", parts=PARTS, copies=2)
    assert counts == {Split.TRAIN: 3, Split.VALID: 3, Split.TEST: 3}
    studies = read_mosmed(tmp_path / "set")
    assert sorted(study.grade for study in studies) == [0] * 3 + [1] * 6
    parts = split_studies(studies)
    assert {part: len(held) for part, held in parts.items()} == counts
    for study in studies:
        mask = load_mask(study)
        assert mask is not None
        volume = load_volume(study)
        assert volume.hounsfield.shape == mask.shape
        assert volume.geometry.spacing == pytest.approx(SPACING)
        assert mask.any() == (study.grade > 0)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"second": Split.VALID}, "no volume is of the test part"),
        ({**PARTS, "fourth": Split.TEST}, "there is no volume of fourth"),
    ],
)
def test_parts_that_cannot_be_are_told(
    tmp_path: Path, archives: list[Path], parts: dict[str, Split], words: str
) -> None:
    with pytest.raises(DatasetError, match=words):
        compose_lesions(archives, tmp_path / "set", parts=parts, copies=1)
    assert not (tmp_path / "set").exists()


def test_slices_that_cannot_be_used_are_told_before_anything_is_drawn(
    tmp_path: Path, archives: list[Path]
) -> None:
    with pytest.raises(DatasetError, match=r"split\.csv: cannot be read"):
        compose_lesions(archives, tmp_path / "set", parts=PARTS, copies=1, slices=tmp_path)
    assert not (tmp_path / "set").exists()


@pytest.mark.slow
def test_a_patient_in_two_parts_of_a_set_is_told(tmp_path: Path, archives: list[Path]) -> None:
    compose_lesions(archives, tmp_path / "set", parts=PARTS, copies=1)
    assert {one.patient for one in read_mosmed(tmp_path / "set")} == {"first", "second", "third"}
    table = tmp_path / "set" / "split.csv"
    table.write_text(table.read_text().replace("valid,second", "valid,third"))
    with pytest.raises(DatasetError, match="study_0005 is of the test part, and others of patient"):
        read_mosmed(tmp_path / "set")


@pytest.mark.slow
def test_a_table_of_parts_that_says_nothing_of_a_study_is_told(
    tmp_path: Path, archives: list[Path]
) -> None:
    compose_lesions(archives, tmp_path / "set", parts=PARTS, copies=1)
    table = tmp_path / "set" / "split.csv"
    rows = table.read_text().splitlines()
    table.write_text("\n".join(rows[:-1]) + "\n")
    with pytest.raises(DatasetError, match=r"split\.csv: says nothing of study_0006"):
        read_mosmed(tmp_path / "set")
    table.write_text("study,part\nstudy_0001,somewhere\n")
    with pytest.raises(DatasetError, match="needs the columns study and part"):
        read_mosmed(tmp_path / "set")
    with pytest.raises(DatasetError, match="no archive of a volume"):
        read_chest(Path(__file__).with_suffix(".npz"))
