"""Vessels and bronchi of the hilum, which closing takes into the lung and which aren't lung.

A dense structure too thick for a peripheral vessel that touches the mediastinum or an airway is
taken for hilar unless it is large. So a lesion below `LARGE_ML` that touches them isn't measured:
without contrast and shape models, the two can't be told apart by density. That holds at the levels
of the hila alone; above and below them, lung that touches the mediastinum has no such vessels.
"""

import numpy as np
from scipy import ndimage

from ai_engine.ct.airways import find_carina
from ai_engine.ct.closing import TOUCHING, ClosedLungs
from ai_engine.ct.grid import CoarseGrid
from ai_engine.ct.morphology import Mask, dilate, remove_thin

THICK = 3.1
"""mm: radius that peripheral vessels stay below."""

NEAR = 8.0
"""mm from an airway that count as touching."""

LARGE_ML = 40.0
"""ml from which a dense part at the hilum is kept as a lesion, a ball of 4 cm: the vessels of one
hilum may have 25 ml."""

LEVELS = (-20.0, 95.0)
"""mm below the carina from which to which hila and lower pulmonary veins are."""


WALL = 6.0
"""mm around the gas of a cavity in which its wall begins."""


def find_hilum(
    closed: ClosedLungs, aerated: Mask, airways: Mask, cavities: Mask, grid: CoarseGrid
) -> Mask:
    """The hilar and mediastinal structures inside the closed lungs.

    ``aerated`` is both lungs before they were closed; all masks are bool of the grid's shape. What
    has gas of its own in it, one of the ``cavities``, is no vessel.
    """
    dense = (closed.right | closed.left) & ~aerated
    thick = remove_thin(dense, THICK, grid.spacing)
    labels, _ = ndimage.label(thick, np.ones((3, 3, 3)))
    small = np.bincount(labels.ravel()) * grid.voxel_ml < LARGE_ML
    near = dilate(airways, NEAR, grid.spacing) | dilate(closed.mediastinum, TOUCHING, grid.spacing)
    touching = np.zeros_like(small)
    touching[labels[near & thick]] = True
    hollow = np.zeros_like(small)
    hollow[labels[dilate(cavities, WALL, grid.spacing)]] = True
    taken = small & touching & ~hollow
    taken[0] = False
    found = np.asarray(taken[labels])
    if (carina := find_carina(grid, airways)) is not None:
        above, below = (carina + round(reach / grid.spacing[0]) for reach in LEVELS)
        found[: max(0, above)] = False
        found[max(0, below) :] = False
    return found
