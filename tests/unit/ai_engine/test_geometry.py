"""What the network sees can be traced back to the source image."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_engine.prediction import Region
from ai_engine.preprocessing.geometry import content_region, letterbox, standardize


def noise(rows: int, columns: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).random((rows, columns), dtype=np.float32)


@settings(max_examples=25)
@given(
    rows=st.integers(256, 900),
    columns=st.integers(256, 900),
    down=st.floats(0.15, 0.85),
    across=st.floats(0.15, 0.85),
    ratio=st.sampled_from([0.8, 1.0, 1.5]),
)
def test_a_bright_spot_is_found_again_at_its_place(
    rows: int, columns: int, down: float, across: float, ratio: float
) -> None:
    pixels = np.full((rows, columns), 0.2, dtype=np.float32)
    y, x = int(down * rows), int(across * columns)
    pixels[y - 6 : y + 7, x - 6 : x + 7] = 1
    view = letterbox(pixels, size=128, aspect_ratio=ratio)
    weights = np.clip(view.values - view.values[view.mask].mean(), 0, None) * view.mask
    row, column = (
        (weights.sum(axis=axis) * (np.arange(128) + 0.5)).sum() / weights.sum() for axis in (1, 0)
    )
    region = view.region
    found_x = region.left + column * (region.right - region.left) / 128
    found_y = region.top + row * (region.bottom - region.top) / 128
    cell = max(rows, columns) / 128 * 1.6
    assert abs(found_x - (x + 0.5)) < cell
    assert abs(found_y - (y + 0.5)) < cell


def test_shape_is_kept_and_the_rest_is_padded() -> None:
    view = letterbox(noise(400, 200), size=64)
    assert view.mask.sum() == 64 * 32
    assert view.mask[:, 16:48].all()
    assert view.region == Region(left=-100, top=0, right=300, bottom=400)


def test_tall_pixels_make_a_tall_view() -> None:
    view = letterbox(noise(200, 200), size=64, aspect_ratio=2.0)
    assert view.mask.sum() == 64 * 32
    assert view.region == Region(left=-100, top=0, right=300, bottom=200)


def test_only_the_content_is_shown() -> None:
    pixels = noise(300, 300)
    content = Region(left=50, top=100, right=250, bottom=300)
    view = letterbox(pixels, size=200, content=content)
    np.testing.assert_allclose(
        view.values, standardize(pixels[100:, 50:250], np.ones((200, 200), bool)), atol=1e-5
    )
    assert view.region == content


def test_standardised_over_the_image_not_the_padding() -> None:
    view = letterbox(noise(100, 300) * 0.1 + 0.8, size=96)
    assert view.values[view.mask].mean() == pytest.approx(0, abs=1e-4)
    assert view.values[view.mask].std() == pytest.approx(1, abs=1e-3)
    assert view.values[~view.mask].max() < -5


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_uniform_borders_are_not_content(level: float) -> None:
    pixels = np.full((512, 512), level, dtype=np.float32)
    pixels[100:400, 50:460] = noise(300, 410)
    found = content_region(pixels)
    edges = [found.left, found.top, found.right, found.bottom]
    assert edges == pytest.approx([50, 100, 460, 400], abs=4)


def test_images_without_borders_are_all_content() -> None:
    assert content_region(noise(300, 200)) == Region(left=0, top=0, right=200, bottom=300)


def test_flat_images_are_left_alone() -> None:
    flat = np.full((300, 200), 0.5, dtype=np.float32)
    assert content_region(flat) == Region(left=0, top=0, right=200, bottom=300)
    assert np.isfinite(letterbox(flat, size=64).values).all()
