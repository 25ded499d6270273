"""Trachea and main bronchi, so that their air isn't counted as lung.

The trachea is the longest chain of round dark spots from slice to slice. From it the airways are
grown at rising thresholds until they leak into the lungs (Mori et al., explosion-controlled
region growing, 1996); the last threshold before the leak is kept.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

from ai_engine.ct.grid import CoarseGrid
from ai_engine.ct.morphology import Mask, box, dilate
from ai_engine.ct.volume import Hounsfield

LUMEN = -900
"""Hounsfield units below which a spot may be the trachea's lumen on the coarse grid."""

AREAS = (50.0, 700.0)
"""mm²: from a child's trachea to one much widened."""

ROUNDNESS = 0.55
"""Least part of its bounding rectangle that a spot fills; a disc fills 0.79."""

DRIFT = 8.0
"""mm that the trachea's centre may move from one slice to the next."""

SHORTEST = 25.0
"""mm of trachea below which it counts as not found."""

THRESHOLDS = range(-990, -700, 15)
MOST_GROWTH = 15.0
MOST_VOLUME = 150.0
"""ml: a leak is a growth beyond MOST_GROWTH and half of what was there, or beyond MOST_VOLUME."""

SPLIT_WIDTH = 38.0
"""mm from side to side from which airways are both main bronchi."""

WALL = 2.5
"""mm around the lumen that are airway wall."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Spot:
    index: int
    centre: tuple[float, float]
    mask: Mask


def find_airways(grid: CoarseGrid, air: Mask) -> Mask:
    """Trachea and main bronchi with their walls; empty where there is no trachea.

    ``air`` is the air inside the body, bool of the grid's shape.
    """
    seed = _trachea(grid, air)
    if not seed.any():
        return seed
    part = box(air)
    grown = np.zeros_like(air)
    grown[part] = _grow(air[part], grid.hounsfield[part], seed[part], grid.voxel_ml)
    return dilate(grown, WALL, grid.spacing)


def find_carina(grid: CoarseGrid, airways: Mask) -> int | None:
    """The first slice, from the head, where the airways are too wide to be the trachea alone.

    None where there is no such slice.
    """
    for index, plane in enumerate(airways):
        columns = np.flatnonzero(plane.any(axis=0))
        if len(columns) and (np.ptp(columns) + 1) * grid.spacing[2] > SPLIT_WIDTH:
            return index
    return None


def _trachea(grid: CoarseGrid, air: Mask) -> Mask:
    chains: list[list[_Spot]] = []
    for spot in _spots(grid, air):
        for chain in chains:
            last = chain[-1]
            moved = math.dist(last.centre, spot.centre)
            if last.index == spot.index - 1 and moved < DRIFT:
                chain.append(spot)
                break
        else:
            chains.append([spot])
    longest = max(chains, key=len, default=[])
    seed = np.zeros_like(air)
    if len(longest) * grid.spacing[0] >= SHORTEST:
        for spot in longest:
            seed[spot.index] |= spot.mask
    return seed


def _spots(grid: CoarseGrid, air: Mask) -> Iterator[_Spot]:
    _, height, width = grid.spacing
    for index, plane in enumerate(air & (grid.hounsfield < LUMEN)):
        count, labels, statistics, centres = cv2.connectedComponentsWithStats(
            plane.astype(np.uint8), connectivity=4
        )
        for number in range(1, count):
            _, _, columns, rows, pixels = (int(value) for value in statistics[number])
            across, down = columns * width, rows * height
            round_enough = pixels >= ROUNDNESS * columns * rows and max(across, down) <= 2 * min(
                across, down
            )
            if round_enough and AREAS[0] <= pixels * height * width <= AREAS[1]:
                x, y = centres[number]
                centre = (float(y * height), float(x * width))
                yield _Spot(index=index, centre=centre, mask=np.asarray(labels == number))


def _grow(air: Mask, hounsfield: Hounsfield, seed: Mask, voxel_ml: float) -> Mask:
    grown, volume = seed, float(np.count_nonzero(seed)) * voxel_ml
    for threshold in THRESHOLDS:
        labels, count = ndimage.label(air & (hounsfield < threshold))
        touched = np.zeros(count + 1, bool)
        touched[labels[seed]] = True
        touched[0] = False
        candidate = touched[labels] | seed
        larger = float(np.count_nonzero(candidate)) * voxel_ml
        if larger > MOST_VOLUME or larger > 1.5 * volume + MOST_GROWTH:
            break
        grown, volume = candidate, larger
    return grown
