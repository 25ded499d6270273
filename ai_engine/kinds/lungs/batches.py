"""Varied images with their masks, and the views that serving would build of both."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ai_engine.kinds.lungs.dataset import LungItem
from ai_engine.preprocessing.geometry import Mask, content_region, letterbox, standardize
from ai_engine.preprocessing.planes import view_of_mask
from ai_engine.training.augmentation import Sample, random_affine, vary_grey_levels
from ai_engine.training.bending import BENDS, bent_places
from ai_engine.training.recipe import Recipe
from ai_engine.training.shown_content import stretched

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class MaskedSample:
    """One image in memory, and its mask: uint8 (rows, columns), 0 or 1."""

    sample: Sample
    mask: npt.NDArray[np.uint8]


def load_masked(items: Sequence[LungItem]) -> tuple[MaskedSample, ...]:
    """Read images and masks."""
    found = []
    for item in items:
        image, mask = item.read()
        content = content_region(image.astype(np.float32) / np.float32(255))
        sample = Sample(image=image, content=content)
        found.append(MaskedSample(sample=sample, mask=mask.astype(np.uint8)))
    return tuple(found)


def mask_batches(
    samples: Sequence[MaskedSample], recipe: Recipe, epoch: int
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """One epoch's batches in random order: images and masks, float32 (n, size, size, 1) each."""
    rng = np.random.default_rng((recipe.seed, epoch))
    order = rng.permutation(len(samples))
    for start in range(0, len(order) - recipe.batch_size + 1, recipe.batch_size):
        chosen = order[start : start + recipe.batch_size]
        pairs = [varied_pair(samples[index], recipe, rng) for index in chosen]
        images, masks = (np.stack(one)[..., np.newaxis] for one in zip(*pairs, strict=True))
        yield images, masks


def varied_pair(
    masked: MaskedSample, recipe: Recipe, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """An image and its mask, moved alike; the image's grey levels vary besides."""
    size, settings = recipe.input_size, recipe.augmentation
    matrix = random_affine(masked.sample.content, size, settings, rng)
    places = bent_places(matrix, size, recipe.elastic * size, rng)
    values, inside = _content_at(masked.sample, places, size)
    mask = cv2.remap(masked.mask, *places, cv2.INTER_NEAREST).astype(np.float32)
    values = vary_grey_levels(values, inside, settings, rng)
    if rng.random() < recipe.air:
        values = _with_air(values, mask, rng)
    if rng.random() < settings.blur:
        values = np.asarray(cv2.GaussianBlur(values, (0, 0), rng.uniform(0.3, 1.2)), np.float32)
    noise = rng.standard_normal(values.shape, dtype=np.float32)
    values = values + noise * np.float32(rng.uniform(0, settings.noise))
    return standardize(values, inside), mask


def plain_pairs(samples: Sequence[MaskedSample], size: int) -> tuple[FloatArray, FloatArray]:
    """The views that serving would build, and the masks in the same place."""
    images, masks = [], []
    for masked in samples:
        pixels = masked.sample.image.astype(np.float32) / np.float32(255)
        view = letterbox(pixels, size=size, content=masked.sample.content)
        images.append(view.values)
        masks.append(view_of_mask(masked.mask.astype(np.bool_), view.region, size))
    return np.stack(images)[..., np.newaxis], np.stack(masks)[..., np.newaxis].astype(np.float32)


def _with_air(values: FloatArray, mask: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Make some of what lies outside of the lungs as dark as air beside the patient is.

    Air is darker than any lung; a network that has seen too little of it takes it for lung.
    """
    size = values.shape[0]
    rows, columns = np.mgrid[:size, :size].astype(np.float32) / np.float32(size) - np.float32(0.5)
    angle = rng.uniform(0, 2 * np.pi)
    coarse = rng.uniform(-0.15, 0.15, (BENDS, BENDS)).astype(np.float32)
    bent = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    distance = np.cos(angle) * columns + np.sin(angle) * rows + bent
    width = int(rng.integers(5, 25))
    wall = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    body = cv2.dilate(mask, wall) > 0
    air = (distance > rng.uniform(0.2, 0.45)) & ~body
    level = np.float32(rng.uniform(0, 0.12))
    share = cv2.GaussianBlur(air.astype(np.float32), (0, 0), rng.uniform(0.5, 2.5))
    return np.asarray(values * (1 - share) + level * share, dtype=np.float32)


def _content_at(
    sample: Sample, places: tuple[FloatArray, FloatArray], size: int
) -> tuple[FloatArray, Mask]:
    """What an image's content shows at places of the image, 0 to 1, and where it shows something.

    As in serving, areas are averaged, and there is nothing around the content.
    """
    part = sample.shown(size).image
    matrix = stretched(sample.content, part.shape, size).astype(np.float32)
    x, y = (matrix[axis, axis] * places[axis] + matrix[axis, 2] for axis in (0, 1))
    values = cv2.remap(part, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    whole = np.ones_like(part)
    inside = cv2.remap(whole, x, y, cv2.INTER_NEAREST).astype(np.bool_)
    return values.astype(np.float32) / np.float32(255) * inside, inside
