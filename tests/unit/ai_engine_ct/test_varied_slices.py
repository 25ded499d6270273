"""Slices, lesions and lungs are varied alike, and parts of them show lung."""

from dataclasses import replace

import numpy as np
import pytest

from ai_engine.ct.slice_batches import MaskedSlices
from ai_engine.ct.varied_slices import OUTSIDE, mixed_batches, moved_planes, shown_otherwise
from ai_engine.training.recipe import Recipe
from ai_engine.training.recipe_file import load_recipe

SIZE = 64


@pytest.fixture
def recipe() -> Recipe:
    return replace(load_recipe("xnet-outlined"), steps_per_epoch=3, batch_size=4)


def slices(name: str, *, level: float = 0.2) -> MaskedSlices:
    """Two slices, the second of which shows lung, with a lesion on its left."""
    images = np.full((2, SIZE, SIZE), 0.8, np.float16)
    masks, lungs = np.zeros((2, 2, SIZE, SIZE), np.uint8)
    lungs[1, 8:56, 8:56] = 1
    images[1, 8:56, 8:56] = level
    masks[1, 16:40, 10:24] = 1
    images[1, 16:40, 10:24] = 0.5
    return MaskedSlices(study=name, images=images, masks=masks, lungs=lungs)


def test_lesions_and_lungs_move_with_their_slice(recipe: Recipe) -> None:
    one = slices("a")
    planes = tuple(plane[1].astype(np.float32) for plane in (one.images, one.masks, one.lungs))
    sides = set()
    for seed in range(20):
        image, mask, lungs = moved_planes(planes, recipe, np.random.default_rng(seed))
        assert set(np.unique(mask)) <= {0.0, 1.0}
        assert np.median(image[mask > 0]) == pytest.approx(0.5, abs=0.02)
        assert np.median(image[(lungs > 0) & (mask == 0)]) == pytest.approx(0.2, abs=0.02)
        columns = np.flatnonzero(mask.any(axis=0))
        sides.add(columns.mean() < np.flatnonzero(lungs.any(axis=0)).mean())
    assert sides == {True, False}  # mirrored half of the time


def test_grey_levels_vary_and_stay_within_the_window(recipe: Recipe) -> None:
    image = np.linspace(0, 1, SIZE * SIZE, dtype=np.float32).reshape(SIZE, SIZE)
    shown = [
        shown_otherwise(image, recipe.augmentation, np.random.default_rng(seed))
        for seed in range(10)
    ]
    assert all(one.min() >= 0 and one.max() <= 1 for one in shown)
    assert np.std([one.mean() for one in shown]) > 0.01


def test_parts_show_lung_and_what_lies_beyond_counts_little(recipe: Recipe) -> None:
    made = list(mixed_batches([([slices("a")], 1.0)], recipe, size=32, seed=(1, 2)))
    assert len(made) == 3
    for images, targets in made:
        assert images.shape == (4, 32, 32, 1)
        assert targets.shape == (4, 32, 32, 2)
        counts = targets[..., 1]
        assert set(np.unique(counts)) <= {np.float32(OUTSIDE), np.float32(1)}
        assert (counts.reshape(4, -1) == 1).any(axis=1).all()
        assert (counts[targets[..., 0] > 0] == 1).all()
    again = next(mixed_batches([([slices("a")], 1.0)], recipe, size=32, seed=(1, 2)))
    np.testing.assert_array_equal(made[0][0], again[0])


def test_a_pool_that_is_empty_is_left_out(recipe: Recipe) -> None:
    still = replace(recipe, augmentation=type(recipe.augmentation)())
    pools = [([slices("a", level=0.3)], 0.5), ([], 0.5)]
    images, _ = next(mixed_batches(pools, still, size=16, seed=(3,)))
    assert images.max() <= 0.81
    assert len(images) == still.batch_size
