"""Haze right under the lung's surface, in a layer too thin for the method to measure.

Disease often begins there. What is thinner than the smallest area that is measured
(`high_attenuation`) would otherwise pass as lung without any.
"""

import cv2
import numpy as np
import numpy.typing as npt

from ai_engine.ct.high_attenuation import faint_limit
from ai_engine.ct.lungs import LEFT, RIGHT, LungMasks
from ai_engine.ct.morphology import Mask

SHELL = (2.2, 6.2)
DEEP = 10.0
"""mm below the surface, in each slice: the layer that is looked at (what lies above it is partial
volume of the chest wall in every lung), and from where on the lung's depth begins."""

FEWEST = 200
"""Voxels of the coarse grid in layer and depth, below which nothing is said."""


def surface_haze(lungs: LungMasks, found: Mask) -> float:
    """How much more of a lung's surface layer than of its depth is hazy and was not found.

    Parameters
    ----------
    lungs
        The lungs.
    found
        What was found to be inhomogeneous, on the coarse grid.

    Returns
    -------
    float
        A difference of shares, 0 to 1, of the lung in which it is larger; about 0 in healthy lungs.
    """
    hazy = (lungs.grid.hounsfield > faint_limit(lungs)) & ~found
    return max(_excess(lungs.coarse_labels == side, hazy, lungs) for side in (RIGHT, LEFT))


def _excess(lung: Mask, hazy: Mask, lungs: LungMasks) -> float:
    below = [_eroded(lung, radius, lungs) for radius in (*SHELL, DEEP)]
    layer, depth = below[0] & ~below[1], below[2]
    if min(np.count_nonzero(layer), np.count_nonzero(depth)) < FEWEST:
        return 0.0
    return max(0.0, float(hazy[layer].mean()) - float(hazy[depth].mean()))


def _eroded(lung: Mask, radius: float, lungs: LungMasks) -> npt.NDArray[np.bool_]:
    """What lies deeper than a radius in mm, slice by slice."""
    _, height, width = lungs.grid.spacing
    size = (2 * round(radius / width) + 1, 2 * round(radius / height) + 1)
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, size)
    planes = lung.view(np.uint8)
    return np.stack([cv2.erode(plane, brush, borderValue=0) for plane in planes]) > 0
