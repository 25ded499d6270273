"""What a training measures of a model that averages an image and its mirror image does so, too."""

import dataclasses
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from ai_engine.datasets.cxr import CxrDataset, CxrItem, Split, View
from ai_engine.training.recipe_file import load_recipe

keras = pytest.importorskip("keras")
pytest.importorskip("tensorflow")

SIZE = 32


class Leaning:
    """Draws what is on the left of an image: a generator that takes sides."""

    def predict_on_batch(self, images: np.ndarray) -> list[np.ndarray]:
        made = images.copy()
        made[:, :, SIZE // 2 :] = -1
        return [made[:, ::2, ::2], made]


def test_bones_are_the_mean_over_both_sides() -> None:
    from ai_engine.kinds.bones.predictor import BoneSubtractor  # noqa: PLC0415
    from ai_engine.kinds.bones.training import drawn  # noqa: PLC0415 - after TensorFlow
    from ai_engine.kinds.testing import chest_card  # noqa: PLC0415
    from ai_engine.preprocessing.radiograph import Radiograph  # noqa: PLC0415
    from tests.unit.ai_engine.test_boxes import radiograph  # noqa: PLC0415

    class Network:
        inputs, outputs = ("radiograph",), ("coarse", "fine")

        def run(self, inputs: Any) -> dict[str, np.ndarray]:
            coarse, fine = Leaning().predict_on_batch(inputs["radiograph"])
            return {"coarse": coarse, "fine": fine}

    picture: Radiograph = radiograph(SIZE, SIZE)
    card = dataclasses.replace(chest_card(Path()), input_size=SIZE)
    served = BoneSubtractor(card, Network()).draw(picture).bones(rows=SIZE, columns=SIZE)
    measured = drawn(Leaning(), picture.pixels[np.newaxis, ..., np.newaxis] * 2 - 1)[0, ..., 0]
    np.testing.assert_allclose((measured + 1) / 2, served, atol=0.02)
    assert measured.shape == (SIZE, SIZE)


def a_dataset(folder: Path, labels: tuple[str, ...]) -> CxrDataset:
    """Six images in each part, brighter on one side."""
    (folder / "images").mkdir()
    rng, items = np.random.default_rng(1), []
    for index in range(12):
        image = rng.integers(0, 120, (48, 48), dtype=np.uint8)
        image[:, : 12 + 2 * index] += 100
        cv2.imwrite(str(folder / "images" / f"{index}.png"), image)
        items.append(
            CxrItem(
                file=f"{index}.png",
                patient_id=str(index),
                age=50,
                sex="F",
                view=View.PA,
                split=Split.VALID if index % 2 else Split.TRAIN,
                labels=frozenset({labels[index % 3]}),
            )
        )
    return CxrDataset(folder=folder, labels=labels, items=tuple(items), boxes=())


def test_opacities_are_measured_on_both_sides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ai_engine.kinds.image_training import ImageTrainer  # noqa: PLC0415
    from ai_engine.kinds.with_header import training as header_run  # noqa: PLC0415
    from ai_engine.library.weights_file import assign_weights, model_tensors  # noqa: PLC0415
    from ai_engine.models.catalogue import build  # noqa: PLC0415 - after TensorFlow
    from ai_engine.training.image_batches import plain_input  # noqa: PLC0415

    recipe = dataclasses.replace(
        load_recipe("paper4-opacity"), architecture="guardnet", input_size=SIZE, head_epochs=2
    )
    dataset = a_dataset(tmp_path, recipe.labels)
    valid = dataset.part(Split.VALID)
    keras.utils.set_random_seed(1)
    network = build("guardnet", labels=3, size=SIZE)
    model = keras.Model(network.input, network.output[0])
    views = np.stack([plain_input(dataset, item, recipe) for item in valid])
    plain, mirrored = (
        np.asarray(model.predict_on_batch(each)) for each in (views, views[:, :, ::-1])
    )
    assert np.abs(plain - mirrored).max() > 1e-3
    monkeypatch.setattr(ImageTrainer, "run", lambda *_, **__: ())  # the first stage
    trainer = header_run.HeaderTrainer(recipe, dataset, folder=tmp_path)
    assign_weights(trainer.network, model_tensors(network), source=tmp_path)
    trainer.run(resume=False, progress=lambda _: None)
    np.testing.assert_allclose(trainer.classes, (plain + mirrored) / 2, atol=1e-5)
    head = header_run.build_opacity_head()
    for variable in head.variables:
        variable.assign(trainer.tensors()[variable.path])
    expected = np.mean(
        [
            head.predict_on_batch(header_run.joined_features(one, valid))
            for one in (plain, mirrored)
        ],
        axis=0,
    )
    np.testing.assert_allclose(trainer.joined, expected[:, 0], atol=1e-5)
