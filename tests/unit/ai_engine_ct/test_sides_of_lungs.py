"""Right and left lung of one mask, with two aerated lungs or with one."""

import numpy as np
import pytest

from ai_engine.ct.grid import CoarseGrid
from ai_engine.ct.morphology import Mask
from ai_engine.ct.separation import is_across, midline, separate

SHAPE = (30, 75, 90)
SPACING = (4.0, 4.0, 4.0)

LUNGS = {"low": np.s_[3:27, 15:55, 10:36], "high": np.s_[3:27, 15:55, 54:80]}
PIECES = {"low": np.s_[3:13, 58:67, 10:30], "high": np.s_[3:13, 58:67, 60:80]}
"""By the side of the columns; a piece lies behind its lung and apart from it."""


def chest(*aerated: tuple[slice, ...]) -> tuple[CoarseGrid, Mask]:
    """A body of soft tissue with air around it, and where there is air inside."""
    air = np.zeros(SHAPE, bool)
    for place in aerated:
        air[place] = True
    hounsfield = np.full(SHAPE, -1000, np.int16)
    hounsfield[:, 5:-5, 5:-5] = 40
    hounsfield[air] = -850
    return CoarseGrid(hounsfield=hounsfield, spacing=SPACING, slices_each=1), air


@pytest.mark.parametrize("left_is_high", [True, False])
@pytest.mark.parametrize("side", LUNGS)
def test_pieces_of_the_only_aerated_lung_are_that_lungs(side: str, left_is_high: bool) -> None:
    grid, air = chest(LUNGS[side], PIECES[side])
    right, left = separate(grid, air, left_is_high=left_is_high)
    lung, other = (left, right) if (side == "high") is left_is_high else (right, left)
    assert np.array_equal(lung, air)
    assert not other.any()


def test_of_two_lungs_each_gets_its_pieces() -> None:
    grid, air = chest(*LUNGS.values(), *PIECES.values())
    right, left = separate(grid, air, left_is_high=True)
    middle = SHAPE[2] // 2
    assert np.array_equal(right[..., :middle], air[..., :middle])
    assert np.array_equal(left[..., middle:], air[..., middle:])
    assert not (right & left).any()


def test_lungs_that_touch_widely_are_parted_at_their_waist() -> None:
    """No erosion parts them: what joins them is thicker than they are."""
    low, high = np.s_[3:27, 15:55, 30:36], np.s_[3:27, 15:55, 54:60]
    grid, air = chest(low, high, np.s_[10:20, 30:38, 36:54])
    right, left = separate(grid, air, left_is_high=True)
    assert np.array_equal(right | left, air)
    assert not right[..., 54:].any()
    assert not left[..., :36].any()


def test_what_lies_across_the_midline_without_a_waist_is_not_parted() -> None:
    """As two lungs that touch and were turned by a quarter: which is which nobody knows."""
    grid, air = chest(np.s_[3:27, 10:60, 25:65])
    assert is_across(air, midline(grid))
    assert sorted(lung.any() for lung in separate(grid, air, left_is_high=True)) == [False, True]


def test_without_air_both_lungs_are_empty() -> None:
    grid, air = chest()
    assert not any(lung.any() for lung in separate(grid, air, left_is_high=True))
