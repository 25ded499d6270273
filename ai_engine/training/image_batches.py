"""Batches of radiographs: views of images and their labels, read as they are needed."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ai_engine.datasets.cxr import CxrDataset, CxrItem, View
from ai_engine.errors import DatasetError
from ai_engine.inference.input_channels import stacked
from ai_engine.preprocessing.geometry import (
    ModelView,
    centered,
    content_region,
    fitted,
    letterbox,
)
from ai_engine.preprocessing.harmonization import equalized
from ai_engine.training.augmentation import Sample, augmented_image
from ai_engine.training.channel_planes import ChannelPlanes, as_values
from ai_engine.training.recipe import Recipe

FloatArray = npt.NDArray[np.float32]


def label_targets(items: Sequence[CxrItem], labels: Sequence[str]) -> FloatArray:
    """Which labels each item has: float32 (items, labels), 0 or 1, NaN where nobody knows."""
    rows = [
        [np.nan if label in item.uncertain else float(label in item.labels) for label in labels]
        for item in items
    ]
    return np.array(rows, dtype=np.float32).reshape(len(items), len(labels))


def usable_items(
    dataset: CxrDataset, items: Sequence[CxrItem], recipe: Recipe
) -> tuple[CxrItem, ...]:
    """The items that a recipe can learn from.

    Labels of single images are learned from frontal ones: no others are shown to such a model.

    Raises
    ------
    DatasetError
        If the data set lacks one of the recipe's labels, an item has two classes that exclude each
        other, or none is left.
    """
    for label in recipe.labels:
        if label not in dataset.labels:
            raise DatasetError(
                f"{dataset.folder}: {dataset.name} has no label {label!r}, which recipe "
                f"{recipe.name} learns; its labels are {', '.join(dataset.labels)}"
            )
    known = frozenset(recipe.labels)
    for item in items if recipe.exclusive else ():
        if len(held := sorted(item.labels & known)) > 1:
            raise DatasetError(
                f"{dataset.folder}: {item.file} is {held[0]!r} and {held[1]!r}, of which recipe "
                f"{recipe.name} learns that one holds; correct its line in the table"
            )
    kept = tuple(
        item
        for item in items
        if (not recipe.exclusive or item.labels & known)
        and not (recipe.spec.frontal_only and item.view is View.LATERAL)
    )
    if not kept:
        raise DatasetError(
            f"{dataset.folder}: no image for recipe {recipe.name} in one of its parts; add images"
        )
    return kept


def epoch_order(count: int, recipe: Recipe, epoch: int) -> Iterator[npt.NDArray[np.intp]]:
    """The items of each batch of an epoch; starts over where an epoch has more steps than data."""
    rng = np.random.default_rng((recipe.seed, epoch))
    size = min(recipe.batch_size, count)
    steps = recipe.steps_per_epoch or count // size
    order = np.concatenate([rng.permutation(count) for _ in range(-(-steps * size // count))])
    for step in range(steps):
        yield order[step * size : (step + 1) * size]


def image_batches(
    dataset: CxrDataset,
    items: Sequence[CxrItem],
    recipe: Recipe,
    epoch: int,
    planes: ChannelPlanes | None = None,
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """One epoch's batches: images float32 (n, size, size, channels), targets (n, labels)."""
    rng = np.random.default_rng((recipe.seed, epoch, 1))
    targets = label_targets(items, recipe.labels)
    for chosen in epoch_order(len(items), recipe, epoch):
        views = [
            augmented_image(
                sample_of(dataset, items[index], recipe, planes).shown(recipe.input_size),
                size=recipe.input_size,
                settings=recipe.augmentation,
                rng=rng,
                ranks=recipe.ranks_beside,
            )
            for index in chosen
        ]
        yield np.stack(views), targets[chosen]


def plain_input(
    dataset: CxrDataset,
    item: CxrItem,
    recipe: Recipe,
    planes: ChannelPlanes | None = None,
) -> FloatArray:
    """The network's input that serving would build: float32 (size, size, channels)."""
    sample = sample_of(dataset, item, recipe, planes)
    return plain_channels(sample, recipe.input_size, ranks=recipe.ranks_beside)


def plain_channels(sample: Sample, size: int, *, ranks: bool = False) -> FloatArray:
    """All channels of a whole image as serving would build them: float32 (size, size, channels)."""
    view = plain_view(sample, size)
    shown = {
        kind: fitted(as_values(plane), size=size, content=sample.content).values
        for kind, plane in sample.planes.items()
    }
    return stacked(view.values, view.mask, shown, ranks=ranks)


def plain_view(sample: Sample, size: int) -> ModelView:
    """The view of a whole image that serving would build."""
    pixels = sample.image.astype(np.float32) / np.float32(255)
    return letterbox(pixels, size=size, content=sample.content)


def sample_of(
    dataset: CxrDataset,
    item: CxrItem,
    recipe: Recipe,
    planes: ChannelPlanes | None = None,
) -> Sample:
    """An item's image, and the part of it that views show: the recipe's centre of the exposed."""
    image = dataset.image(item)
    pixels = image.astype(np.float32) / np.float32(255)
    content = content_region(pixels)
    if recipe.equalized:
        shown = np.rint(equalized(pixels, content) * 255).astype(np.uint8)
    else:
        shown = image
    return Sample(
        image=shown,
        content=centered(content, recipe.center_crop),
        planes=planes.of(dataset, item, image) if planes else {},
    )
