"""What a reader must know before using a series' figures."""

import numpy as np

from ai_engine.ct.inhomogeneity import is_small
from ai_engine.ct.lungs import LungMasks
from ai_engine.ct.results import Caution, LungMeasurement, Side
from ai_engine.ct.volume import CtVolume

CUT_AREA = 300.0
"""mm² of lung in the first or last slice, or along the image's sides, from which it is cut off."""

THICKEST = 3.0
"""mm between slices above which small lesions may lie between them."""

INFLATED = -700.0
"""Mean Hounsfield units that lungs in inspiration stay below."""


def find_cautions(volume: CtVolume, lungs: LungMasks, both: LungMeasurement) -> tuple[Caution, ...]:
    """The cautions that apply, in the order of `Caution`; ``both`` is both lungs' measurement."""
    applies = {
        Caution.CUT_OFF: _is_cut_off(lungs),
        Caution.CONTRAST: volume.contrast,
        Caution.THICK: volume.geometry.spacing[0] > THICKEST,
        Caution.NOT_INFLATED: (both.mean_hounsfield or 0.0) > INFLATED,
        Caution.RIGHT_SMALL: is_small(Side.RIGHT, lungs),
        Caution.LEFT_SMALL: is_small(Side.LEFT, lungs),
    }
    return tuple(caution for caution in Caution if applies[caution])


def _is_cut_off(lungs: LungMasks) -> bool:
    inside = lungs.coarse_labels > 0
    _, height, width = lungs.grid.spacing
    step = lungs.grid.spacing[0]
    areas = (
        np.count_nonzero(inside[0]) * height * width,
        np.count_nonzero(inside[-1]) * height * width,
        np.count_nonzero(inside[:, [0, -1]]) * step * width,
        np.count_nonzero(inside[:, :, [0, -1]]) * step * height,
    )
    return bool(max(areas) >= CUT_AREA)
