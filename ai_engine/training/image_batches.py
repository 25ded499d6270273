"""Batches for classifiers: views of images and their labels, read as they are needed."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ai_engine.datasets.cxr import CxrDataset, CxrItem
from ai_engine.errors import DatasetError
from ai_engine.prediction import Region
from ai_engine.preprocessing.geometry import content_region, letterbox
from ai_engine.training.augmentation import Sample, augmented_view
from ai_engine.training.published_recipe import PublishedRecipe

FloatArray = npt.NDArray[np.float32]


def label_targets(items: Sequence[CxrItem], labels: Sequence[str]) -> FloatArray:
    """Which labels each item has: float32 (items, labels), 0 or 1, NaN where nobody knows."""
    rows = [
        [np.nan if label in item.uncertain else float(label in item.labels) for label in labels]
        for item in items
    ]
    return np.array(rows, dtype=np.float32).reshape(len(items), len(labels))


def usable_items(
    dataset: CxrDataset, items: Sequence[CxrItem], recipe: PublishedRecipe
) -> tuple[CxrItem, ...]:
    """The items that a recipe can learn from.

    Raises
    ------
    DatasetError
        If the data set lacks one of the recipe's labels, or no item is left.
    """
    for label in recipe.labels:
        if label not in dataset.labels:
            raise DatasetError(
                f"{dataset.folder}: {dataset.name} has no label {label!r}, which recipe "
                f"{recipe.name} learns; its labels are {', '.join(dataset.labels)}"
            )
    known = frozenset(recipe.labels)
    kept = tuple(item for item in items if not recipe.exclusive or item.labels & known)
    if not kept:
        raise DatasetError(
            f"{dataset.folder}: no image for recipe {recipe.name} in one of its parts; add images"
        )
    return kept


def epoch_order(count: int, recipe: PublishedRecipe, epoch: int) -> Iterator[npt.NDArray[np.intp]]:
    """The items of each batch of an epoch; starts over where an epoch has more steps than data."""
    rng = np.random.default_rng((recipe.seed, epoch))
    size = min(recipe.batch_size, count)
    steps = recipe.steps_per_epoch or count // size
    order = np.concatenate([rng.permutation(count) for _ in range(-(-steps * size // count))])
    for step in range(steps):
        yield order[step * size : (step + 1) * size]


def image_batches(
    dataset: CxrDataset, items: Sequence[CxrItem], recipe: PublishedRecipe, epoch: int
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """One epoch's batches: images float32 (n, size, size, 1), targets float32 (n, labels)."""
    rng = np.random.default_rng((recipe.seed, epoch, 1))
    targets = label_targets(items, recipe.labels)
    for chosen in epoch_order(len(items), recipe, epoch):
        views = [
            augmented_view(
                sample_of(dataset, items[index], recipe),
                size=recipe.input_size,
                settings=recipe.augmentation,
                rng=rng,
            )
            for index in chosen
        ]
        yield np.stack(views)[..., np.newaxis], targets[chosen]


def plain_image(dataset: CxrDataset, item: CxrItem, recipe: PublishedRecipe) -> FloatArray:
    """The view that serving would build: float32 (size, size)."""
    sample = sample_of(dataset, item, recipe)
    pixels = sample.image.astype(np.float32) / np.float32(255)
    return letterbox(pixels, size=recipe.input_size, content=sample.content).values


def sample_of(dataset: CxrDataset, item: CxrItem, recipe: PublishedRecipe) -> Sample:
    """An item's image, and the part of it that views show: the recipe's centre of the exposed."""
    image = dataset.image(item)
    content = content_region(image.astype(np.float32) / np.float32(255))
    return Sample(image=image, content=_center(content, recipe.center_crop))


def _center(region: Region, share: float) -> Region:
    x, y = (region.left + region.right) / 2, (region.top + region.bottom) / 2
    width = (region.right - region.left) * share / 2
    height = (region.bottom - region.top) * share / 2
    return Region(left=x - width, top=y - height, right=x + width, bottom=y + height)
