"""Whether the heart and the great vessels hold contrast agent, whatever the header says of it."""

import numpy as np

from ai_engine.ct.body_axes import in_front
from ai_engine.ct.closing import between
from ai_engine.ct.lungs import LungMasks
from ai_engine.ct.morphology import remove_thin

ENHANCED = 130
"""Hounsfield units on a grid of 4 mm of blood with contrast agent; without any it has 30 to 70."""

THICK = 6.0
LEAST_ML = 30.0
"""mm of radius and ml from which what is so dense between the lungs is blood: calcium and breast
bone are less than 10 ml, blood with contrast agent some 400."""


def has_contrast(lungs: LungMasks) -> bool:
    """Whether much between the lungs, in front of their middle, is as dense as blood with agent."""
    thorax, (right, left) = lungs.cavity.thorax, lungs.cavity.lungs
    if not (right.any() and left.any()):
        return False
    dense = between(right, left) & in_front(right | left) & (thorax.grid.hounsfield > ENHANCED)
    thick = remove_thin(dense, THICK, thorax.grid.spacing)
    return bool(np.count_nonzero(thick) * thorax.grid.voxel_ml >= LEAST_ML)
