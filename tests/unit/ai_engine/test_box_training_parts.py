"""What a detector learns from: images with boxes, moved with the view; images without any."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from ai_engine.datasets.cxr import CxrBox, CxrDataset, CxrItem, Split, View
from ai_engine.errors import DatasetError
from ai_engine.kinds.detector.batches import PADDING, box_batches, moved_boxes, plain_batches
from ai_engine.kinds.detector.dataset import boxed_items
from ai_engine.prediction import Region
from ai_engine.training.recipe import VARIED, Recipe
from ai_engine.training.recipe_file import load_recipe

SIDE = 96


def item(name: str, *labels: str) -> CxrItem:
    return CxrItem(
        file=name,
        patient_id=name,
        age=50,
        sex="F",
        view=View.PA,
        split=Split.TRAIN,
        labels=frozenset(labels),
    )


def a_dataset(folder: Path) -> CxrDataset:
    """An image whose opacity is a bright square, one that is clear, one that nobody boxed."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(1).integers(20, 160, (SIDE, SIDE), dtype=np.uint8)
    for name in ("boxed.png", "clear.png", "unboxed.png", "effusion.png"):
        pixels = noise.copy()
        if name == "boxed.png":
            pixels[20:50, 30:70] = 255
        cv2.imwrite(str(folder / "images" / name), pixels)
    place = Region(left=30, top=20, right=70, bottom=50)
    return CxrDataset(
        folder=folder,
        labels=("Pneumonia", "Effusion", "No_Finding"),
        items=(
            item("boxed.png", "Pneumonia"),
            item("clear.png", "No_Finding"),
            item("unboxed.png", "Pneumonia"),
            item("effusion.png", "Effusion"),
        ),
        boxes=(
            CxrBox(file="boxed.png", label="Pneumonia", region=place),
            CxrBox(file="effusion.png", label="Effusion", region=place),
        ),
    )


def recipe(**changes: object) -> Recipe:
    settings: dict = {
        "name": "r",
        "paper": "4",
        "architecture": "retinanet",
        "task": "boxes",
        "kind": "detector",
    }
    settings |= {"labels": ("Lung Opacity",), "input_size": 64, "batch_size": 2, "epochs": 1}
    return Recipe(**settings, learning_rate=0.001, **changes)


def test_an_image_with_an_opacity_but_no_box_is_left_out(tmp_path: Path) -> None:
    found = boxed_items(a_dataset(tmp_path), Split.TRAIN)
    assert [(each.item.file, len(each.boxes)) for each in found] == [
        ("boxed.png", 1),
        ("clear.png", 0),
    ]
    with pytest.raises(DatasetError, match="needs a data set with boxes"):
        boxed_items(a_dataset(tmp_path), Split.VALID)


def test_boxes_move_with_their_image(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    items = boxed_items(dataset, Split.TRAIN)
    varied = recipe(augmentation=replace(VARIED, rotation=0, erase=0, blur=0, noise=0))
    for epoch in range(12):
        ((images, targets),) = box_batches(dataset, items, varied, epoch)
        assert images.shape == (2, 64, 64, 3)
        row = int(np.argmax(targets["labels"][:, 0]))
        assert targets["labels"][:, 0].tolist().count(PADDING) == 1
        left, top, right, bottom = np.round(targets["boxes"][row, 0]).astype(int)
        view = images[row, ..., 0]
        inside = view[top + 2 : bottom - 2, left + 2 : right - 2]
        outside = view.copy()
        outside[max(top - 2, 0) : bottom + 2, max(left - 2, 0) : right + 2] = -9
        assert inside.min() > outside.max()


def test_plain_batches_are_the_views_that_serving_builds(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    ((images, targets),) = plain_batches(dataset, boxed_items(dataset, Split.TRAIN), recipe())
    assert len(images) == 2
    expected = np.array([30, 20, 70, 50]) * 64 / SIDE
    np.testing.assert_allclose(targets["boxes"][0, 0], expected, atol=0.7)


def test_what_is_mostly_outside_of_the_view_is_not_learned() -> None:
    still = np.array([[1.0, 0, 0], [0, 1, 0]])
    half, corner = (Region(left=x, top=0, right=x + 20, bottom=20) for x in (-10, -13))
    assert moved_boxes([half, corner], still, 64).tolist() == [[0, 0, 10, 20]]
    assert moved_boxes([], still, 64).shape == (0, 4)


def test_the_named_recipe_is_read() -> None:
    found = load_recipe("paper4-detection")
    assert (found.task, found.architecture, found.labels) == (
        "boxes",
        "retinanet",
        ("Lung Opacity",),
    )
