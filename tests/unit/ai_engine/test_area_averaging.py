"""Averaging rows first gives what OpenCV's averaging over areas gives."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_engine.preprocessing.area_averaging import averaged, averaged_to

# Of grey values from 0 to 1, beside OpenCV's sums in double precision: in single precision its own
# are farther from those than ours.
ROUNDING = 1e-6


def noise(rows: int, columns: int) -> np.ndarray:
    return np.random.default_rng(rows).random((rows, columns), dtype=np.float32)


@pytest.mark.slow
@settings(max_examples=60)
@given(
    rows=st.integers(1, 900),
    columns=st.integers(1, 700),
    high=st.integers(1, 400),
    wide=st.integers(1, 400),
)
def test_any_shape_is_averaged_as_by_opencv(rows: int, columns: int, high: int, wide: int) -> None:
    pixels = noise(rows, columns)
    simple = cv2.resize(pixels.astype(np.float64), (wide, high), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(
        averaged(pixels, rows=high, columns=wide), simple.reshape(high, wide), atol=ROUNDING
    )


@pytest.mark.slow
@settings(max_examples=40)
@given(rows=st.integers(2, 900), columns=st.integers(2, 900), side=st.integers(8, 300))
def test_a_longer_side_is_averaged_as_by_opencv(rows: int, columns: int, side: int) -> None:
    pixels = noise(rows, columns)
    factor = side / max(pixels.shape)
    if min(pixels.shape) * factor < 1:
        return
    simple = cv2.resize(
        pixels.astype(np.float64), None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA
    )
    np.testing.assert_allclose(averaged_to(pixels, side), simple, atol=ROUNDING)


@pytest.mark.parametrize("size", [64, 384])
@pytest.mark.parametrize("shape", [(2500, 2048), (3056, 2544), (4280, 3520)])
def test_radiographs_are_averaged_as_by_opencv(shape: tuple[int, int], size: int) -> None:
    pixels = noise(*shape)[3:-5, 7:-2]  # a part of an image, as collimators leave it
    simple = cv2.resize(pixels.astype(np.float64), (size, size), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(averaged(pixels, rows=size, columns=size), simple, atol=ROUNDING)


@pytest.mark.parametrize("left", [0, 30, 290])
def test_a_part_of_an_image_is_averaged_as_a_copy_of_it(left: int) -> None:
    image = noise(700, 400)
    part = image[20:-40][5:, left:-7]
    assert np.array_equal(
        averaged(part, rows=64, columns=50), averaged(part.copy(), rows=64, columns=50)
    )
    assert np.array_equal(averaged_to(part, 60), averaged_to(part.copy(), 60))


def test_rows_or_columns_left_out_and_turned_images_are_averaged_as_copies() -> None:
    image = noise(700, 400)
    for view in (image[::2, :-3], image[:, ::2], image[::-1, 3:], image.T[:, 3:], image[:, ::-1]):
        assert np.array_equal(
            averaged(view, rows=40, columns=30), averaged(view.copy(), rows=40, columns=30)
        )
