"""Which slices of a volume show the chest: of a whole body's, those with the lungs and some around.

What is looked for around the lungs (ribs, gas outside of them, airless parts) is looked for where a
chest CT ends as well. Gas of nose and bowel, skull and pelvis are left out of sight.
"""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ai_engine.ct.air import LUNG_WALL, like_lung
from ai_engine.ct.grid import CoarseGrid
from ai_engine.ct.morphology import Mask, fill_planes

LEAST_ML = 100.0
SHARE = 0.15
"""ml of a part of the lungs; its least size beside the largest one's."""

ABOVE = 40.0
BELOW = 150.0
"""mm above the highest and below the lowest aerated lung that belong to the chest."""

TRUNK = 0.5
"""Share of the body's section at the aerated lungs from which the trunk goes on above them: apices
without air, or with nothing but air, are chest too. A neck has about a quarter."""


def chest_levels(grid: CoarseGrid, air: Mask) -> range:
    """Return the grid's slices that show the chest; all of them where no lungs are seen.

    ``air`` is the air inside the body, bool of the grid's shape.
    """
    labels, _ = ndimage.label(like_lung(grid, air))
    sizes = np.bincount(labels.ravel()) * grid.voxel_ml
    sizes[0] = 0.0
    lungs = (sizes >= LEAST_ML) & (sizes >= SHARE * sizes.max())
    levels = np.flatnonzero(lungs[labels].any(axis=(1, 2)))
    if not len(levels):
        return range(len(air))
    above, below = (round(reach / grid.spacing[0]) for reach in (ABOVE, BELOW))
    top = min(int(levels[0]) - above, _first_of_trunk(grid, levels))
    return range(max(0, top), min(len(air), int(levels[-1]) + 1 + below))


def _first_of_trunk(grid: CoarseGrid, levels: npt.NDArray[np.intp]) -> int:
    """The first slice, from the head, of the trunk that the aerated lungs at ``levels`` lie in."""
    upper = grid.hounsfield[: levels[-1] + 1]
    body = np.count_nonzero(fill_planes(upper >= LUNG_WALL), axis=(1, 2))
    narrow = np.flatnonzero(body[: levels[0]] < TRUNK * np.median(body[levels]))
    return int(narrow[-1]) + 1 if len(narrow) else 0
