"""Batches for detectors: views of images with the boxes on them, moved alike."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ai_engine.datasets.cxr import CxrDataset
from ai_engine.kinds.boxes import area
from ai_engine.kinds.detector.dataset import BoxedItem
from ai_engine.prediction import Region
from ai_engine.training.augmentation import augmented_view, random_affine
from ai_engine.training.image_batches import plain_view, sample_of
from ai_engine.training.recipe import STILL, Recipe

FloatArray = npt.NDArray[np.float32]

PADDING = -1
"""The label of rows that hold no box: all images of a batch have as many rows."""

SMALLEST_PART = 0.4
"""A box of which less is left inside the view is not learned: what it was drawn for is outside."""


def box_batches(
    dataset: CxrDataset, items: Sequence[BoxedItem], recipe: Recipe, epoch: int
) -> Iterator[tuple[FloatArray, dict[str, FloatArray]]]:
    """One epoch's batches: every image with boxes, and as many without, in random order.

    Images are float32 (n, size, size, 3), the targets ``boxes`` float32 (n, m, 4) as left, top,
    right and bottom in pixels of the view, and ``labels`` float32 (n, m), 0 or `PADDING`.
    """
    rng = np.random.default_rng((recipe.seed, epoch))
    with_boxes = [each for each in items if each.boxes]
    without = [each for each in items if not each.boxes]
    drawn = rng.permutation(len(without))[: len(with_boxes)]
    chosen = [*with_boxes, *(without[index] for index in drawn)]
    order = rng.permutation(len(chosen))
    size = min(recipe.batch_size, len(chosen))
    for start in range(0, len(order) - size + 1, size):
        part = [chosen[index] for index in order[start : start + size]]
        yield _batch([varied(dataset, each, recipe, rng) for each in part])


def plain_batches(
    dataset: CxrDataset, items: Sequence[BoxedItem], recipe: Recipe
) -> Iterator[tuple[FloatArray, dict[str, FloatArray]]]:
    """The views that serving would build, in order."""
    rng = np.random.default_rng(0)
    for start in range(0, len(items), recipe.batch_size):
        part = items[start : start + recipe.batch_size]
        yield _batch([varied(dataset, each, recipe, rng, still=True) for each in part])


def varied(
    dataset: CxrDataset,
    boxed: BoxedItem,
    recipe: Recipe,
    rng: np.random.Generator,
    *,
    still: bool = False,
) -> tuple[FloatArray, FloatArray]:
    """A view, float32 (size, size), and the boxes on it, float32 (m, 4)."""
    settings, size = STILL if still else recipe.augmentation, recipe.input_size
    sample = sample_of(dataset, boxed.item, recipe)
    # The same draws twice: once for the boxes, on the whole image, once inside the view.
    state = rng.bit_generator.state
    matrix = random_affine(sample.content, size, settings, rng)
    rng.bit_generator.state = state
    if still:
        view = plain_view(sample, size).values
    else:
        view = augmented_view(sample.shown(size), size=size, settings=settings, rng=rng)
    return view, moved_boxes(boxed.boxes, matrix, size)


def moved_region(region: Region, content: Region, size: int) -> Region:
    """A region of an image on the view of its exposed part that is served."""
    matrix = random_affine(content, size, STILL, np.random.default_rng(0))
    corners = np.array([(region.left, region.top), (region.right, region.bottom)]) - 0.5
    (left, top), (right, bottom) = corners @ matrix[:, :2].T + matrix[:, 2] + 0.5
    return Region(left=float(left), top=float(top), right=float(right), bottom=float(bottom))


def moved_boxes(boxes: Sequence[Region], matrix: npt.NDArray[np.float64], size: int) -> FloatArray:
    """The upright boxes around boxes that were moved by a matrix of pixel centres, cut at edges."""
    kept = []
    for box in boxes:
        edges = [(x, y) for x in (box.left, box.right) for y in (box.top, box.bottom)]
        corners = np.array(edges) - 0.5
        moved = corners @ matrix[:, :2].T + matrix[:, 2] + 0.5
        whole = Region(
            left=moved[:, 0].min(),
            top=moved[:, 1].min(),
            right=moved[:, 0].max(),
            bottom=moved[:, 1].max(),
        )
        inside = Region(
            left=max(whole.left, 0),
            top=max(whole.top, 0),
            right=min(whole.right, size),
            bottom=min(whole.bottom, size),
        )
        if area(inside) >= SMALLEST_PART * area(whole) > 0:
            kept.append((inside.left, inside.top, inside.right, inside.bottom))
    return np.array(kept, dtype=np.float32).reshape(-1, 4)


def _batch(
    pairs: Sequence[tuple[FloatArray, FloatArray]],
) -> tuple[FloatArray, dict[str, FloatArray]]:
    most = max(1, *(len(boxes) for _, boxes in pairs))
    boxes = np.zeros((len(pairs), most, 4), dtype=np.float32)
    labels = np.full((len(pairs), most), PADDING, dtype=np.float32)
    for row, (_, found) in enumerate(pairs):
        boxes[row, : len(found)] = found
        labels[row, : len(found)] = 0
    views = np.stack([view for view, _ in pairs])[..., np.newaxis]
    return np.repeat(views, 3, axis=-1), {"boxes": boxes, "labels": labels}
