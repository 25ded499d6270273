"""Without variation, training shows a network what serving shows it, whatever the content is."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from ai_engine.datasets.cxr import CxrDataset, CxrItem, Split, View
from ai_engine.kinds.bones.batches import LoadedPair, bone_batches
from ai_engine.kinds.bones.batches import plain_pairs as plain_bones
from ai_engine.kinds.detector.batches import box_batches, plain_batches
from ai_engine.kinds.detector.dataset import BoxedItem
from ai_engine.kinds.dual_view import batches as view_pairs
from ai_engine.kinds.dual_view.dataset import ViewPair
from ai_engine.kinds.lungs import batches as mask_batches
from ai_engine.kinds.lungs.batches import MaskedSample
from ai_engine.library.card import ChannelKind
from ai_engine.prediction import Region
from ai_engine.preprocessing.geometry import centered, content_region, fitted, letterbox
from ai_engine.training.augmentation import Sample, augmented_image, augmented_view
from ai_engine.training.channel_planes import as_values
from ai_engine.training.image_batches import image_batches, plain_input
from ai_engine.training.recipe import STILL, Recipe
from ai_engine.training.recipe_file import load_recipe

Image = npt.NDArray[np.uint8]
SIZE = 160

FRAMES = {
    "square": (1.0, 1.0, 0.0),
    "portrait": (1.0, 0.7, 0.0),
    "landscape": (0.6, 1.0, 0.0),
    "collimated": (1.0, 0.8, 0.18),
}
"""Height and width as parts of the longer side, and which part of each edge is collimated."""

LONGER_SIDES = {"smaller": 120, "as large": 160, "larger": 230, "much larger": 1100}

CLOSE = 0.1
"""Root mean square difference, in standard deviations of what is shown."""


def picture(longer: int, frame: str = "square") -> Image:
    """Waves and fine noise, brighter than a film's; collimators leave an even, bright edge."""
    height, width, covered = FRAMES[frame]
    rows, columns = round(longer * height), round(longer * width)
    y, x = np.mgrid[:rows, :columns] / longer
    noise = np.random.default_rng(1).normal(0, 25 if longer > 4 * SIZE else 0, (rows, columns))
    image = 150 + 40 * np.sin(19 * x) + 40 * np.cos(23 * y) + noise
    top, left = round(rows * covered), round(columns * covered)
    shown = np.zeros((rows, columns), dtype=np.bool_)
    shown[top : rows - top, left : columns - left] = True
    return np.clip(np.where(shown, image, 250), 0, 255).astype(np.uint8)


def content_of(image: Image, crop: float = 1.0) -> Region:
    return centered(content_region(image.astype(np.float32) / np.float32(255)), crop)


def served(image: Image, content: Region) -> npt.NDArray[np.float32]:
    return letterbox(image.astype(np.float32) / np.float32(255), size=SIZE, content=content).values


