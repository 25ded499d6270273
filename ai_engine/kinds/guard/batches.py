"""Batches for the guard: upright chests, the same turned or inverted, and everything else."""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from ai_engine.kinds.guard.guard import Appearance
from ai_engine.kinds.guard.images import distorted_chest, drawn_other
from ai_engine.preprocessing.geometry import FloatImage, content_region, letterbox
from ai_engine.training.augmentation import Sample, augmented_view
from ai_engine.training.recipe import Recipe

FloatArray = npt.NDArray[np.float32]

SHARES = {
    Appearance.FRONTAL: 0.36,
    Appearance.QUARTER_TURN: 0.06,
    Appearance.HALF_TURN: 0.06,
    Appearance.THREE_QUARTER_TURN: 0.06,
    Appearance.INVERTED: 0.08,
    Appearance.OTHER: 0.38,
}
"""How often each appearance is drawn."""

TURNS = {
    Appearance.QUARTER_TURN: 1,
    Appearance.HALF_TURN: 2,
    Appearance.THREE_QUARTER_TURN: 3,
}
"""Quarter turns, counterclockwise."""

VIEWS_PER_CHEST = 8
"""Views in an epoch, for each chest."""

PLAIN_SHARE = 0.35
"""How many views are shown as serving would build them, without variation."""


def guard_batches(
    samples: Sequence[Sample], recipe: Recipe, *, size: int, seed: Sequence[int]
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """One epoch: views (n, size, size, 1) and one-hot appearances (n, 6)."""
    rng = np.random.default_rng(seed)
    kinds = list(SHARES)
    for _ in range(VIEWS_PER_CHEST * len(samples) // recipe.batch_size):
        chosen = rng.choice(len(kinds), size=recipe.batch_size, p=list(SHARES.values()))
        views = [
            _view(samples[int(rng.integers(len(samples)))], kinds[kind], recipe, size, rng)
            for kind in chosen
        ]
        yield np.stack(views)[..., np.newaxis], np.eye(len(kinds), dtype=np.float32)[chosen]


def misplaced(view: FloatArray, kind: Appearance) -> FloatArray:
    """A standardised view turned or inverted, as a whole."""
    if kind is Appearance.INVERTED:
        return -view
    return np.ascontiguousarray(np.rot90(view, TURNS.get(kind, 0)))


def _view(
    sample: Sample, kind: Appearance, recipe: Recipe, size: int, rng: np.random.Generator
) -> FloatImage:
    """A view of one kind. All kinds pass the same steps, so that none is known by its noise."""
    source = _other(sample, size, rng) if kind is Appearance.OTHER else sample
    if rng.random() < PLAIN_SHARE:
        pixels = source.image.astype(np.float32) / np.float32(255)
        view = letterbox(pixels, size=size, content=source.content).values
        view = view[:, ::-1] if rng.random() < 0.5 else view
    else:
        view = augmented_view(source, size=size, settings=recipe.augmentation, rng=rng)
    return misplaced(view, kind)


def _other(sample: Sample, size: int, rng: np.random.Generator) -> Sample:
    """A chest made useless, or a drawing, in any position."""
    if rng.random() < 0.45:
        pixels = distorted_chest(sample.image.astype(np.float32) / np.float32(255), rng)
        if rng.random() < 0.5:
            side = 2 * size
            pixels = np.asarray(cv2.resize(pixels, (side, side)), dtype=np.float32)
        if rng.random() < 0.2:
            pixels = 1 - pixels
    else:
        pixels = drawn_other(rng)
    turned = np.ascontiguousarray(np.rot90(pixels, int(rng.integers(4))))
    content = content_region(turned)
    return Sample(image=(turned * 255).astype(np.uint8), content=content)
