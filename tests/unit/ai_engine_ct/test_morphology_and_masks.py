"""Piles of discs are balls, and packed masks come back as they were."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage

from ai_engine.ct.masks import pack_mask
from ai_engine.ct.morphology import close_gaps, dilate, erode, fill_planes, remove_thin

SPACING = (2.5, 1.0, 1.5)


@pytest.fixture
def mask() -> npt.NDArray[np.bool_]:
    drawn = np.random.default_rng(2).random((12, 24, 20)) > 0.97
    drawn[4:9, 5:18, 6:15] = True
    return drawn


@pytest.mark.parametrize("radius", [1.0, 2.6, 5.1])
def test_dilation_and_erosion_are_those_of_a_distance_transform(
    mask: npt.NDArray[np.bool_], radius: float
) -> None:
    outside = ndimage.distance_transform_edt(~mask, sampling=SPACING)
    inside = ndimage.distance_transform_edt(mask, sampling=SPACING)
    assert np.array_equal(dilate(mask, radius, SPACING), outside <= radius)
    assert np.array_equal(erode(mask, radius, SPACING), inside > radius)


@pytest.mark.parametrize("radius", [2.6, 20.0])
def test_closing_only_adds_and_opening_only_removes(
    mask: npt.NDArray[np.bool_], radius: float
) -> None:
    assert not (mask & ~close_gaps(mask, radius, SPACING)).any()
    assert not (remove_thin(mask, radius, SPACING) & ~mask).any()


def test_opening_keeps_the_thick_and_drops_the_thin(mask: npt.NDArray[np.bool_]) -> None:
    opened = remove_thin(mask, 2.6, SPACING)
    assert opened[6, 11, 10]
    assert not opened[:3].any()


def test_holes_are_filled_plane_by_plane() -> None:
    ring = np.zeros((2, 9, 9), bool)
    ring[0, 2:7, 2:7] = True
    ring[0, 4, 4] = False
    filled = fill_planes(ring)
    assert filled[0, 2:7, 2:7].all()
    assert filled.sum() == 25


def test_empty_masks_stay_empty() -> None:
    nothing = np.zeros((3, 4, 5), bool)
    for change in (dilate, close_gaps, remove_thin):
        assert not change(nothing, 3.0, SPACING).any()


def test_packed_masks_come_back(mask: npt.NDArray[np.bool_]) -> None:
    packed = pack_mask(mask)
    assert packed.shape == mask.shape
    assert np.array_equal(packed.unpack(), mask)