def difference(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    assert one.shape == other.shape
    return float(np.sqrt(((one - other) ** 2).mean()))


@pytest.mark.parametrize("crop", [1.0, 0.7])
@pytest.mark.parametrize("longer", LONGER_SIDES.values(), ids=LONGER_SIDES)
@pytest.mark.parametrize("frame", FRAMES)
def test_a_still_view_is_the_served_one(frame: str, longer: int, crop: float) -> None:
    image = picture(longer, frame)
    content = content_of(image, crop)
    rng = np.random.default_rng(1)
    shown = Sample(image=image, content=content).shown(SIZE)
    still = augmented_view(shown, size=SIZE, settings=STILL, rng=rng)
    assert difference(still, served(image, content)) < CLOSE


@pytest.mark.parametrize("longer", [150, 1100])
def test_further_channels_end_where_the_content_does(longer: int) -> None:
    image = picture(longer, "portrait")
    content = content_of(image, 0.6)
    planes = {ChannelKind.LUNGS: np.full(image.shape, 65535, np.uint16)}
    sample = Sample(image=image, content=content, planes=planes)
    still = augmented_image(
        sample.shown(SIZE), size=SIZE, settings=STILL, rng=np.random.default_rng(1)
    )
    expected = fitted(as_values(planes[ChannelKind.LUNGS]), size=SIZE, content=content).mask
    assert (np.abs(still[..., 1]) > 0).mean() == pytest.approx(expected.mean(), abs=0.02)


def still_recipe(name: str, **changes: object) -> Recipe:
    settings = {"input_size": SIZE, "batch_size": 2, "steps_per_epoch": 1, "augmentation": STILL}
    return dataclasses.replace(load_recipe(name), **(settings | changes))


def a_dataset(folder: Path, images: Sequence[Image], label: str = "Pneumonia") -> CxrDataset:
    (folder / "images").mkdir()
    items = []
    for index, image in enumerate(images):
        name = f"{index}.png"
        cv2.imwrite(str(folder / "images" / name), image)
        items.append(
            CxrItem(
                file=name,
                patient_id=name,
                age=50,
                sex="F",
                view=View.PA,
                split=Split.TRAIN,
                labels=frozenset({label}),
            )
        )
    return CxrDataset(folder=folder, labels=(label,), items=tuple(items), boxes=())


IMAGES = (picture(1100, "collimated"), picture(1100, "portrait"))


def test_batches_of_images_show_what_is_served(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path, IMAGES)
    recipe = still_recipe("paper1-fluorography")
    assert recipe.center_crop < 1
    ((views, _),) = image_batches(dataset, dataset.items, recipe, 0)
    plain = [plain_input(dataset, item, recipe) for item in dataset.items]
    for view in views:
        assert min(difference(view, one) for one in plain) < CLOSE


@pytest.mark.slow
def test_batches_of_pairs_show_what_is_served(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path, IMAGES)
    frontal, lateral = dataset.items
    pairs = [ViewPair(frontal=frontal, lateral=lateral)]
    recipe = still_recipe("paper3-dual-branch", batch_size=1)
    ((inputs, _),) = view_pairs.pair_batches(dataset, pairs, recipe, 0)
    plain = view_pairs.plain_pairs(dataset, pairs, recipe)
    for name in ("frontal", "lateral"):
        assert difference(inputs[name], plain[name]) < CLOSE


@pytest.mark.slow
def test_detectors_are_measured_on_what_is_served_and_learn_from_the_like(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path, IMAGES)
    box = Region(left=400, top=400, right=600, bottom=700)
    items = [BoxedItem(item=item, boxes=(box,)) for item in dataset.items]
    recipe = still_recipe("paper4-detection", center_crop=0.9)
    ((plain, places),) = plain_batches(dataset, items, recipe)
    for view, image in zip(plain, IMAGES, strict=True):
        np.testing.assert_array_equal(view[..., 0], served(image, content_of(image, 0.9)))
    ((views, targets),) = box_batches(dataset, items, recipe, 0)
    for view, boxes in zip(views, targets["boxes"], strict=True):
        nearest = int(np.argmin([difference(view, one) for one in plain]))
        assert difference(view, plain[nearest]) < CLOSE
        np.testing.assert_allclose(boxes, places["boxes"][nearest])


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("longer", [120, 1100])
def test_images_with_masks_show_what_is_served(frame: str, longer: int) -> None:
    image = picture(longer, frame)
    rows, columns = image.shape
    mask = np.zeros_like(image)
    mask[rows // 3 : rows // 2, columns // 3 : columns // 2] = 1
    content = content_of(image, 0.8)
    masked = MaskedSample(sample=Sample(image=image, content=content), mask=mask)
    recipe = still_recipe("lung-segmentation", elastic=0.0, air=0.0)
    view, drawn = mask_batches.varied_pair(masked, recipe, np.random.default_rng(1))
    images, masks = mask_batches.plain_pairs([masked], SIZE)
    assert difference(view, images[0, ..., 0]) < CLOSE
    assert np.abs(drawn - masks[0, ..., 0]).mean() < 0.01


@pytest.mark.slow
@pytest.mark.parametrize("size", [64, 160, 512])
@pytest.mark.parametrize("frame", ["collimated", "landscape"])
def test_bones_and_radiographs_show_what_is_served_at_every_scale(frame: str, size: int) -> None:
    pixels = picture(1600, frame).astype(np.float32) / np.float32(255)
    content = content_region(pixels)
    pair = LoadedPair(radiograph=pixels, bones=pixels / 2, content=content)
    recipe = still_recipe("paper3-bones", batch_size=1)
    ((radiographs, bones),) = bone_batches([pair], recipe, size, 0)
    plain, plain_bone = plain_bones([pair], size)
    # Values reach from -1 to 1 here; a sampled point would carry the film's own noise, 0.2.
    assert difference(radiographs, plain) < 0.06
    assert difference(bones, plain_bone) < 0.03
