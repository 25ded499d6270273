"""Spine, breast bone and ribs of a drawn thorax, and what they say of how it lies."""

import numpy as np
import pytest

from ai_engine.ct.grid import CoarseGrid
from ai_engine.ct.morphology import Mask
from ai_engine.ct.skeleton_axes import SkeletonAxes, skeleton_axes
from ai_engine.ct.thorax import Thorax

SHAPE = (60, 60, 80)
STEP = 4.0
TOP, BACK, FRONT, FALL = 8, 46, 12, 0.5
"""Levels and rows, and slices that a rib falls for each row to the front."""


def _thorax(*, spine: bool = True, ribs: bool = True) -> tuple[Thorax, tuple[Mask, Mask]]:
    hounsfield = np.full(SHAPE, 40, np.int16)
    right, left = (np.zeros(SHAPE, bool) for _ in range(2))
    right[5:55, 12:46, 12:36] = left[5:55, 12:46, 44:68] = True
    hounsfield[right | left] = -850
    if spine:
        hounsfield[:, 44:46, 36:44] = hounsfield[:, 50:52, 36:44] = 400
        hounsfield[5:40, 8:10, 38:42] = 400
    if ribs:
        for start in range(-20, 60, 7):
            for row in range(FRONT, BACK):
                level = round(start + TOP + FALL * (BACK - row))
                if 0 <= level < SHAPE[0]:
                    hounsfield[level : level + 2, row, [9, 10, 69, 70]] = 500
    grid = CoarseGrid(hounsfield=hounsfield, spacing=(STEP, STEP, STEP), slices_each=1)
    return _with(grid), (right, left)


def _with(grid: CoarseGrid) -> Thorax:
    empty = np.zeros(SHAPE, bool)
    return Thorax(
        grid=grid,
        midline=np.full(SHAPE[0], (SHAPE[2] - 1) / 2),
        carina=None,
        cavities=(empty, empty),
        half_width=120.0,
    )


def _turned(axes: tuple[int, ...]) -> SkeletonAxes:
    thorax, lungs = _thorax()
    grid = CoarseGrid(
        hounsfield=np.flip(thorax.grid.hounsfield, axes), spacing=(STEP, STEP, STEP), slices_each=1
    )
    right, left = (np.flip(lung, axes) for lung in lungs)
    return skeleton_axes(_with(grid), (left, right) if 2 in axes else (right, left))


@pytest.mark.parametrize("axes", [(), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)])
def test_spine_and_ribs_turn_with_the_body(axes: tuple[int, ...]) -> None:
    """The ribs' fall is reversed by either of front and back, head and feet; by both it is not."""
    found = _turned(axes)
    assert np.sign(found.spine) == (-1 if 1 in axes else 1)
    assert np.sign(found.fall) == (-1 if (0 in axes) != (1 in axes) else 1)
    assert min(abs(found.spine), abs(found.fall)) > 0.4


def test_a_heart_full_of_contrast_agent_is_no_spine_in_front() -> None:
    thorax, lungs = _thorax()
    thorax.grid.hounsfield[25:45, 14:34, 30:50] = 350
    assert skeleton_axes(thorax, lungs).spine > 0.4


def test_without_bone_nothing_is_said() -> None:
    thorax, lungs = _thorax(spine=False, ribs=False)
    assert skeleton_axes(thorax, lungs) == SkeletonAxes(spine=0.0, fall=0.0)


def test_the_lung_that_is_left_shows_how_the_ribs_fall() -> None:
    thorax, (right, _) = _thorax()
    assert skeleton_axes(thorax, (right, np.zeros(SHAPE, bool))).fall > 0.4
