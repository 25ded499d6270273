"""Whether lungs begin as apices do: in a dome, whose section grows slice by slice.

An apex that is airless up to a level, by a tumour or fluid, is missing from what is found, and
where nothing aerated lies above it nothing says so but the flat section that the lung begins with.
"""

import numpy as np

from ai_engine.ct.lungs import LEFT, RIGHT, LungMasks

GROWTH = (800.0, 250.0)
"""mm², and mm² for each mm between slices, that a lung's section grows by at most in its first
slices: a dome with a radius of 4 cm grows by 250 mm² a mm. In six chests it is half of that."""

FIRST = 3
"""Slices of the coarse grid that are looked at: the first may be half empty."""


def begins_at_level(lungs: LungMasks) -> bool:
    """Whether a lung's section is wide at once where it begins, below the scan's first slice."""
    step, height, width = lungs.grid.spacing
    limit = GROWTH[0] + GROWTH[1] * step
    for side in (RIGHT, LEFT):
        sections = np.count_nonzero(lungs.coarse_labels == side, axis=(1, 2)) * height * width
        levels = np.flatnonzero(sections)
        if not len(levels) or levels[0] == 0:
            continue
        first = int(levels[0])
        if np.diff(sections[first - 1 : first + FIRST]).max() > limit:
            return True
    return False
