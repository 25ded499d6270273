"""CT slices, moved and bent with their lesions and lungs, and shown as other scanners might."""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from ai_engine.ct.slice_batches import FloatArray, MaskedSlices
from ai_engine.training.bending import bent_places
from ai_engine.training.recipe import Augmentation, Recipe

OUTSIDE = 0.1
"""What pixels count that are neither lung nor lesion: a mask is cut to the lungs when it is served,
but where these end is known to a pixel or two only."""

Planes = tuple[FloatArray, FloatArray, FloatArray]
"""A slice 0 to 1, its lesions and its lungs, 0 or 1: float32 (size, size) each."""


def mixed_batches(
    pools: Sequence[tuple[Sequence[MaskedSlices], float]],
    recipe: Recipe,
    *,
    size: int,
    seed: Sequence[int],
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """One epoch's batches of varied parts of slices.

    Parameters
    ----------
    pools
        Studies and how often a slice is taken from them; of a pool every study as often.
    size
        Side of the parts.

    Yields
    ------
    tuple
        Slices float32 (n, size, size, 1), and float32 (n, size, size, 2): where lesions are, and
        what each pixel counts.
    """
    rng = np.random.default_rng(tuple(seed))
    filled = [(studies, share) for studies, share in pools if studies]
    total = sum(share for _, share in filled)
    for _ in range(recipe.steps_per_epoch):
        parts = []
        for _ in range(recipe.batch_size):
            studies, _ = filled[int(rng.choice(len(filled), p=[s / total for _, s in filled]))]
            planes = any_slice(studies[int(rng.integers(len(studies)))], rng)
            moved = part_around_lung(moved_planes(planes, recipe, rng), size, rng)
            parts.append((shown_otherwise(moved[0], recipe.augmentation, rng), *moved[1:]))
        images, masks, lungs = (np.stack(one) for one in zip(*parts, strict=True))
        counts = np.maximum(np.maximum(lungs, masks), np.float32(OUTSIDE))
        yield images[..., np.newaxis], np.stack((masks, counts), axis=-1)


def any_slice(study: MaskedSlices, rng: np.random.Generator) -> Planes:
    """One of a study's slices that show lung."""
    lungs = np.ones_like(study.masks) if study.lungs is None else study.lungs
    shown = np.flatnonzero(lungs.any(axis=(1, 2)))
    index = int(rng.choice(shown)) if len(shown) else 0
    return (
        study.images[index].astype(np.float32),
        study.masks[index].astype(np.float32),
        lungs[index].astype(np.float32),
    )


def moved_planes(planes: Planes, recipe: Recipe, rng: np.random.Generator) -> Planes:
    """All three turned, stretched, mirrored and bent alike; what comes in from outside is air."""
    settings, size = recipe.augmentation, planes[0].shape[0]
    middle = (size - 1) / 2
    zoom = float(np.exp(rng.uniform(-1, 1) * settings.zoom))
    matrix = cv2.getRotationMatrix2D(
        (middle, middle), float(rng.uniform(-1, 1) * settings.rotation), zoom
    )
    aspect = float(np.exp(rng.uniform(-1, 1) * settings.aspect))
    stretch = np.diag([aspect, 1 / aspect])
    if rng.random() < settings.flip:
        stretch[0, 0] *= -1
    centre = np.array([middle, middle])
    matrix[:, 2] = stretch @ (matrix[:, 2] - centre) + centre
    matrix[:, :2] = stretch @ matrix[:, :2]
    x, y = bent_places(matrix.astype(np.float64), size, recipe.elastic * size, rng)
    image, mask, lungs = planes
    return (
        np.asarray(cv2.remap(image, x, y, cv2.INTER_LINEAR), np.float32),
        np.asarray(cv2.remap(mask, x, y, cv2.INTER_NEAREST), np.float32),
        np.asarray(cv2.remap(lungs, x, y, cv2.INTER_NEAREST), np.float32),
    )


def part_around_lung(planes: Planes, size: int, rng: np.random.Generator) -> Planes:
    """A square part around a pixel of the lungs, of all three."""
    image, mask, lungs = planes
    inside = np.flatnonzero(lungs)
    whole = image.shape[0]
    at = int(rng.choice(inside)) if len(inside) else image.size // 2
    row, column = divmod(at, whole)
    top, left = (min(max(place - size // 2, 0), whole - size) for place in (row, column))
    part = np.s_[top : top + size, left : left + size]
    return image[part], mask[part], lungs[part]


def shown_otherwise(
    image: FloatArray, settings: Augmentation, rng: np.random.Generator
) -> FloatArray:
    """Other densities, kernels and noise, 0 to 1: Hounsfield units of pictures are estimates."""
    values = image
    values = 0.5 + (values - 0.5) * float(np.exp(rng.uniform(-1, 1) * settings.contrast))
    values = values + float(rng.uniform(-1, 1)) * settings.contrast / 3
    values = np.clip(values, 0, 1) ** float(np.exp(rng.uniform(-1, 1) * settings.gamma))
    if rng.random() < settings.blur:
        values = np.asarray(cv2.GaussianBlur(values, (0, 0), rng.uniform(0.3, 1.0)), np.float32)
    noise = rng.standard_normal(values.shape, dtype=np.float32)
    values = values + noise * np.float32(rng.uniform(0, settings.noise))
    return np.asarray(np.clip(values, 0, 1), np.float32)
