"""A softmax head on a shared trunk: fitted in one pass, published small, served as measured."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from ai_engine.datasets.layouts import read_dataset
from ai_engine.errors import ModelFolderError
from ai_engine.importing.folder import install_model
from ai_engine.inference.openvino_backend import OpenVinoBackend
from ai_engine.inference.shared_trunk import HeadBackend, RememberingBackend, share_trunk
from ai_engine.inference.views import model_view
from ai_engine.kinds.classifier.evaluation import evaluate
from ai_engine.kinds.evaluating import Evaluation
from ai_engine.kinds.loading import Loading
from ai_engine.preprocessing.geometry import content_region
from ai_engine.preprocessing.radiograph import Radiograph
from ai_engine.training.recipe_file import parse_recipe

pytest.importorskip("tensorflow")

RECIPE = """
extends = "xray-type"
name = "tiny"
model = "tiny"
input_size = 64
labels = ["Hand", "Chest"]
"""
SIDE = 96


def put(folder: Path) -> None:
    """Hands with stripes, chests with blobs, and something that is neither."""
    (folder / "images").mkdir(parents=True)
    chance = np.random.default_rng(1)
    lines = ["file,patient_id,age,sex,view,split,device,Hand,Chest,Skull"]
    for number in range(60):
        kind = number % 3
        image = chance.normal(110, 15, (SIDE, SIDE))
        if kind == 0:
            image[:, :: 8 + number % 2] += 90
        elif kind == 1:
            cv2.circle(image, (48, 48 + number % 5), 30, 230, -1)
        else:
            image[::3] -= 80
        file = f"{number}.png"
        cv2.imwrite(str(folder / "images" / file), image.clip(0, 255).astype(np.uint8))
        split = ("train", "train", "valid", "test")[number // 3 % 4]
        if kind == 2:
            split = "test"
        held = ",".join(str(int(kind == each)) for each in range(3))
        lines.append(f"{file},p{number},,,unknown,{split},set,{held}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")


def test_a_head_is_fitted_published_evaluated_and_served(tmp_path: Path) -> None:
    from ai_engine.kinds.classifier.class_probing import ClassProbeTrainer  # noqa: PLC0415
    from ai_engine.training.publishing import publish  # noqa: PLC0415 - TensorFlow

    put(tmp_path / "data")
    dataset, recipe = read_dataset(tmp_path / "data"), parse_recipe(RECIPE, where="tiny")
    trainer = ClassProbeTrainer(recipe, dataset, folder=tmp_path / "run")
    trainer.run(resume=True, progress=lambda _: None)
    card = publish(trainer, out=tmp_path / "run", version="0.1.0", command="")
    assert card.exclusive
    assert card.weights_path.stat().st_size < 20_000  # the trunk is not in it
    cards = sorted((tmp_path / "run").rglob("card.toml"))
    assert len(cards) == 2
    for each in cards:  # one is of the trunk, whose head nobody has fitted
        if each.parent != card.folder:
            with pytest.raises(ModelFolderError, match="training was stopped"):
                install_model(each.parent, tmp_path / "models")

    backend = OpenVinoBackend.load(card, cache=tmp_path / "cache")
    loading = Loading(card=card, cache=tmp_path / "cache")
    report = evaluate(
        Evaluation(loading=loading, data=tmp_path / "data", out=tmp_path, given=backend)
    )
    figures = {(one.name, one.label, one.group): one for one in report.metrics}
    assert figures["accuracy", "all", "all"].value == 1.0
    assert figures["accuracy", "all", "patients"].images == 10
    assert figures["answered", "all", "all"].images == 10
    assert figures["refused", "all", "of no class"].images == 20

    pixels = dataset.image(dataset.items[0]).astype(np.float32) / 255
    view = model_view(
        card, Radiograph(sop_instance_uid="", pixels=pixels, content=content_region(pixels))
    ).values[np.newaxis, ..., np.newaxis]
    assert share_trunk([card, card])
    counted = Counted(backend)
    trunk = RememberingBackend(counted)
    heads = [HeadBackend(card, trunk) for _ in range(2)]
    found = [head.predict(view).probabilities for head in heads]
    assert counted.runs == 1
    np.testing.assert_allclose(found[1], backend.predict(view).probabilities, atol=1e-3)


class Counted:
    """Counts how often a back end runs."""

    def __init__(self, backend: OpenVinoBackend) -> None:
        self._backend = backend
        self.runs = 0

    def predict(self, batch: np.ndarray) -> object:
        self.runs += 1
        return self._backend.predict(batch)
