"""Gas that is no lung: in stomach and bowel, in the pleural space, in the nose.

Lung holds tissue and blood: even emphysema seldom averages below −975 HU over some millimetres. A
large part that does is gas alone.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ai_engine.ct.grid import CoarseGrid
from ai_engine.ct.morphology import Mask, dilate, erode, remove_thin

PURE = -975
"""Hounsfield units, averaged over three voxels each way, below which there is gas alone."""

THIN = 4.1
LEAST_ML = 10.0
"""mm of radius and ml from which gas is looked at."""

WALL = 4.0
SHELL = 8.0
"""mm around the gas that are its wall, and within which its surroundings are looked at."""

LUNG = (-960, -600)
"""Hounsfield units of lung around it."""

IN_LUNG = 0.15
"""Part of the surroundings of its lower half that is lung, from which gas lies in the chest: what
is in the stomach lies on tissue."""

CAVITY = (12.0, 20.0)
IN_DEPTH = 0.4
"""mm around gas within which its surroundings lie where it is in a cavity, whose wall is thicker
than bowel's, and the part of their lower half that is lung then."""

NECK = 3.1
SMALLEST_ML = 0.5
LOBE = 0.1
DARKER = 20.0
"""Bowel gas joined to lung: mm of radius of the neck, ml, its largest size beside the lung's, by
how many Hounsfield units it lies below the usual lung."""

BEYOND_A_SLICE = 1.01
"""Of the slices' distance: least radius of the neck, which may run from slice to slice."""

THICK = 2.6
FOLLOWS = 0.7
ALONE = -990
"""mm between slices from which a lung's sections are followed downwards; the part of a section that
lies below the section above, which in a lung is nearly all of it, as its base narrows; Hounsfield
units below which gas that does not follow is bowel's."""

UPPER = 0.5
"""Part of the air's height, from the top, in which there is no stomach."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Gas:
    """``mask`` is gas with its wall; ``in_chest_ml`` what of it may be pneumothorax or bulla.

    ``cavities`` is what of ``mask`` lies in the depth of a lung.
    """

    mask: Mask
    cavities: Mask
    in_chest_ml: float


def find_gas(grid: CoarseGrid, air: Mask, airways: Mask) -> Gas:
    """Find gas in the air inside the body that is neither lung nor airway; bool of the grid."""
    smooth = ndimage.uniform_filter(grid.hounsfield.astype(np.float32), 3)
    pure = remove_thin(air & ~airways & (smooth < PURE), THIN, grid.spacing)
    labels, count = ndimage.label(pure)
    found, cavities, in_chest = np.zeros_like(air), np.zeros_like(air), 0.0
    lung = air & (smooth > LUNG[0]) & (smooth < LUNG[1])
    levels = np.flatnonzero(lung.any(axis=(1, 2)))
    for number in range(1, count + 1):
        part = labels == number
        millilitres = float(np.count_nonzero(part)) * grid.voxel_ml
        if millilitres < LEAST_ML:
            continue
        wide = dilate(part, WALL, grid.spacing)
        middle = ndimage.center_of_mass(part)[0]
        shell = dilate(part, SHELL, grid.spacing) & ~wide
        shell[: round(middle)] = False
        found |= wide & air
        if _is_in_depth(part, lung, round(middle), grid):
            cavities |= wide & air
            in_chest += millilitres
            continue
        upper = len(levels) and middle < levels[0] + UPPER * (levels[-1] - levels[0])
        above = len(levels) and middle < levels[0]
        if not above and (upper or lung[shell].mean() >= IN_LUNG):
            in_chest += millilitres
    found |= _bowel(grid, air & ~airways & ~found)
    if grid.thickness > THICK:
        found |= _beside_the_base(grid, air & ~airways & ~found)
    return Gas(mask=found, cavities=cavities, in_chest_ml=in_chest)


def _is_in_depth(part: Mask, lung: Mask, middle: int, grid: CoarseGrid) -> bool:
    """Whether lung lies around the lower half of gas, beyond the wall that a cavity may have."""
    near, far = (dilate(part, reach, grid.spacing) for reach in CAVITY)
    around = far & ~near
    around[:middle] = False
    return bool(around.any() and lung[around].mean() >= IN_DEPTH)


def _bowel(grid: CoarseGrid, air: Mask) -> Mask:
    """Gas of the bowel that thick slices join to the lung through the thin diaphragm.

    Without its outermost millimetres it falls off the lung; it lies low and is darker than lung.
    """
    neck = max(NECK, grid.thickness * BEYOND_A_SLICE)
    core = erode(air, neck, grid.spacing) & air
    labels, count = ndimage.label(core)
    if not count:
        return core
    numbers = np.arange(1, count + 1)
    inside = np.nonzero(labels)
    own = labels[inside]
    sizes = np.bincount(own)[1:]
    middles = np.bincount(own, inside[0])[1:] / sizes
    means = np.bincount(own, grid.hounsfield[inside])[1:] / sizes
    levels = np.flatnonzero(air.any(axis=(1, 2)))
    counts = np.bincount(grid.hounsfield[air].astype(np.int64) + 1024)
    usual = ndimage.gaussian_filter1d(counts.astype(np.float64), 12.0).argmax() - 1024
    chosen = (
        (sizes * grid.voxel_ml >= SMALLEST_ML)
        & (sizes < LOBE * sizes.max())
        & (middles > levels[0] + UPPER * (levels[-1] - levels[0]))
        & (means < usual - DARKER)
    )
    taken = np.isin(labels, numbers[chosen])
    return dilate(taken, neck + NECK, grid.spacing) & air


def _beside_the_base(grid: CoarseGrid, air: Mask) -> Mask:
    """Gas of the bowel that thick slices join to the lung, too narrow to fall off it."""
    levels = np.flatnonzero(air.any(axis=(1, 2)))
    if not len(levels):
        return np.zeros_like(air)
    followed = air.copy()
    for index in range(round(levels[0] + UPPER * (levels[-1] - levels[0])), len(air)):
        sections, count = ndimage.label(air[index])
        whole = np.bincount(sections.ravel(), minlength=count + 1)
        under = np.bincount(sections[followed[index - 1]], minlength=count + 1)
        followed[index] &= (under >= FOLLOWS * whole)[sections]
    labels, _ = ndimage.label(air & ~followed)
    dark = np.bincount(labels[grid.hounsfield < ALONE], minlength=int(labels.max()) + 1)
    taken = dark * grid.voxel_ml >= SMALLEST_ML
    taken[0] = False
    return np.asarray(taken[labels])
