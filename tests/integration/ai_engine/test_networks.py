"""The networks are the published ones, and training makes what serving loads."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from ai_engine.commands.evaluate import evaluate
from ai_engine.commands.train import train
from ai_engine.datasets.cxr import Split, read_cxr
from ai_engine.kinds.shipped import CHEST_MODEL
from ai_engine.library.card import read_card
from ai_engine.library.registry import ModelRegistry, verify_weights
from ai_engine.library.weights_file import read_weights
from ai_engine.training.recipe_file import parse_recipe
from tests.integration.ai_engine.eagerly import eagerly

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")

PUBLISHED_PARAMETERS = 7_037_504
"""DenseNet-121 without its classifier, three input channels, batch normalisation included."""

RECIPE = """
name = "chest-radiograph"
task = "findings"
architecture = "densenet121"
labels = ["Pneumonia"]
auxiliary_labels = ["Edema"]
batch_size = 4
input_size = 64
[[stages]]
size = 32
epochs = 2
learning_rate = 1e-3
warm_up_epochs = 1
[[stages]]
size = 64
epochs = 1
learning_rate = 1e-3
"""

GUARD_RECIPE = """
name = "frontal-chest-guard"
task = "guard"
architecture = "guardnet"
input_size = 64
batch_size = 16
[[stages]]
size = 64
epochs = 1
learning_rate = 1e-3
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tiny data set: bright spots where the label is present."""
    place = tmp_path / "tiny"
    (place / "images").mkdir(parents=True)
    rng = np.random.default_rng(1)
    header = ["file", "patient_id", "age", "sex", "view", "split", "Pneumonia", "Edema"]
    with (place / "labels.csv").open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(header)
        for number in range(28):
            split = ("train", "valid", "test")[0 if number < 8 else 1 + number % 2]
            present = (number // 2) % 2
            image = rng.integers(0, 90, (300, 300)).astype(np.uint8)
            image[80:200, 80:200] += np.uint8(120 * present)
            cv2.imwrite(str(place / "images" / f"{number}.png"), image)
            view = "AP" if number % 3 else "PA"
            table.writerow([f"{number}.png", number, 50, "F", view, split, present, 0])
    return place


def test_densenet_has_the_published_parameters() -> None:
    from ai_engine.models.densenet import build_densenet121  # noqa: PLC0415

    model = build_densenet121(labels=14)
    stem_channels = 2 * 7 * 7 * 64
    head = 1024 * 14 + 14
    assert model.count_params() == PUBLISHED_PARAMETERS - stem_channels + head
    probabilities, features = model.output
    assert probabilities.shape == (None, 14)
    assert features.shape == (None, 12, 12, 1024)


def test_fused_normalisation_is_the_stock_layer() -> None:
    from ai_engine.training.normalization import FusedBatchNormalization  # noqa: PLC0415

    data = tf.random.stateless_normal((8, 6, 6, 5), seed=(1, 2)) * 3 + 1
    stock = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
    fused = FusedBatchNormalization(momentum=0.9, epsilon=1e-5)
    np.testing.assert_allclose(fused(data, training=True), stock(data, training=True), atol=1e-4)
    np.testing.assert_allclose(fused.moving_mean, stock.moving_mean, atol=1e-5)
    # The fused operation follows the unbiased variance: 288 values, so 288/287 of the other.
    np.testing.assert_allclose(fused.moving_variance, stock.moving_variance, rtol=5e-3)
    np.testing.assert_allclose(fused(data, training=False), stock(data, training=False), atol=2e-2)


def test_an_interrupted_run_goes_on_where_it_stopped(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ai_engine.kinds.classifier.findings_training import FindingsTrainer  # noqa: PLC0415
    from ai_engine.models import densenet  # noqa: PLC0415

    monkeypatch.setattr(densenet, "BLOCKS", (1, 1, 1, 1))
    recipe = parse_recipe(RECIPE, where="test")
    dataset = read_cxr(folder)

    class Stop(Exception):  # noqa: N818 - not an error
        pass

    def run(place: Path, stop_after: int | None = None) -> dict[str, np.ndarray]:
        keras.utils.set_random_seed(1)
        done = 0

        def progress(event: dict[str, object]) -> None:
            nonlocal done
            done += "epoch_done" in event
            if done == stop_after:
                raise Stop

        trainer = FindingsTrainer(recipe, dataset, folder=place)
        with eagerly():  # test_finetuning has this trainer traced
            history = trainer.run(resume=True, progress=progress)
        assert [entry["size"] for entry in history] == [32, 32, 64]
        return trainer.tensors()

    whole = run(tmp_path / "whole")
    with pytest.raises(Stop):
        run(tmp_path / "broken", stop_after=1)
    resumed = run(tmp_path / "broken")
    assert "head/kernel" in whole
    assert not any(name.startswith("auxiliary") for name in whole)
    for name, tensor in whole.items():
        np.testing.assert_allclose(resumed[name], tensor, atol=2e-3, err_msg=name)


def test_a_guard_is_trained_published_and_evaluated(folder: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "guard.toml"
    recipe.write_text(GUARD_RECIPE, encoding="utf-8")
    out = tmp_path / "run"
    card = train(recipe=str(recipe), data=folder, out=out, version="0.9.0")

    assert keras.mixed_precision.dtype_policy().name == "float32", "others build networks too"
    assert card == read_card(out / "frontal-chest-guard" / "0.9.0")
    assert card.kind == "guard"
    assert card.command == "dicom-node models train --recipe guard.toml --data tiny --version 0.9.0"
    verify_weights(card)
    (epoch,) = json.loads((out / "history.json").read_text())
    assert epoch["loss"] > 0
    assert (out / "curves.png").stat().st_size > 2000
    report = evaluate(
        card=card, data=folder, out=out / "report", cache=tmp_path / "cache", record=True
    )
    assert {metric.split for metric in read_card(card.folder).metrics} == {"valid", "test"}
    assert report.images == len(read_cxr(folder).part(Split.TEST))


def test_a_classifier_is_published_and_evaluated(
    folder: Path,
    tmp_path: Path,
    random_models: tuple[ModelRegistry, dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from ai_engine.kinds.classifier.findings_training import FindingsTrainer  # noqa: PLC0415
    from ai_engine.training.publishing import publish  # noqa: PLC0415

    registry, versions = random_models
    tensors = read_weights(registry.active(versions, CHEST_MODEL).weights_path)
    recipe = parse_recipe(RECIPE, where="test")
    trainer = FindingsTrainer(recipe, read_cxr(folder), folder=tmp_path)
    monkeypatch.setattr(trainer, "tensors", lambda: tensors)
    trainer.history = [{"stage": 0, "size": 32, "loss": 0.5, "valid_auc": 0.6}]
    card = publish(trainer, out=tmp_path, version="0.9.0", command="test")
    verify_weights(card)
    assert card.input_size == 64
    assert {metric.split for metric in card.metrics} == {"valid"}
    assert 0 < card.labels[0].threshold < 1
    report = evaluate(card=card, data=folder, out=tmp_path / "report", cache=tmp_path / "cache")
    assert 0 <= report.value("auc") <= 1
    assert (tmp_path / "report" / "roc.png").exists()
