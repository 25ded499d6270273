"""XNet is trained on MosMedData's layout, goes on where it was stopped, and is served."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ai_engine.commands.evaluate import evaluate
from ai_engine.commands.train import train
from ai_engine.ct.dataset import read_mosmed, split_studies
from ai_engine.ct.predictor import load_segmenter
from ai_engine.ct.slice_batches import load_slices, patch_of, varied_pair
from ai_engine.datasets.cxr import Split
from ai_engine.errors import DatasetError
from ai_engine.library.card import read_card, write_card
from ai_engine.library.registry import verify_weights
from ai_engine.training.checkpoint import load_checkpoint
from ai_engine.training.recipe_file import load_recipe

nibabel = pytest.importorskip("nibabel")
pytest.importorskip("tensorflow")

SLICES, SIDE = 3, 64

TINY = """
name = "tiny"
model = "xnet-lung"
paper = "5"
architecture = "xnet"
task = "ct-mask"
labels = ["inhomogeneity"]
input_size = 32
batch_size = 3
epochs = 2
learning_rate = 0.0001

[augmentation]
rotation = 15.0
zoom = 0.1
shift = 0.1
"""


def write_study(folder: Path, number: int, *, drawn: bool = True) -> None:
    """A body with a lung, and in it a patch that was drawn in the mask."""
    values = np.full((SLICES, SIDE, SIDE), -1000, np.int16)
    values[:, 8:56, 8:56] = 40
    values[:, 16:48, 12:52] = -850
    patch = np.s_[:, 24:36, 16 + number % 5 : 30 + number % 5]
    values[patch] = -300
    mask = np.zeros_like(values, np.uint8)
    mask[patch] = 1
    affine = np.diag([-1.0, -1.0, 8.0, 1.0])
    grade = folder / "studies" / "CT-1"
    for place, stored in ((grade, values), (folder / "masks", mask)):
        place.mkdir(parents=True, exist_ok=True)
        name = f"study_{number:04d}" + ("_mask" if stored is mask else "") + ".nii.gz"
        if stored is values or drawn:
            image = nibabel.Nifti1Image(stored.transpose(2, 1, 0), affine)
            nibabel.save(image, place / name)


@pytest.fixture(scope="module")
def mosmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mosmed")
    for number in range(255, 259):
        write_study(folder, number)
    write_study(folder, 300, drawn=False)
    return folder


def test_the_recipe_states_the_papers_settings() -> None:
    recipe = load_recipe("paper5-xnet")
    assert (recipe.input_size, recipe.epochs, recipe.learning_rate) == (160, 200, 1e-4)
    assert (recipe.optimizer, recipe.task, recipe.architecture) == ("adam", "ct-mask", "xnet")


def test_whole_studies_with_a_mask_are_split_the_same_way_each_time(mosmed: Path) -> None:
    parts = split_studies(read_mosmed(mosmed))
    names = {split: [study.name for study in part] for split, part in parts.items()}
    assert sorted(name for part in names.values() for name in part) == [
        f"study_{number:04d}" for number in range(255, 259)
    ]
    assert [len(names[split]) for split in Split] == [2, 1, 1]
    assert split_studies(read_mosmed(mosmed)[::-1]) == parts


def test_too_few_masks_are_an_error_that_names_the_folder(tmp_path: Path) -> None:
    for number in (1, 2):
        write_study(tmp_path / "set", number)
    with pytest.raises(DatasetError, match=r"set: 2 studies have a mask .* fetch the masks too"):
        split_studies(read_mosmed(tmp_path / "set"))


def test_slice_and_mask_move_alike_and_crops_never_shrink(mosmed: Path) -> None:
    study = load_slices(read_mosmed(mosmed)[0], 64)
    recipe = load_recipe("paper5-xnet")
    rng = np.random.default_rng(1)
    for _ in range(20):
        image, mask = varied_pair(study.images[0], study.masks[0], recipe.augmentation, rng)
        assert set(np.unique(mask)) <= {0.0, 1.0}
        assert np.median(image[mask > 0]) == pytest.approx(0.5, abs=0.02)  # -300 of -1000 to 400
        assert mask.sum() >= 0.9 * study.masks[0].sum()


def test_a_part_of_a_slice_is_the_same_part_of_its_mask() -> None:
    image = np.random.default_rng(2).random((12, 12), dtype=np.float32)
    parts = set()
    for at in range(30):
        part, mask = patch_of(image, image * 2, 8, np.random.default_rng(at))
        assert part.shape == (8, 8)
        np.testing.assert_array_equal(mask, part * 2)
        parts.add(part.tobytes())
    assert len(parts) > 5


def test_a_fresh_network_expects_few_inhomogeneous_pixels() -> None:
    from ai_engine.ct.slice_training import expect_few  # noqa: PLC0415 - loads TensorFlow
    from ai_engine.models.catalogue import build  # noqa: PLC0415 - the same

    network = build("xnet_quarter", labels=1, size=32)
    slices = np.random.default_rng(3).random((4, 32, 32, 1), dtype=np.float32)
    # As it learns: with the moments of the batch.
    before = float(np.mean(network(slices, training=True)))
    expect_few(network)
    after = float(np.mean(network(slices, training=True)))
    assert before == pytest.approx(0.5, abs=0.1)
    assert after < before / 2


@pytest.mark.slow
def test_what_parts_of_slices_teach_is_served_on_whole_ones(mosmed: Path, tmp_path: Path) -> None:
    from ai_engine.ct.slice_training import SliceTrainer  # noqa: PLC0415 - loads TensorFlow

    path = tmp_path / "parts.toml"
    tiny = TINY.replace('"xnet"', '"xnet_quarter"').replace("epochs = 2", "epochs = 1\npatch = 16")
    path.write_text(tiny)
    studies = [
        dataclasses.replace(each, source="drawn lesions", patient=each.name)
        for each in read_mosmed(mosmed)
    ]
    trainer = SliceTrainer(load_recipe(str(path)), studies, folder=tmp_path / "run")
    before = trainer.network.get_weights()
    trainer.run(resume=False, progress=lambda _: None)
    trainer.finish()
    assert trainer.network.input_shape == (None, 32, 32, 1)
    learned = trainer.model.get_weights()
    for served, taught in zip(trainer.network.get_weights(), learned, strict=True):
        np.testing.assert_array_equal(served, taught)
    assert any(not np.array_equal(*pair) for pair in zip(before, learned, strict=True))
    # Whose masks they are: these are not MosMedData's.
    assert trainer.described()["data"].startswith("drawn lesions, split by patient: ")


class _PowerCutError(Exception):
    """What stops a run in the middle of its second epoch."""


def _cut_power_in_the_second_epoch() -> Callable[[dict[str, Any]], None]:
    done = []

    def progress(event: dict[str, Any]) -> None:
        if done:
            raise _PowerCutError
        if "epoch_done" in event:
            done.append(event)

    return progress


@pytest.mark.long
def test_it_is_stopped_resumed_published_and_served(mosmed: Path, tmp_path: Path) -> None:
    from ai_engine.ct.slice_training import SliceTrainer  # noqa: PLC0415 - loads TensorFlow

    path, out = tmp_path / "tiny.toml", tmp_path / "run"
    path.write_text(TINY)
    studies, recipe = read_mosmed(mosmed), load_recipe(str(path))
    with pytest.raises(_PowerCutError):
        SliceTrainer(recipe, studies, folder=out).run(
            resume=True, progress=_cut_power_in_the_second_epoch()
        )
    checkpoint = load_checkpoint(out, recipe_text=repr(recipe))
    assert checkpoint is not None
    assert len(checkpoint.history) == 1
    card = train(recipe=str(path), data=mosmed, out=out, version="0.1.0")
    history = json.loads((out / "history.json").read_text())
    assert history[0] == checkpoint.history[0]
    assert len(history) == 2
    assert {"loss", "valid_loss", "valid_dice"} <= set(history[1])
    assert card.kind == "segmenter-ct"
    assert (card.name, card.version) == ("xnet-lung", "0.1.0")
    assert "2 train, 1 valid, 1 test studies" in card.data
    assert {metric.name for metric in card.metrics} == {"dice", "iou"}
    assert all(0 <= metric.value <= 1 for metric in card.metrics)
    assert (out / "curves.png").stat().st_size > 5_000
    assert (out / "test.csv").read_text().startswith("study,slices,dice,iou")
    verify_weights(card)
    assert read_card(card.folder) == card
    # Fully convolutional: what was learned at 32 pixels is served at the 160 of the paper.
    served = dataclasses.replace(card, input_size=160)
    write_card(served)
    predictor = load_segmenter(served, cache=tmp_path / "cache", threads=1)
    assert predictor.identity == card.identity
    evaluate(card=served, data=mosmed, out=tmp_path / "measured", cache=tmp_path / "cache")
    report = json.loads((tmp_path / "measured" / "report.json").read_text())
    unseen = {study.name for study in split_studies(studies)[Split.TEST]} | {"study_0300"}
    assert {each["name"] for each in report["studies"]} == unseen
    assert all(each["refusal"] for each in report["studies"])  # three slices hold no lungs
