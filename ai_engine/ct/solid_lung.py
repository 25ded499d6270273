"""Solid lung among what was found: how much, and in how many places.

At heart, mediastinum and diaphragm density does not part it from them. The more places it is found
in, the likelier others of them lie there.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ai_engine.ct.high_attenuation import ANY_RADIUS
from ai_engine.ct.lungs import LEFT, RIGHT, LungMasks
from ai_engine.ct.morphology import Mask, remove_thin

SOLID = -250
"""Hounsfield units from which lung is solid."""

PLACE_ML = 1.0
PLACE_SHARE = 0.02
"""ml, a ball of 12 mm, and part of the largest, from which a solid part is a place of its own:
vessels beside a large one are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SolidLung:
    """How much of the lungs is solid: ml, in how many places, and the share of one lung (0 to 1).

    ``share`` is of the lung that has more of it.
    """

    total_ml: float
    places: int
    share: float


def solid_lung(lungs: LungMasks, found: Mask) -> SolidLung:
    """Measure what is solid of ``found``, on the coarse grid. Vessels within haze are thinner."""
    grid = lungs.grid
    solid = remove_thin(found & (grid.hounsfield > SOLID), ANY_RADIUS, grid.spacing)
    labels, _ = ndimage.label(solid)
    millilitres = np.bincount(labels.ravel())[1:] * grid.voxel_ml
    least = max(PLACE_ML, PLACE_SHARE * float(millilitres.max(initial=0.0)))
    own = [lungs.coarse_labels == side for side in (RIGHT, LEFT)]
    shares = (float(solid[lung].mean()) if lung.any() else 0.0 for lung in own)
    return SolidLung(
        total_ml=float(millilitres.sum()),
        places=int(np.count_nonzero(millilitres >= least)),
        share=max(shares),
    )
