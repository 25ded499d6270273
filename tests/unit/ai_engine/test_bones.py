"""Bones of a radiograph: pairs to learn from, the generator in use, and where they lie."""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from ai_engine.datasets.cxr import Split
from ai_engine.errors import BackendError, DatasetError
from ai_engine.kinds.bones.batches import bone_batches, load_pairs, plain_pairs
from ai_engine.kinds.bones.dataset import read_bone_pairs
from ai_engine.kinds.bones.prediction import BoneImage, packed
from ai_engine.kinds.bones.predictor import BonePredictor, BoneSubtractor
from ai_engine.kinds.bones.scales import scales_of
from ai_engine.kinds.guard.guard import Appearance, ChestGuard
from ai_engine.kinds.testing import FakeGuardBackend, chest_card, guard_card
from ai_engine.prediction import Region
from ai_engine.training.recipe_file import load_recipe
from tests.unit.ai_engine.bone_layout import write_pairs
from tests.unit.ai_engine.test_boxes import radiograph

Arrays = Mapping[str, npt.NDArray[np.float32]]
CARD = chest_card(Path())


class HalfAsBright:
    """Draws bones that are half as bright as the radiograph, at two scales."""

    inputs = ("radiograph",)
    outputs = ("coarse", "fine")

    def run(self, inputs: Arrays) -> Arrays:
        shown = (inputs["radiograph"] + 1) / 2
        return {"coarse": shown[:, ::2, ::2] * 0 - 1, "fine": shown / 2 * 2 - 1}


def test_bones_lie_where_their_radiograph_does_and_nowhere_else() -> None:
    picture = radiograph(96, 192)
    image = BoneSubtractor(CARD, HalfAsBright()).draw(picture)
    bones = image.bones(rows=96, columns=192)
    assert bones.shape == (96, 192)
    np.testing.assert_allclose(bones, picture.pixels / 2, atol=0.2)
    np.testing.assert_allclose(bones.mean(), picture.pixels.mean() / 2, atol=0.01)


def test_packing_keeps_sixteen_bits() -> None:
    values = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    region = Region(left=2, top=2, right=10, bottom=10)
    image = BoneImage(sop_instance_uid="1.2", packed=packed(values), region=region)
    bones = image.bones(rows=12, columns=12)
    np.testing.assert_allclose(bones[2:10, 2:10], values, atol=1e-4)
    assert bones[0].max() == bones[:, 11].max() == 0


@pytest.mark.parametrize("appearance", [Appearance.FRONTAL, Appearance.OTHER])
def test_the_guard_decides_whose_bones_are_drawn(appearance: Appearance) -> None:
    guard = ChestGuard(guard_card(Path(), threshold=0.5), FakeGuardBackend(appearance))
    prediction = BonePredictor(BoneSubtractor(CARD, HalfAsBright()), guard=guard).predict(
        [radiograph()]
    )
    passes = appearance is Appearance.FRONTAL
    assert (prediction.analysed, prediction.refused) == (
        ({"1.2"}, set()) if passes else (set(), {"1.2"})
    )
    assert not prediction.is_positive


def test_a_network_of_two_inputs_is_no_generator() -> None:
    class Other(HalfAsBright):
        inputs = ("image", "header")

    with pytest.raises(BackendError, match="takes one image"):
        BoneSubtractor(CARD, Other())


@pytest.mark.parametrize("layout", ["bones", "suppressed"])
def test_pairs_are_read_from_bones_or_from_what_is_left(tmp_path: Path, layout: str) -> None:
    pairs = read_bone_pairs(write_pairs(tmp_path / "data", layout=layout))
    assert {pair.split for pair in pairs} == {Split.TRAIN, Split.VALID}
    patients = {split: {p.patient for p in pairs if p.split is split} for split in Split}
    assert not patients[Split.TRAIN] & patients[Split.VALID]
    image, bones = pairs[0].read()
    assert image.shape == bones.shape
    # The ribs are 0.2 brighter than what lies between them.
    assert bones.max() == pytest.approx(0.2, abs=0.02)
    assert np.median(bones) < 0.02


def test_a_pair_that_is_none_is_named(tmp_path: Path) -> None:
    folder = write_pairs(tmp_path / "data")
    with pytest.raises(DatasetError, match="holds no radiographs"):
        read_bone_pairs(tmp_path)
    (folder / "bones" / "p00_1.png").unlink()
    with pytest.raises(DatasetError, match=r"bones/p00_1\.png: missing"):
        read_bone_pairs(folder)
    cv2.imwrite(str(folder / "bones" / "p00_1.png"), np.zeros((4, 4), np.uint8))
    with pytest.raises(DatasetError, match="4 x 4 pixels, but its radiograph has"):
        read_bone_pairs(folder)[0].read()


def test_batches_hold_bones_in_the_place_of_their_radiograph(tmp_path: Path) -> None:
    recipe = load_recipe("paper3-bones")
    pairs = load_pairs(read_bone_pairs(write_pairs(tmp_path / "data"))[:4])
    ((radiographs, bones),) = bone_batches(pairs, recipe, 64, 0)
    assert radiographs.shape == bones.shape == (4, 64, 64, 1)
    assert radiographs.min() >= -1
    for radiograph_, bones_ in zip(radiographs, bones, strict=True):
        ribs = bones_ > bones_.max() - 0.1
        assert radiograph_[ribs].mean() > radiograph_[bones_ < -0.95].mean()
    again, _ = next(iter(bone_batches(pairs, recipe, 64, 0)))
    np.testing.assert_array_equal(again, radiographs)
    assert plain_pairs(pairs, 32)[0].shape == (4, 32, 32, 1)


def test_scales_double_from_the_coarsest() -> None:
    assert scales_of("bone_generator", 512) == (64, 128, 256, 512)
    assert scales_of("bone_generator_small", 64) == (32, 64)


def test_a_table_says_which_patient_is_in_which_part(tmp_path: Path) -> None:
    folder = write_pairs(tmp_path, patients=3)
    table = folder / "split.csv"
    table.write_text("patient,part\np00,train\np01,valid\np02,test\n")
    pairs = read_bone_pairs(folder)
    assert [pair.split for pair in pairs] == [Split.TRAIN, Split.VALID, Split.TEST]
    table.write_text("patient,part\np00,train\np01,valid\n")
    with pytest.raises(DatasetError, match="says nothing of p02; add that patient"):
        read_bone_pairs(folder)
    table.write_text("patient,part\np00,train\np01,valid\np02,later\n")
    with pytest.raises(DatasetError, match="give columns patient and part"):
        read_bone_pairs(folder)
