"""Radiographs projected from CTs: what bones add, kept apart, and whose are mixed with whose."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from ai_engine.ct.bone_exposure import plain, varied
from ai_engine.ct.bone_projection import SIDE, SOFT, BonyChest, bony_chest
from ai_engine.ct.bone_sets import compose_bones
from ai_engine.ct.lesion_sets import ChestVolume
from ai_engine.datasets.cxr import Split
from ai_engine.errors import DatasetError
from ai_engine.kinds.bones.dataset import read_bone_pairs

SHAPE = (30, 48, 64)
SPACING = (5.0, 6.0, 6.0)
RIB, SPINE = 700, 500


def chest() -> ChestVolume:
    """A block of tissue with two lungs, ribs behind them, a spine and a calcified node."""
    values = np.full(SHAPE, 40, np.int16)
    lungs = np.zeros(SHAPE, bool)
    lungs[2:-2, 10:38, 8:28] = lungs[2:-2, 10:38, 36:56] = True
    values[lungs] = -850
    for start in range(3, 27, 6):
        values[start : start + 2, 40:42, 6:26] = values[start : start + 2, 40:42, 38:58] = RIB
    values[:, 38:46, 29:35] = SPINE
    values[14:17, 20:24, 30:33] = RIB
    return ChestVolume(hounsfield=values, lungs=lungs, spacing=SPACING)


def bony(volume: ChestVolume) -> BonyChest:
    return bony_chest("one", volume)


def test_ribs_are_taken_out_and_spine_and_calcification_are_not() -> None:
    volume = chest()
    made = bony(volume)
    planes = volume.hounsfield.transpose(1, 0, 2).astype(np.float32)
    deep = SPACING[1] / 10
    np.testing.assert_allclose(made.soft + made.bones, (1 + planes / 1000) * deep, atol=1e-5)
    rib = (slice(40, 42), 3, slice(10, 22))
    np.testing.assert_allclose(made.bones[rib], (RIB - SOFT) / 1000 * deep, atol=1e-5)
    assert not made.bones[38:46, :, 30:34].any()
    assert not made.bones[20:24, 14:17, 30:33].any()


def test_known_bones_go_before_what_is_dense() -> None:
    volume = chest()
    none = bony_chest("one", volume, np.zeros(SHAPE, bool))
    assert not none.bones.any()


def test_a_projection_is_as_thick_as_the_chest_and_its_bones_lie_over_the_lungs() -> None:
    view = bony(chest()).project(np.random.default_rng(2))
    assert view.soft.shape == view.bones.shape == view.lungs.shape == (SIDE, SIDE)
    thick = SHAPE[1] * SPACING[1] / 10
    assert 0.9 * thick < view.soft.max() < 1.2 * thick
    assert (view.bones > 0.3).sum() > 500
    assert (view.bones > 0.3)[view.lungs].mean() > 0.05


def test_bones_brighten_and_what_is_left_without_them_is_darker() -> None:
    rng = np.random.default_rng(3)
    view = bony(chest()).project(rng)
    for exposure in (plain(view), varied(view, [view], rng), varied(view, [view, view], rng)):
        assert exposure.radiograph.dtype == exposure.bones.dtype == np.float32
        assert 0 <= exposure.bones.min() < 0.01 < exposure.bones.max() < 1
        assert 0 <= exposure.radiograph.min() < exposure.radiograph.max() <= 1


def archives(folder: Path, volume: ChestVolume) -> list[Path]:
    """Four patients as NumPy archives (x, y, z) in RAS."""
    paths = []
    for name in ("first", "second", "third", "fourth"):
        path = folder / f"{name}.npz"
        turned = [
            each[::-1, ::-1, ::-1].transpose(2, 1, 0) for each in (volume.hounsfield, volume.lungs)
        ]
        zooms = np.array(SPACING[::-1])
        np.savez(path, hu=turned[0], lungs=turned[1], zooms=zooms, affine=np.eye(4))
        paths.append(path)
    return paths


PARTS = {"third": Split.VALID, "fourth": Split.TEST}


@pytest.mark.slow
def test_patients_of_other_parts_keep_their_own_bones(tmp_path: Path) -> None:
    sources = archives(tmp_path, chest())
    counts = compose_bones(sources, tmp_path / "set", parts=PARTS, pairs=10)
    assert counts == {Split.TRAIN: 10, Split.VALID: 1, Split.TEST: 1}
    pairs = read_bone_pairs(tmp_path / "set")
    of_part = {part: {each.patient for each in pairs if each.split is part} for part in Split}
    assert of_part[Split.VALID] == {"third"}
    assert of_part[Split.TEST] == {"fourth"}
    mixed = {name for patient in of_part[Split.TRAIN] for name in patient.split("+")}
    assert mixed == {"first", "second"}
    radiograph, bones = pairs[0].read()
    assert radiograph.shape == bones.shape == (SIDE, SIDE)
    assert bones.max() > 0.01


@pytest.mark.slow
def test_the_same_seed_projects_the_same(tmp_path: Path) -> None:
    sources = archives(tmp_path, chest())
    for name in ("one", "two"):
        compose_bones(sources, tmp_path / name, parts=PARTS, pairs=2)
    for one in sorted((tmp_path / "one").rglob("*.*")):
        assert (
            one.read_bytes() == (tmp_path / "two" / one.relative_to(tmp_path / "one")).read_bytes()
        )


def test_a_chest_without_bones_is_named(tmp_path: Path) -> None:
    volume = chest()
    boneless = dataclasses.replace(volume, hounsfield=np.minimum(volume.hounsfield, 60))
    with pytest.raises(DatasetError, match=r"first\.npz: no bones are found around its lungs"):
        compose_bones(archives(tmp_path, boneless), tmp_path / "set", parts=PARTS, pairs=2)
