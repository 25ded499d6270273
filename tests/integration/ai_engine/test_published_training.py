"""Published recipes run from data set to model folder, and go on where they were stopped."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from ai_engine.commands.train import train
from ai_engine.datasets.cxr import Split
from ai_engine.errors import DatasetError, RecipeError
from ai_engine.inference.openvino_backend import OpenVinoBackend
from ai_engine.kinds.bones.dataset import read_bone_pairs
from ai_engine.kinds.lungs.dataset import read_lungs
from ai_engine.kinds.lungs.outlines import MeasuredMask, mask_metrics
from ai_engine.kinds.lungs.segmenter import LungSegmenter
from ai_engine.library.registry import verify_weights
from ai_engine.prediction import Region
from ai_engine.preprocessing.radiograph import Radiograph
from ai_engine.training.checkpoint import FILE_NAME
from ai_engine.training.recipe import Recipe
from ai_engine.training.recipe_file import load_recipe, parse_recipe
from ai_engine.training.tensorflow_session import tensorflow_session
from ai_engine.training.trainer import Trainer
from tests.integration.ai_engine.eagerly import eagerly
from tests.unit.ai_engine.bone_layout import write_pairs

keras = pytest.importorskip("keras")
pytest.importorskip("tensorflow")

CLASSES = """
name = "bright-or-dark"
paper = "none"
architecture = "guardnet"
task = "classes"
labels = ["bright", "dark"]
input_size = 32
batch_size = 8
epochs = 2
learning_rate = 0.003
schedule = "plateau"

