"""The small detector is trained on few boxes, measured beside what is usual, and served."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

from ai_engine.datasets.cxr import CxrBox, CxrDataset, CxrItem, Split, View
from ai_engine.datasets.radiographs import as_radiograph
from ai_engine.kinds.detector.loading import load_finder
from ai_engine.kinds.loading import Loading
from ai_engine.kinds.testing import chest_card
from ai_engine.library.card import ChannelKind, ModelCard
from ai_engine.prediction import Region
from ai_engine.preprocessing.geometry import FloatImage
from ai_engine.preprocessing.radiograph import Radiograph
from ai_engine.training.recipe_file import load_recipe
from ai_engine.training.trainer import RunModels

pytest.importorskip("tensorflow")

SIDE = 64
BOX = Region(left=8, top=16, right=40, bottom=48)


class Halves:
    """A lung model that takes both halves of an image for lungs."""

    kind = ChannelKind.LUNGS
    card = chest_card(Path())

    def plane(self, radiograph: Radiograph) -> FloatImage:
        made = np.zeros((radiograph.rows, radiograph.columns), np.float32)
        made[4:60, 4:30] = made[4:60, 34:60] = 1
        return made


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> CxrDataset:
    """Eight patients, half of them with a bright square."""
    folder = tmp_path_factory.mktemp("few")
    (folder / "images").mkdir()
    items, boxes = [], []
    for at in range(8):
        pixels = np.random.default_rng(at).integers(30, 90, (SIDE, SIDE), dtype=np.uint8)
        name, ill = f"{at}.png", at < 4
        if ill:
            pixels[16:48, 8:40] = 220
            boxes.append(CxrBox(file=name, label="Lung Opacity", region=BOX))
        cv2.imwrite(str(folder / "images" / name), pixels)
        items.append(
            CxrItem(
                file=name,
                patient_id=name,
                age=50,
                sex="F",
                view=View.PA,
                split=Split.TRAIN,
                labels=frozenset({"Lung Opacity" if ill else "No_Finding"}),
                device="here",
            )
        )
    return CxrDataset(
        folder=folder,
        labels=("Lung Opacity", "No_Finding"),
        items=tuple(items),
        boxes=tuple(boxes),
    )


@pytest.fixture(scope="module")
def trained(dataset: CxrDataset, tmp_path_factory: pytest.TempPathFactory) -> ModelCard:
    from ai_engine.kinds.detector.cell_training import CellTrainer  # noqa: PLC0415 - TensorFlow
    from ai_engine.training.publishing import publish  # noqa: PLC0415 - the same

    recipe = dataclasses.replace(
        load_recipe("opacity-boxes"),
        input_size=SIDE,
        batch_size=4,
        epochs=30,
        learning_rate=0.01,
        folds=2,
    )
    out = tmp_path_factory.mktemp("run")
    trainer = CellTrainer(recipe, dataset, folder=out, models=RunModels(teacher=Halves()))
    trainer.run(resume=False, progress=lambda _: None)
    return publish(trainer, out=out, version="1.0.0", command="train")


@pytest.mark.slow
def test_every_image_is_measured_by_a_head_that_has_not_seen_it(trained: ModelCard) -> None:
    found = {(one.name, one.group): one for one in trained.metrics}
    assert {group for _, group in found} == {
        *("all", "all, usual boxes of the lungs", "all, above usual boxes of the lungs"),
        *("from here", "from here, usual boxes of the lungs"),
        "from here, above usual boxes of the lungs",
    }
    assert found["average_precision_50", "all"].images == 8
    # Half of the images are without a box, and of these alone it says something.
    assert found["clear_without_box", "all"].images == 4
    # The square is in the same place always: what is usual finds it, and so does the network.
    assert found["average_precision_50", "all, usual boxes of the lungs"].value > 0.3
    assert found["average_precision_50", "all"].value > 0.3


@pytest.mark.slow
def test_what_was_trained_is_served_with_the_same_boxes(
    trained: ModelCard, dataset: CxrDataset, tmp_path: Path
) -> None:
    finder = load_finder(Loading(card=trained, cache=tmp_path))
    for item in dataset.items[2:6]:
        boxes = finder.boxes(as_radiograph(dataset, item))["Lung Opacity"]
        best = boxes[0].probability if boxes else 0.0
        assert (best >= trained.labels[0].threshold) == ("Lung Opacity" in item.labels)
