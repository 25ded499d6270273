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

ACROSS = 0.3
"""Part of one lung that lies beyond the body's midline at most: 0.03 and less in five scans, with
patches of disease, too; 0.35 to 0.47 where two lungs are taken for one."""

WAIST = 0.3
NEAR_MIDLINE = 25.0
"""Of two lungs that touch, the narrowest column beside the widest of the smaller one at most: 0.03
to 0.10 in five scans, 0.74 to 0.91 in such turned by a quarter; and mm from the body's midline
within which it lies."""

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
    middle = midline(grid)
    if len(pieces) > 1 and _are_two(grid, pieces[0], pieces[1], middle):
        low, high = sorted(pieces[:2], key=_side)
        rest = pieces[2:]
    else:
        low, high = _split(grid, pieces[0], middle)
        rest = pieces[1:]
    for piece in _lung_pieces(rest, low | high):
        if _is_lower(piece, low, high):
            low = low | piece
        else:
            high = high | piece
    return (low, high) if left_is_high else (high, low)


def midline(grid: CoarseGrid) -> float:
    """The body's mean column."""
    return _side(grid.hounsfield > BODY)


def is_across(mask: Mask, middle: float) -> bool:
    """Whether so much of a mask lies on both sides of a column that it is of both lungs."""
    columns = np.count_nonzero(mask, axis=(0, 1))
    low = int(columns[: max(0, round(middle))].sum())
    total = int(columns.sum())
    return min(low, total - low) > ACROSS * total


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


def _are_two(grid: CoarseGrid, first: Mask, second: Mask, middle: float) -> bool:
    """Whether these are two lungs: large, apart, and the larger one on one side of the midline."""
    large = np.count_nonzero(second) >= SHARE * np.count_nonzero(first)
    apart = large and abs(_side(first) - _side(second)) * grid.spacing[2] >= APART
    return bool(apart and not is_across(first, middle))


def _split(grid: CoarseGrid, both: Mask, middle: float) -> tuple[Mask, Mask]:
    """Part two lungs that touch: each voxel goes to the nearer core that erosion leaves.

    Where erosion leaves no two cores side by side, as of lungs that touch widely and are broken by
    disease, what has a waist at the body's midline is parted there. Else there is one lung; it goes
    to its side of the midline, and the other mask is empty.
    """
    part = box(both)
    for radius in EROSIONS:
        cores = _pieces(grid, erode(both[part], radius, grid.spacing))[:2]
        if len(cores) == 2 and _are_two(grid, cores[0], cores[1], middle - part[2].start):
            low, high = sorted(cores, key=_side)
            nearer_low = np.zeros_like(both)
            nearer_low[part] = _is_nearer(low, high, grid)
            return both & nearer_low, both & ~nearer_low
    if (waist := _waist(grid, both, middle)) is not None:
        is_beyond = np.arange(both.shape[2]) >= waist
        return both & ~is_beyond, both & is_beyond
    nothing = np.zeros_like(both)
    is_low = _side(both) < middle
    return (both, nothing) if is_low else (nothing, both)


def _waist(grid: CoarseGrid, both: Mask, middle: float) -> int | None:
    """The column in which two lungs touch; None where there is one, or no waist between them."""
    if not is_across(both, middle):
        return None
    columns, at = np.count_nonzero(both, axis=(0, 1)), round(middle)
    reach = round(NEAR_MIDLINE / grid.spacing[2])
    first = max(0, at - reach)
    near = columns[first : at + reach + 1]
    is_narrow = near.min() < WAIST * min(columns[:at].max(), columns[at:].max())
    return first + int(near.argmin()) if is_narrow else None


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
