"""Which slices of a volume show the chest: the lungs' apices do, whether they hold air or not."""

import numpy as np
import pytest

from ai_engine.ct.air import air_inside
from ai_engine.ct.chest_part import ABOVE, chest_levels
from ai_engine.ct.grid import CoarseGrid

STEP = 4.0
HEAD, NECK, TRUNK, APEX, BASE = 35, 30, 75, 4, 60
"""Slices of each, and the lungs' first and last of the trunk's."""
AIR, LUNG, TISSUE = -1000, -850, 40


@pytest.mark.slow
@pytest.mark.parametrize(("apices", "value"), [(0, LUNG), (25, TISSUE), (25, AIR)])
def test_apices_are_chest_whatever_fills_them(apices: int, value: int) -> None:
    """Consolidated or collapsed ones, bullae, a pneumothorax: here a hundred millimetres high."""
    grid = body(apices, value)
    levels = chest_levels(grid, air_inside(grid))
    first = HEAD + NECK + APEX
    assert first - ABOVE / STEP <= levels.start <= first
    assert levels.stop == HEAD + NECK + TRUNK


def test_a_scan_of_the_chest_alone_is_looked_at_whole() -> None:
    grid = body(25, TISSUE)
    chest = CoarseGrid(
        hounsfield=grid.hounsfield[HEAD + NECK :], spacing=grid.spacing, slices_each=1
    )
    assert chest_levels(chest, air_inside(chest)) == range(TRUNK)


@pytest.mark.slow
def test_air_between_trunk_arms_and_table_is_not_in_the_body() -> None:
    """The windpipe may be open to the air around; such a gap is, too, and would be gas in a chest.

    Both are enclosed by tissue in each slice.
    """
    values = np.pad(body(0, LUNG).hounsfield, ((0, 0), (6, 6), (20, 20)), constant_values=AIR)
    down, across = np.mgrid[-36:36, -65:65] * STEP
    alone = np.count_nonzero(
        air_inside(CoarseGrid(hounsfield=values, spacing=(STEP, STEP, STEP), slices_each=1))
    )
    arms = ((down - 20) / 85) ** 2 + ((np.abs(across) - 190) / 27) ** 2 <= 1
    table = (down >= 104) & (down <= 111) & (np.abs(across) < 240)
    trunk = values[HEAD + NECK :]
    trunk[:, (arms & (values[-1] < TISSUE)) | table] = TISSUE
    filled = CoarseGrid(hounsfield=values, spacing=(STEP, STEP, STEP), slices_each=1)
    assert np.count_nonzero(air_inside(filled)) == alone


def body(apices: int, value: int) -> CoarseGrid:
    """Draw head, neck and trunk; so many slices of the lungs' apices have another value."""
    values = np.full((HEAD + NECK + TRUNK, 60, 90), AIR, np.int16)
    down, across = np.mgrid[-30:30, -45:45] * STEP

    def draw(planes: slice, filled: int, at: float, radii: tuple[float, float]) -> None:
        inside = (down / radii[0]) ** 2 + ((across - at) / radii[1]) ** 2 <= 1
        values[planes, inside] = filled

    top = HEAD + NECK
    draw(slice(0, HEAD), TISSUE, 0, (95, 75))
    draw(slice(HEAD, top), TISSUE, 0, (60, 60))
    draw(slice(top, None), TISSUE, 0, (105, 165))
    for side in (-75, 75):
        draw(slice(top + APEX, top + BASE), LUNG, side, (75, 60))
        draw(slice(top + APEX, top + APEX + apices), value, side, (75, 60))
    return CoarseGrid(hounsfield=values, spacing=(STEP, STEP, STEP), slices_each=1)
