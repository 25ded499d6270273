"""Whether values are on the Hounsfield scale, whatever the header says: air is at -1000.

A rescale intercept that is wrong, lost or applied twice moves all densities, and thus what is lung,
haze or solid (PS3.3 C.11.1.1.2).
"""

import numpy as np

from ai_engine.ct.air import PADDING
from ai_engine.ct.grid import CoarseGrid
from ai_engine.ct.refusal import CtRefusalReason, CtRefusedError

LIGHT = -500
DARKEST = 1.0
AIR = -915.0
"""Hounsfield units below which there is lung or air; the per cent of it that is darkest, windpipe
and air around the body among it; and what that stays below: -990 and less are usual."""


def require_hounsfield(grid: CoarseGrid) -> None:
    """Refuse values among which the air is too dense.

    Raises
    ------
    CtRefusedError
        If it is.
    """
    light = grid.hounsfield[(grid.hounsfield > PADDING) & (grid.hounsfield < LIGHT)]
    if len(light) and np.percentile(light, DARKEST) > AIR:
        detail = "the air in the images is denser than air; the rescale intercept may be wrong"
        raise CtRefusedError(CtRefusalReason.NO_HOUNSFIELD_UNITS, detail)
