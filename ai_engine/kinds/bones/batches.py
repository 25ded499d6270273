"""Batches for the bone GAN: radiographs and bones, moved alike, from -1 to 1."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ai_engine.kinds.bones.dataset import BonePair
from ai_engine.prediction import Region
from ai_engine.preprocessing.geometry import FloatImage, content_region, fitted
from ai_engine.training.augmentation import random_affine
from ai_engine.training.image_batches import epoch_order
from ai_engine.training.recipe import Recipe
from ai_engine.training.shown_content import cut, reduced, reduction, warped

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LoadedPair:
    """A pair in memory, float32 (rows, columns) each from 0 to 1, and the exposed part of it."""

    radiograph: FloatImage
    bones: FloatImage
    content: Region


def load_pairs(pairs: Sequence[BonePair]) -> tuple[LoadedPair, ...]:
    """Read images."""
    found = []
    for pair in pairs:
        radiograph, bones = pair.read()
        found.append(
            LoadedPair(radiograph=radiograph, bones=bones, content=content_region(radiograph))
        )
    return tuple(found)


def bone_batches(
    pairs: Sequence[LoadedPair], recipe: Recipe, size: int, epoch: int
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """One epoch's batches in random order: radiographs and bones, float32 (n, size, size, 1)."""
    rng = np.random.default_rng((recipe.seed, size, epoch))
    order = rng.permutation(len(pairs))
    count = min(recipe.batch_size, len(pairs))
    for start in range(0, len(order) - count + 1, count):
        moved = [_moved(pairs[index], recipe, size, rng) for index in order[start : start + count]]
        yield _signed(moved)


def patch_batches(
    pairs: Sequence[LoadedPair], recipe: Recipe, side: int, epoch: int
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """One epoch's batches of patches of views: float32 (n, side, side, 1) each, moved alike."""
    rng = np.random.default_rng((recipe.seed, epoch, 2))
    for chosen in epoch_order(len(pairs), recipe, epoch):
        patches = []
        for index in chosen:
            views = _moved(pairs[index], recipe, recipe.input_size, rng)
            top, left = rng.integers(0, recipe.input_size - side + 1, 2)
            patches.append([view[top : top + side, left : left + side] for view in views])
        yield _signed([(radiograph, bones) for radiograph, bones in patches])


def plain_pairs(pairs: Sequence[LoadedPair], size: int) -> tuple[FloatArray, FloatArray]:
    """The views that serving would build, and the bones in the same place."""
    return _signed(
        [
            (
                fitted(each.radiograph, size=size, content=each.content).values,
                fitted(each.bones, size=size, content=each.content).values,
            )
            for each in pairs
        ]
    )


def _moved(
    pair: LoadedPair, recipe: Recipe, size: int, rng: np.random.Generator
) -> tuple[FloatImage, FloatImage]:
    shown, content = _shown(pair.radiograph, pair.content, size)
    bones, _ = _shown(pair.bones, pair.content, size)
    matrix = random_affine(content, size, recipe.augmentation, rng)
    return warped(shown, content, matrix, size)[0], warped(bones, content, matrix, size)[0]


def _shown(image: FloatImage, content: Region, size: int) -> tuple[FloatImage, Region]:
    """The content alone, its areas averaged to no more pixels than views of ``size`` can use."""
    part, place = cut(image, content)
    return reduced(part, place, reduction(part.shape, size))


def _signed(pairs: Sequence[tuple[FloatImage, FloatImage]]) -> tuple[FloatArray, FloatArray]:
    radiographs, bones = (np.stack(one)[..., np.newaxis] for one in zip(*pairs, strict=True))
    return radiographs * 2 - 1, bones * 2 - 1
