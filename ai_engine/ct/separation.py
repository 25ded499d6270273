"""Right and left lung from one mask of both, also where they touch.

Sides are the patient's, from the direction in which columns grow; where a lung lies in the image
doesn't matter.
"""

import numpy as np
from scipy import ndimage

from ai_engine.ct.grid import CoarseGrid
from ai_engine.ct.morphology import Mask, box, erode

EROSIONS = (1.5, 2.5, 3.5, 5.0, 7.0, 10.0, 14.0)
"""mm tried one after the other until touching lungs fall apart."""

SHARE = 0.15
"""Least size of the second lung (or of its core) as a part of the first."""

APART = 50.0
"""mm between the centres of two lungs, to the side; lobes of one lung are closer."""

LEAST_ML = 20.0
"""ml below which a separate piece isn't kept."""

LOWEST = 0.7
"""Separate pieces are kept if their centre lies in this upper part of the lungs: below it, air
in stomach and bowel is likelier than a lobe of its own."""

BODY = -400
"""Hounsfield units above which the body's midline is sought."""


def separate(grid: CoarseGrid, air: Mask, *, left_is_high: bool) -> tuple[Mask, Mask]:
    """The right and the left lung, in this order; a lung that isn't aerated is empty.

    ``air`` is the air inside the body without the airways, bool of the grid's shape.
    """
    pieces = _pieces(grid, air)
    if not pieces:
        return np.zeros_like(air), np.zeros_like(air)
    if len(pieces) > 1 and _is_second(grid, pieces[0], pieces[1], of=pieces[0]):
        low, high = sorted(pieces[:2], key=_side)
        rest = pieces[2:]
    else:
        low, high = _split(grid, pieces[0])
        rest = pieces[1:]
    for piece in _lung_pieces(rest, low | high):
        if _is_lower(piece, low, high):
            low = low | piece
        else:
            high = high | piece
    return (low, high) if left_is_high else (high, low)


def _pieces(grid: CoarseGrid, air: Mask) -> list[Mask]:
    """Connected parts of at least LEAST_ML, the largest first."""
    labels, _ = ndimage.label(air)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    numbers = np.argsort(-sizes, kind="stable")
    return [labels == number for number in numbers if sizes[number] * grid.voxel_ml >= LEAST_ML]


def _is_lower(piece: Mask, low: Mask, high: Mask) -> bool:
    """Whether a piece is nearer to the lung on the low side; a lung that is empty gets none."""
    if not (low.any() and high.any()):
        return bool(low.any())
    return abs(_side(piece) - _side(low)) < abs(_side(piece) - _side(high))


def _side(mask: Mask) -> float:
    """The mean column; NaN, which compares with nothing, for an empty mask."""
    columns = np.count_nonzero(mask, axis=(0, 1))
    total = int(columns.sum())
    return float(columns @ np.arange(len(columns))) / total if total else float("nan")


def _is_second(grid: CoarseGrid, first: Mask, second: Mask, *, of: Mask) -> bool:
    large = np.count_nonzero(second) >= SHARE * np.count_nonzero(of)
    return bool(large and abs(_side(first) - _side(second)) * grid.spacing[2] >= APART)


def _split(grid: CoarseGrid, both: Mask) -> tuple[Mask, Mask]:
    """Part two lungs that touch: each voxel goes to the nearer core that erosion leaves.

    Where erosion leaves no two cores side by side, there is one lung; it goes to its side of the
    body's midline, and the other mask is empty.
    """
    part = box(both)
    for radius in EROSIONS:
        cores = _pieces(grid, erode(both[part], radius, grid.spacing))[:2]
        if len(cores) == 2 and _is_second(grid, cores[0], cores[1], of=cores[0]):
            low, high = sorted(cores, key=_side)
            nearer_low = np.zeros_like(both)
            nearer_low[part] = _is_nearer(low, high, grid)
            return both & nearer_low, both & ~nearer_low
    nothing = np.zeros_like(both)
    is_low = _side(both) < _side(grid.hounsfield > BODY)
    return (both, nothing) if is_low else (nothing, both)


def _is_nearer(one: Mask, other: Mask, grid: CoarseGrid) -> Mask:
    """The voxels that are nearer to ``one`` than to ``other``."""
    places = ndimage.distance_transform_edt(
        ~(one | other), sampling=grid.spacing, return_distances=False, return_indices=True
    )
    return np.asarray(one[tuple(places)])


def _lung_pieces(pieces: list[Mask], lungs: Mask) -> list[Mask]:
    """The pieces that lie beside the lungs: neither in the abdomen nor in neck and head."""
    levels = np.flatnonzero(lungs.any(axis=(1, 2)))
    lowest = levels[0] + LOWEST * (levels[-1] - levels[0])
    return [piece for piece in pieces if levels[0] <= ndimage.center_of_mass(piece)[0] <= lowest]