[augmentation]
flip = 0.5
"""

MASKS = """
name = "lung-segmentation"
paper = "3"
architecture = "unet_vgg16_quarter"
task = "mask"
labels = ["Lungs"]
input_size = 32
batch_size = 2
epochs = 1
folds = 0
learning_rate = 0.003
schedule = "cosine"
half_precision = false
elastic = 0.02
air = 0.5
"""


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    """Two classes that anybody can tell apart: bright above or below."""
    place = tmp_path / "classes"
    rng = np.random.default_rng(1)
    for kind in ("bright", "dark"):
        (place / kind).mkdir(parents=True)
        for index in range(40):
            image = rng.integers(0, 90, (48, 48), dtype=np.uint8)
            half = slice(0, 24) if kind == "bright" else slice(24, 48)
            image[half] += 120
            cv2.imwrite(str(place / kind / f"{index}.png"), image)
    return place


@pytest.fixture
def lungs(tmp_path: Path) -> Path:
    """Dark ellipses on grey, with their masks; names that share no source."""
    place = tmp_path / "lungs"
    for folder in ("images", "masks"):
        (place / folder).mkdir(parents=True)
    for index in range(6):
        mask = np.zeros((64, 64), np.uint8)
        for x in (20, 44):
            cv2.ellipse(mask, (x, 32 + index), (9, 20), 0, 0, 360, 255, cv2.FILLED)
        image = np.where(mask > 0, 60, 180).astype(np.uint8)
        cv2.imwrite(str(place / "images" / f"{index}.png"), image)
        cv2.imwrite(str(place / "masks" / f"{index}.png"), mask)
    return place


def recipe_file(folder: Path, text: str) -> str:
    path = folder / "recipe.toml"
    path.write_text(text)
    return str(path)


def test_classes_are_learned_from_folders(classes: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    recipe = recipe_file(tmp_path, CLASSES)
    card = train(recipe=recipe, data=classes, out=out, version="0.1.0")
    verify_weights(card)
    assert card.kind == "classifier"
    assert [label.name for label in card.labels] == ["bright", "dark"]
    assert card.command == (
        "dicom-node models train --recipe recipe.toml --data classes --version 0.1.0"
    )
    assert (out / "curves.png").stat().st_size > 5_000
    assert any(metric.name == "auc" for metric in card.metrics)
    with pytest.raises(RecipeError, match="other settings"):
        train(
            recipe=recipe_file(tmp_path, CLASSES.replace("0.003", "0.002")),
            data=classes, out=out,
        )  # fmt: skip


def test_a_data_set_without_the_recipes_labels_is_refused(classes: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no label 'No_Finding'"):
        train(recipe="paper3-triage", data=classes, out=tmp_path / "run")


@pytest.mark.parametrize(
    ("architecture", "traced"), [("unet_vgg16_quarter", True), ("unet_lite2", False)]
)
def test_masks_are_learned_and_served(
    architecture: str, traced: bool, lungs: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    text = MASKS.replace("unet_vgg16_quarter", architecture)
    with nullcontext() if traced else eagerly():
        card = train(recipe=recipe_file(tmp_path, text), data=lungs, out=out)
    assert card.kind == "segmenter"
    assert (out / "history.json").is_file()
    backend = OpenVinoBackend.load(card, cache=tmp_path / "cache", threads=1)
    pixels = np.full((300, 280), 0.5, dtype=np.float32)
    content = Region(left=0, top=0, right=280, bottom=300)
    radiograph = Radiograph(sop_instance_uid="1.2", pixels=pixels, content=content)
    found = LungSegmenter(card, backend).probabilities(radiograph)
    assert found.shape == (300, 280)
    assert ((found >= 0) & (found <= 1)).all()


def test_held_out_images_are_measured_together_and_by_fold() -> None:
    from ai_engine.kinds.lungs.training import in_groups  # noqa: PLC0415 - after TensorFlow

    nothing = np.zeros((4, 4, 3), np.uint8)
    rows = [
        MeasuredMask(image=f"{n}.png", fold=1 + n % 2, dice=0.9 + n / 100, iou=0.8, picture=nothing)
        for n in range(6)
    ]
    metrics = mask_metrics(in_groups(rows), label="Lungs", split="cross-validation")
    found = {(one.name, one.group): one for one in metrics}
    assert set(found) == {(n, g) for n in ("dice", "iou") for g in ("all", "fold 1", "fold 2")}
    assert found["dice", "all"].value == pytest.approx(0.925)
    assert found["dice", "all"].low < 0.925 < found["dice", "all"].high
    certain = in_groups(rows, {"5.png"})["undoubted masks"]
    assert [row.image for row in certain] == [f"{n}.png" for n in range(5)]
    assert mask_metrics(in_groups([]), label="Lungs", split="cross-validation") == ()


class Tiny(Trainer):
    """Trains any model on any batches; each epoch measures the same."""

    def __init__(
        self,
        recipe: Recipe,
        folder: Path,
        model: Any,
        made: Callable[[int], Iterable[tuple[Any, Any]]],
        measured: dict[str, float],
    ) -> None:
        super().__init__(recipe, folder)
        self.model, self._made, self._measured = model, made, measured

    def batches(self, stage: int, epoch: int) -> Iterable[tuple[Any, Any]]:
        assert stage == 0
        return self._made(epoch)

    def validate(self, stage: int, epoch: int) -> dict[str, float]:
        return self._measured


class _StopError(Exception):
    """Stands for whatever ends a run early."""


@pytest.mark.parametrize("dropout", [False, True])
def test_a_stopped_run_goes_on_as_if_it_had_not_been(dropout: bool, tmp_path: Path) -> None:
    recipe = Recipe(
        name="tiny", paper="none", architecture="none", task="labels", labels=("A",),
        input_size=1, batch_size=4, epochs=4, learning_rate=0.1,
    )  # fmt: skip

    def batches(epoch: int) -> Iterator[tuple[Any, Any]]:
        rng = np.random.default_rng(epoch)
        for _ in range(3):
            x = rng.standard_normal((4, 2)).astype(np.float32)
            yield x, (x[:, :1] > 0).astype(np.float32)

    def a_run(folder: Path) -> tuple[Any, Trainer]:
        keras.utils.set_random_seed(1)
        dropping = [keras.layers.Dense(16), keras.layers.Dropout(0.5, seed=3)] if dropout else []
        layers = [keras.Input((2,)), *dropping, keras.layers.Dense(1, "sigmoid")]
        model = keras.Sequential(layers)
        model.compile(optimizer=keras.optimizers.Adam(0.1), loss="binary_crossentropy")
        return model, Tiny(recipe, folder, model, batches, {"valid_loss": 1.0})

    def stopping(event: dict[str, Any]) -> None:
        stopping.steps += 1  # type: ignore[attr-defined]
        if stopping.steps == 7:  # type: ignore[attr-defined]
            raise _StopError

    stopping.steps = 0  # type: ignore[attr-defined]
    whole, run = a_run(tmp_path / "whole")
    history = run.run(resume=True, progress=lambda _: None)
    with pytest.raises(_StopError):
        a_run(tmp_path / "stopped")[1].run(resume=True, progress=stopping)
    resumed, run = a_run(tmp_path / "stopped")
    assert run.run(resume=True, progress=lambda _: None) == history
    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def without_random_states(folder: Path) -> None:
    """Rewrite a checkpoint as earlier versions wrote it."""
    path = folder / FILE_NAME
    with safe_open(path, framework="numpy") as stream:
        kept = {key: stream.get_tensor(key) for key in stream.keys() if "random" not in key}  # noqa: SIM118
        metadata = stream.metadata()
    save_file(kept, path, metadata=metadata)


def test_a_checkpoint_without_random_states_is_still_resumed_and_one_that_differs_refused(
    tmp_path: Path,
) -> None:
    recipe = Recipe(
        name="tiny", paper="none", architecture="none", task="labels", labels=("A",),
        input_size=1, batch_size=4, epochs=2, learning_rate=0.1,
    )  # fmt: skip

    def a_run(width: int) -> Trainer:
        model = keras.Sequential(
            [keras.Input((2,)), keras.layers.Dense(width), keras.layers.Dropout(0.5)]
        )
        model.compile(optimizer="adam", loss="mse")
        data = np.ones((4, 2), np.float32), np.ones((4, width), np.float32)
        return Tiny(recipe, tmp_path, model, lambda _: [data], {})

    history = a_run(1).run(resume=False, progress=lambda _: None)
    without_random_states(tmp_path)
    assert a_run(1).run(resume=True, progress=lambda _: None) == history
    with pytest.raises(RecipeError, match=r"don't fit .* start over without resuming"):
        a_run(2).run(resume=True, progress=lambda _: None)


class _SeenError(Exception):
    """Ends a training once the network is built."""


def test_lungs_are_learned_in_the_precision_of_the_session(
    lungs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ai_engine.kinds.lungs import training as mask_run  # noqa: PLC0415

    def seen(model: Any, *_: object) -> None:
        raise _SeenError(model.dtype_policy.name)

    monkeypatch.setattr(mask_run, "compile_model", seen)
    recipe = parse_recipe(MASKS, where="test")
    with (
        tensorflow_session(seed=1, precision="mixed_float16"),
        pytest.raises(_SeenError, match="mixed_float16"),
    ):
        trainer = mask_run.MaskTrainer(recipe, read_lungs(lungs), folder=tmp_path)
        trainer.run(resume=False, progress=lambda _: None)


def test_bones_are_learned_in_full_precision_whatever_the_session_computes_in(
    tmp_path: Path,
) -> None:
    from ai_engine.kinds.bones.training import BoneTrainer  # noqa: PLC0415 - after TensorFlow

    pairs = read_bone_pairs(write_pairs(tmp_path / "pairs"))
    train, valid = (
        [pair for pair in pairs if pair.split is split] for split in (Split.TRAIN, Split.VALID)
    )
    recipe = dataclasses.replace(
        load_recipe("paper3-bones"),
        architecture="bone_generator_small",
        input_size=64,
        epochs=1,
        batch_size=2,
    )
    before = keras.mixed_precision.dtype_policy().name
    with tensorflow_session(seed=1, precision="mixed_float16"):
        trainer = BoneTrainer(recipe, [*train[:2], valid[0]], folder=tmp_path)
        history = trainer.run(resume=False, progress=lambda _: None)
    assert [entry["size"] for entry in history] == [32, 64]
    assert np.isfinite(trainer.made_bones).all()
    assert keras.mixed_precision.dtype_policy().name == before


def test_bones_of_the_test_part_are_measured_after_learning_from_patches(tmp_path: Path) -> None:
    from ai_engine.kinds.bones.pair_training import BoneUnetTrainer  # noqa: PLC0415 - TensorFlow

    folder = write_pairs(tmp_path / "pairs", patients=6)
    parts = ["train"] * 4 + ["valid", "test"]
    rows = [f"p{patient:02d},{part}" for patient, part in enumerate(parts)]
    (folder / "split.csv").write_text("\n".join(["patient,part", *rows]))
    recipe = dataclasses.replace(
        load_recipe("bones-projected"),
        input_size=64,
        epochs=2,
        batch_size=2,
        steps_per_epoch=8,
    )
    with tensorflow_session(seed=1, precision="float32"):
        trainer = BoneUnetTrainer(recipe, read_bone_pairs(folder), folder=tmp_path)
        history = trainer.run(resume=False, progress=lambda _: None)
    assert history[1]["valid_loss"] < history[0]["valid_loss"]
    assert trainer.measured_on is Split.TEST
    assert trainer.made_bones.shape == (1, 64, 64)
    # Ribs are where they are drawn: what is left of them is less than what there was.
    left = np.abs(trainer.made_bones - trainer.bones).mean()
    assert left < np.abs(trainer.bones).mean()
