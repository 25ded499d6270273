"""Fine dense lines within haze, as in crazy paving: thinner than what the method measures.

Plain haze is of one density but for the vessels in it. Lines of thickened septa make it coarse:
some of it is then too dense to be haze, in nets too fine to be solid lung, and its borders, and
those of the lung, are found too narrow.
"""

import cv2
import numpy as np

from ai_engine.ct.grid import reduce_mask
from ai_engine.ct.lungs import LungMasks
from ai_engine.ct.morphology import Mask, dilate, erode, remove_thin
from ai_engine.ct.volume import CtVolume

LINE = -300
"""Hounsfield units, smoothed over three pixels, from which haze holds a line or a vessel."""

SOLID = -250
SOLID_RADIUS = 4.1
"""Hounsfield units and mm of radius from which lung is solid, not haze with lines."""

AWAY = 6.0
"""mm from solid lung and from the lung's surface within which partial volume looks like lines."""

LEAST_ML = 20.0
"""ml of haze below which nothing is said."""


def line_share(volume: CtVolume, lungs: LungMasks, found: Mask) -> float:
    """Return the share, 0 to 1, of the haze found that is denser than haze.

    Parameters
    ----------
    volume
        The volume.
    lungs
        Its lungs.
    found
        What was found to be inhomogeneous, at full resolution.
    """
    grid = lungs.grid
    coarse = reduce_mask(found, grid)
    solid = remove_thin(coarse & (grid.hounsfield > SOLID), SOLID_RADIUS, grid.spacing)
    inside = erode(lungs.coarse_labels > 0, AWAY, grid.spacing)
    haze = coarse & inside & ~dilate(solid, AWAY, grid.spacing)
    if np.count_nonzero(haze) * grid.voxel_ml < LEAST_ML:
        return 0.0
    pixels = lines = 0
    for index in np.flatnonzero(found.any(axis=(1, 2))):
        at = haze[grid.coarse_slice(int(index))]
        if not at.any():
            continue
        plane = volume.hounsfield[index]
        size = (plane.shape[1], plane.shape[0])
        seen = cv2.resize(at.view(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
        pixels += int(np.count_nonzero(seen))
        dense = np.asarray(cv2.blur(plane, (3, 3))) > LINE
        lines += int(np.count_nonzero(seen & dense))
    return lines / max(1, pixels)
