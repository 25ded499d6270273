"""How noisy a scan is where the method looks: of very low dose, or of a sharp kernel."""

import numpy as np
from scipy import ndimage

from ai_engine.ct.grid import CoarseGrid
from ai_engine.ct.morphology import erode

TISSUE = (-20.0, 120.0)
INSIDE = 4.0
"""Hounsfield units of soft tissue, averaged over three voxels each way, and mm from its borders."""

NEIGHBOURS = 4
OF_MEDIAN = 1.4826
"""Voxels beside one in its slice whose mean is taken from it, and the standard deviation of normal
noise in median absolute ones."""

FEWEST = 500
"""Voxels of tissue below which nothing is said."""


def tissue_noise(grid: CoarseGrid) -> float:
    """Return the noise of soft tissue on the coarse grid, a standard deviation in Hounsfield units.

    0 where too little tissue is seen.
    """
    values = grid.hounsfield.astype(np.float32)
    smooth = ndimage.uniform_filter(values, 3)
    tissue = erode((smooth > TISSUE[0]) & (smooth < TISSUE[1]), INSIDE, grid.spacing)
    tissue[:, [0, -1]] = tissue[:, :, [0, -1]] = False
    if np.count_nonzero(tissue) < FEWEST:
        return 0.0
    beside = sum(np.roll(values, step, axis) for axis in (1, 2) for step in (1, -1))
    differences = (values - np.asarray(beside) / NEIGHBOURS)[tissue]
    deviation = OF_MEDIAN * float(np.median(np.abs(differences)))
    return deviation / float(np.sqrt(1 + 1 / NEIGHBOURS))
