"""Recipes, augmentation, batches and checkpoints: all of training that needs no TensorFlow."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from ai_engine.datasets.cxr import CxrDataset, CxrItem, Split, View
from ai_engine.errors import RecipeError
from ai_engine.kinds.classifier.findings_batches import (
    TrainingSet,
    epoch_batches,
    load_training_set,
    plain_views,
)
from ai_engine.kinds.guard.batches import guard_batches, misplaced
from ai_engine.kinds.guard.guard import Appearance
from ai_engine.kinds.guard.images import distorted_chest, drawn_other
from ai_engine.library.labels import reported_label
from ai_engine.prediction import Region
from ai_engine.preprocessing.geometry import letterbox
from ai_engine.training.augmentation import Sample, augmented_view
from ai_engine.training.checkpoint import Checkpoint, load_checkpoint, numbered, save_checkpoint
from ai_engine.training.publishing import card_text
from ai_engine.training.recipe import STILL, VARIED
from ai_engine.training.recipe_file import load_recipe, parse_recipe, recipe_names

MINIMAL = """
name = "chest-radiograph"
task = "findings"
architecture = "densenet121"
labels = ["Pneumonia"]
auxiliary_labels = ["Edema"]
batch_size = 2
[[stages]]
size = 32
epochs = 1
learning_rate = 1e-3
"""
TURNED = MINIMAL + "[augmentation]\nrotation = 12.0\n"


def sample(rows: int = 96, columns: int = 96) -> Sample:
    y, x = np.mgrid[:rows, :columns]
    image = (127 + 60 * np.sin(x / 9) + 60 * np.cos(y / 7)).astype(np.uint8)
    return Sample(image=image, content=Region(left=0, top=0, right=columns, bottom=rows))


def training_set(count: int = 5) -> TrainingSet:
    targets = np.tile(np.array([[1, 0, 1, 0, -0.5]], dtype=np.float32), (count, 1))
    return TrainingSet(samples=(sample(),) * count, targets=targets)


@pytest.mark.parametrize("name", [name for name in recipe_names() if load_recipe(name).stages])
def test_shipped_recipes_load_and_have_card_texts_and_codes(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.stages
    assert {"title", "intended_use", "limitations", "licence", "attribution"} <= set(
        card_text(recipe.model_name)
    )
    if recipe.kind not in ("guard", "segmenter-ct"):  # which report no finding
        assert all(reported_label(label, threshold=0.5).code for label in recipe.labels)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (MINIMAL + "speed = 3\n", "stages: unknown setting 'speed'"),
        ("speed = 3\n" + MINIMAL, "unknown setting 'speed'"),
        (MINIMAL.replace("size = 32", ""), "missing"),
        (MINIMAL.split("[[", maxsplit=1)[0], r"at least one \[\[stages\]\]"),
        ("= 1", "not valid TOML"),
    ],
)
def test_spoiled_recipes_are_named(text: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words) as wrong:
        parse_recipe(text, where="mine.toml")
    assert "mine.toml" in str(wrong.value)


def test_unknown_recipes_and_labels_are_answered_with_the_known() -> None:
    with pytest.raises(RecipeError, match="chest-densenet121"):
        load_recipe("resnet")
    with pytest.raises(RecipeError, match="Pneumonia"):
        reported_label("Gout", threshold=0.5)


def test_recipes_can_be_ones_own_file(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(MINIMAL, encoding="utf-8")
    assert load_recipe(str(path)).stages[0].size == 32


@pytest.mark.parametrize("shape", [(96, 96), (96, 60), (50, 96)])
def test_without_variation_training_sees_what_serving_sees(shape: tuple[int, int]) -> None:
    still = augmented_view(sample(*shape), size=96, settings=STILL, rng=np.random.default_rng(1))
    served = letterbox(sample(*shape).image.astype(np.float32) / 255, size=96)
    inner = served.mask & np.roll(served.mask, 2, 0) & np.roll(served.mask, -2, 0)
    inner &= np.roll(served.mask, 2, 1) & np.roll(served.mask, -2, 1)
    assert np.abs(still - served.values)[inner].mean() < 0.08


def test_variation_varies_and_is_standardised() -> None:
    rng = np.random.default_rng(2)
    views = [augmented_view(sample(), size=64, settings=VARIED, rng=rng) for _ in range(3)]
    assert not np.allclose(views[0], views[1])
    assert all(np.isfinite(view).all() and abs(view.mean()) < 1.5 for view in views)


def test_smaller_samples_show_the_same_part() -> None:
    large = sample(400, 300)
    small = large.reduced(64)
    assert max(small.image.shape) == pytest.approx(1.3 * 64, abs=1)
    assert small.content.right == pytest.approx(small.image.shape[1], abs=1)
    assert small.reduced(64) is small


def test_an_epoch_depends_on_its_seed_only() -> None:
    recipe = parse_recipe(TURNED, where="test")
    epochs = [
        list(epoch_batches(training_set(), recipe, size=32, seed=seed))
        for seed in ((1, 0, 0), (1, 0, 0), (1, 0, 1))
    ]
    assert len(epochs[0]) == 2
    np.testing.assert_array_equal(epochs[0][0][0], epochs[1][0][0])
    assert not np.array_equal(epochs[0][0][0], epochs[2][0][0])


def test_labels_are_smoothed_but_ages_are_not() -> None:
    recipe = parse_recipe(MINIMAL, where="test")
    _, targets, _ = next(epoch_batches(training_set(), recipe, size=32, seed=(1,)))
    np.testing.assert_allclose(targets[0], [0.95, 0.05, 0.95, 0.05, -0.5])


def test_mixup_mixes_targets_as_it_mixes_images() -> None:
    recipe = parse_recipe(MINIMAL + "[augmentation]\nmixup = 1.0\n", where="test")
    data = TrainingSet(
        samples=(sample(),) * 2,
        targets=np.array([[1, 0, 1, 0, 1], [0, 0, 0, 0, -1]], dtype=np.float32),
    )
    seen = [next(epoch_batches(data, recipe, size=32, seed=(seed,)))[1][0, 0] for seed in range(8)]
    assert any(0.06 < value < 0.94 for value in seen)


def test_an_error_in_a_batch_reaches_the_training_loop() -> None:
    recipe = parse_recipe(MINIMAL, where="test")
    empty = Sample(image=np.zeros((0, 0), np.uint8), content=sample().content)
    broken = TrainingSet(samples=(empty,) * 4, targets=training_set(4).targets)
    with pytest.raises(Exception, match=r"(?i)assert|empty|size"):
        list(epoch_batches(broken, recipe, size=32, seed=(1,)))


def loaded(*uncertain: set[str]) -> TrainingSet:
    """A training set of images with pneumonia, with what nobody decided about each."""
    items = tuple(
        CxrItem(
            file="a.jpg", patient_id="1", age=64, sex="M", view=View.PA, split=Split.TRAIN,
            labels=frozenset({"Pneumonia"}) - unknown, uncertain=frozenset(unknown),
        )
        for unknown in uncertain
    )  # fmt: skip

    class Images(CxrDataset):
        def image(self, item: object) -> np.ndarray:
            return sample().image

    dataset = Images(folder=Path(), labels=("Pneumonia", "Edema"), items=items, boxes=())
    return load_training_set(dataset, items, parse_recipe(MINIMAL, where="test"))


def test_targets_follow_the_table() -> None:
    data = loaded(set())
    np.testing.assert_allclose(data.targets[0], [1, 0, 1, 0, 1])
    assert data.weights is None
    assert plain_views(data, 32).shape == (1, 32, 32, 1)


def test_what_nobody_decided_on_is_neither_learned_nor_measured() -> None:
    data = loaded({"Edema"}, {"Pneumonia"})
    assert data.weights is not None
    np.testing.assert_array_equal(data.weights, [[1, 0, 1, 1, 1], [0, 1, 1, 1, 1]])
    np.testing.assert_allclose(data.decided(0).targets, [[1, 0, 1, 0, 1]])
    assert len(data.decided(2)) == 2


def test_checkpoints_come_back_and_belong_to_their_recipe(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path, recipe_text="a") is None
    values = [np.arange(3, dtype=np.float32), np.array(7, dtype=np.int64)]
    saved = Checkpoint(
        stage=1, epoch=2, history=({"loss": 0.5},), tensors=numbered("network", values)
    )
    save_checkpoint(tmp_path, saved, recipe_text="a")
    loaded = load_checkpoint(tmp_path, recipe_text="a")
    assert loaded is not None
    assert (loaded.stage, loaded.epoch, loaded.history) == (1, 2, ({"loss": 0.5},))
    for value, expected in zip(loaded.group("network"), values, strict=True):
        np.testing.assert_array_equal(value, expected)
    with pytest.raises(RecipeError, match="other settings"):
        load_checkpoint(tmp_path, recipe_text="b")


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"\x10" + bytes(30)])
def test_a_damaged_checkpoint_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.safetensors").write_bytes(content)
    with pytest.raises(RecipeError, match=r"checkpoint\.safetensors: not a readable.*delete it"):
        load_checkpoint(tmp_path, recipe_text="a")


def test_a_checkpoint_of_another_program_is_named(tmp_path: Path) -> None:
    save_file({"a": np.zeros(2, np.float32)}, tmp_path / "checkpoint.safetensors")
    with pytest.raises(RecipeError, match="not a readable checkpoint"):
        load_checkpoint(tmp_path, recipe_text="a")


def test_guard_batches_hold_every_appearance() -> None:
    recipe = load_recipe("chest-guard")
    batches = guard_batches([sample()] * 8, recipe, size=32, seed=(1,))
    views, appearances = next(batches)
    assert views.shape == (64, 32, 32, 1)
    assert np.isfinite(views).all()
    assert appearances.sum(axis=0)[0] > 10
    assert (appearances.sum(axis=0) > 0).all()


def test_misplaced_views_turn_and_invert() -> None:
    view = np.arange(4, dtype=np.float32).reshape(2, 2)
    np.testing.assert_array_equal(misplaced(view, Appearance.INVERTED), -view)
    np.testing.assert_array_equal(misplaced(view, Appearance.HALF_TURN), view[::-1, ::-1])
    np.testing.assert_array_equal(misplaced(view, Appearance.FRONTAL), view)


@pytest.mark.parametrize("seed", range(12))
def test_made_images_are_images(seed: int) -> None:
    rng = np.random.default_rng(seed)
    chest = sample(128, 128).image.astype(np.float32) / 255
    for made in (drawn_other(rng), distorted_chest(chest, rng)):
        assert made.ndim == 2
        assert min(made.shape) > 8
        assert np.isfinite(made).all()
        assert made.min() >= 0
        assert made.max() <= 1
