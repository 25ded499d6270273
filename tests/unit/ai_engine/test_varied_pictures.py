"""Varied copies and drawn pages are pictures, of every kind, and the same ones for the same lot."""

import numpy as np
import pytest

from ai_engine.datasets.pages import page
from ai_engine.datasets.varied import varied


@pytest.mark.parametrize("shape", [(40, 300), (8, 8), (512, 512), (1, 1)])
def test_copies_of_any_size_are_pictures_and_differ(shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    before = picture.copy()
    made = [varied(picture, np.random.default_rng(seed)) for seed in range(40)]
    assert {each.dtype for each in made} == {np.dtype(np.uint8)}
    assert all(each.ndim == 2 and min(each.shape) >= 1 for each in made)
    assert len({each.tobytes() for each in made}) > 30
    again = varied(picture, np.random.default_rng(7))
    np.testing.assert_array_equal(again, made[7])
    np.testing.assert_array_equal(picture, before)  # what is varied is a copy


def test_pages_are_light_and_dark_full_and_empty() -> None:
    lot = np.random.default_rng(1)
    pages = [page(lot) for _ in range(80)]
    assert all(192 <= side <= 512 for each in pages for side in each.shape)
    means = [each.mean() for each in pages]
    assert min(means) < 60
    assert max(means) > 200
    assert min(each.std() for each in pages) < 4
    assert max(each.std() for each in pages) > 40
