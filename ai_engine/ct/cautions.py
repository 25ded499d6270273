"""What a reader must know before using a series' figures."""

import cv2
import numpy as np
from scipy import ndimage

from ai_engine.ct.air import padding
from ai_engine.ct.apices import begins_at_level
from ai_engine.ct.body_axes import has_heart_on_the_right, is_orientation_unsure
from ai_engine.ct.contrast import has_contrast
from ai_engine.ct.fine_lines import line_share
from ai_engine.ct.gas import THICK
from ai_engine.ct.grid import reduce_mask
from ai_engine.ct.high_attenuation import usual_density
from ai_engine.ct.inhomogeneity import is_small
from ai_engine.ct.lungs import LEFT, RIGHT, LungMasks
from ai_engine.ct.morphology import Mask
from ai_engine.ct.noise import tissue_noise
from ai_engine.ct.pleural_layer import pleural_layer
from ai_engine.ct.results import Caution, LungMeasurement, Side
from ai_engine.ct.skeleton_axes import SkeletonAxes
from ai_engine.ct.solid_lung import solid_lung
from ai_engine.ct.surface_edge import late_beginning
from ai_engine.ct.surface_haze import surface_haze
from ai_engine.ct.volume import CtVolume

CUT_AREA = 300.0
"""mm² of lung in the first or last slice, or along the image's sides, from which it is cut off."""

THICKEST = 3.0
"""mm between slices above which small lesions may lie between them."""

NOISE = 60.0
"""Hounsfield units of noise in voxels of the coarse grid. Six scans have 7 to 48; at 50 noise alone
makes 0.6 % of a lung hazy, at 80 it makes 6 % of one solid."""

INFLATED = -700.0
"""Mean Hounsfield units that lungs in inspiration stay below."""


GAS_ML = 20.0
"""ml of gas alone in the chest from which a pneumothorax or a bulla is pointed out."""

USUAL = -760.0
CLEAR = -800.0
"""Hounsfield units that a lung's usual density and 15th percentile stay below in inspiration."""

FILLED = 0.5
"""Part of the space inside the ribs, at the levels of the carina and five centimetres below it,
that both lungs fill at least; heart and mediastinum fill a third."""

RIND = 10.5
RIND_ML = 50.0
"""mm between ribs and aerated lung above which something lies between (on a grid of 4 mm, 8 to 9
are usual), and ml of airless lung from which it was found."""

LAYER = 0.5
UNLIKE = (0.5, 0.4)
"""mm by which the lung may keep away from the ribs at full resolution, and mm or pixels, where they
are more, by which it may keep farther than the other lung: 0 and less, and 0.0 to 0.3 pixels, are
usual in six chests with pixels of 0.5 to 3 mm."""

SURFACE_HAZE = 0.2
"""How much more of the lung right under its surface than of its depth may be hazy and not found."""

LATE = 0.1
"""mm by which a lung may begin later under its surface than the body ends at the skin; -0.1 and
less are usual."""

DARK = -950
DARK_SHARE = 0.05
DARK_MEDIAN = 3
"""Hounsfield units of a median over so many voxels of the coarse grid each way, and part of the
lungs below them from which they are called dark. It is 0.00 to 0.02 in five scans of other people,
and 0.26 in a smoker's. Without the median noise alone makes it 0.11: half of its swings are dark.
Of thick slices each has its own median."""

LINES = 0.08
"""Part of the haze found that is denser than haze: of plain haze, vessels are 0.005 and less."""

BASES = 45.0
"""mm that one lung's base lies above the other's at most."""

BASE_ML = 5.0
"""ml of airless lung from which the base of a lung that ends at a level was found."""

TALL = (0.75, 1.9)
"""Height of both lungs over the root of width times depth: 1.08 to 1.33 in six chests, up to 1.8
where one lung is missing; half of it, or twice as much, where a distance is stated so."""

BROAD = (0.9, 2.2)
"""Width of both lungs over their depth, where neither is small: 1.23 to 1.39 in six chests; pixels
that are stated half or twice as wide as they are make half or twice of it."""

SOLID_ML = 5.0
"""ml from which solid lung was found, and more of it may lie at the heart."""

PLACES = 3
SCATTERED_SHARE = 0.01
"""Places and share of one lung from which solid lung is scattered: of patches all over a lung those
at heart, mediastinum and diaphragm, up to half of them, are not found."""

Measurements = tuple[LungMeasurement, LungMeasurement, LungMeasurement]


def find_cautions(
    volume: CtVolume, lungs: LungMasks, axes: SkeletonAxes, found: Mask, measurements: Measurements
) -> tuple[Caution, ...]:
    """The cautions that apply, in the order of `Caution`; ``found`` is the inhomogeneity."""
    both = measurements[2]
    coarse = reduce_mask(found, lungs.grid)
    solid = solid_lung(lungs, coarse)
    airless = np.count_nonzero(lungs.cavity.right | lungs.cavity.left)
    airless_ml = float(airless) * lungs.grid.voxel_ml
    mean, clearest = both.mean_hounsfield or 0.0, both.percentile_15 or 0.0
    one_sided = any((one.mean_hounsfield or 0.0) <= INFLATED for one in measurements[:2])
    applies = {
        Caution.CUT_OFF: _is_cut_off(lungs),
        Caution.CONTRAST: volume.contrast,
        Caution.CONTRAST_SEEN: not volume.contrast and has_contrast(lungs),
        Caution.ORIENTATION: is_orientation_unsure(lungs, axes),
        Caution.HEART_RIGHT: has_heart_on_the_right(lungs),
        Caution.THICK: volume.geometry.spacing[0] > THICKEST,
        Caution.NOISY: tissue_noise(lungs.grid) > NOISE,
        Caution.NOT_INFLATED: mean > INFLATED and not one_sided,
        Caution.ONE_SIDED: mean > INFLATED and one_sided,
        Caution.DIFFUSE: usual_density(lungs) > USUAL or clearest > CLEAR,
        Caution.PNEUMOTHORAX: lungs.gas.in_chest_ml >= GAS_ML,
        Caution.CAVITY: bool(lungs.gas.cavities.any()),
        Caution.DARK: _is_dark(lungs),
        Caution.ENDS_EARLY: _ends_early(lungs),
        Caution.BEGINS_LATE: begins_at_level(lungs),
        Caution.BOTH_BASES: all(lungs.cavity.ends),
        Caution.RIND: _has_a_rind(volume, lungs),
        Caution.SURFACE_HAZE: surface_haze(lungs, coarse) > SURFACE_HAZE
        or late_beginning(volume, lungs, found) > LATE,
        Caution.FINE_LINES: line_share(volume, lungs, found) > LINES,
        Caution.SOLID_BORDER: airless_ml >= SOLID_ML or solid.total_ml >= SOLID_ML,
        Caution.SCATTERED: solid.places >= PLACES and solid.share >= SCATTERED_SHARE,
        Caution.SHAPE: _is_misshapen(lungs),
        Caution.RIBS_EMPTY: _ribs_are_empty(lungs),
        Caution.BASE_UNSURE: lungs.cavity.is_unsure,
        Caution.RIGHT_SMALL: is_small(Side.RIGHT, lungs),
        Caution.LEFT_SMALL: is_small(Side.LEFT, lungs),
    }
    return tuple(caution for caution in Caution if applies[caution])


def _has_a_rind(volume: CtVolume, lungs: LungMasks) -> bool:
    """Whether a lung keeps away from the ribs, and no airless part of it says why."""
    cavity = lungs.cavity
    found = [
        float(np.count_nonzero(part)) * lungs.grid.voxel_ml for part in (cavity.right, cavity.left)
    ]
    is_wide = any(
        rind > RIND and millilitres < RIND_ML
        for rind, millilitres in zip(cavity.rinds, found, strict=True)
    )
    layers = [
        pleural_layer(volume, lungs, side) if millilitres < RIND_ML else np.nan
        for side, millilitres in zip((RIGHT, LEFT), found, strict=True)
    ]
    unlike = max(UNLIKE[0], UNLIKE[1] * volume.geometry.spacing[1])
    is_unlike = abs(layers[0] - layers[1]) > unlike
    return is_wide or is_unlike or any(layer > LAYER for layer in layers)


def _is_dark(lungs: LungMasks) -> bool:
    """Whether much of the lungs holds hardly any tissue."""
    grid, inside = lungs.grid, lungs.coarse_labels > 0
    middle = np.stack([cv2.medianBlur(plane, DARK_MEDIAN) for plane in grid.hounsfield])
    if grid.spacing[0] <= THICK:
        middle = ndimage.median_filter(middle, size=(DARK_MEDIAN, 1, 1))
    return bool(inside.any()) and float(np.mean(middle[inside] < DARK)) > DARK_SHARE


def _ends_early(lungs: LungMasks) -> bool:
    """Whether a lung ends at a level and nothing was found below, or far above the other one."""
    airless = (lungs.cavity.right, lungs.cavity.left)
    if any(
        ends and np.count_nonzero(part) * lungs.grid.voxel_ml < BASE_ML
        for ends, part in zip(lungs.cavity.ends, airless, strict=True)
    ):
        return True
    lowest = [np.flatnonzero((lungs.coarse_labels == side).any(axis=(1, 2))) for side in (1, 2)]
    if not all(len(levels) for levels in lowest):
        return True
    return bool(abs(lowest[0][-1] - lowest[1][-1]) * lungs.grid.spacing[0] > BASES)


def _ribs_are_empty(lungs: LungMasks) -> bool:
    """Whether the lungs fill little of the space inside the ribs where there is no diaphragm."""
    thorax = lungs.cavity.thorax
    if thorax.carina is None:
        return False
    chest = slice(thorax.carina, thorax.carina + max(1, thorax.levels(50.0)))
    each = thorax.grid.slices_each
    inside = np.count_nonzero(thorax.cavities[0][chest] | thorax.cavities[1][chest])
    found = np.count_nonzero(lungs.coarse_labels[chest.start * each : chest.stop * each])
    room = inside * thorax.grid.voxel_ml
    return bool(room > 0 and found * lungs.grid.voxel_ml < FILLED * room)


def _beside(mask: Mask) -> Mask:
    """A mask with the voxels beside it in its slices, beyond those that it half fills."""
    brush = np.ones((5, 5), np.uint8)
    return np.stack([cv2.dilate(plane.view(np.uint8), brush) for plane in mask]) > 0


def _is_misshapen(lungs: LungMasks) -> bool:
    """Whether the lungs are too tall or flat, or too broad or deep, for any chest."""
    if _is_cut_off(lungs):
        return False
    inside = lungs.coarse_labels > 0
    height, depth, width = (
        float(np.ptp(np.flatnonzero(inside.any(axis=others))) + 1) * step
        for others, step in zip(((1, 2), (0, 2), (0, 1)), lungs.grid.spacing, strict=True)
    )
    if not TALL[0] < height / float(np.sqrt(width * depth)) < TALL[1]:
        return True
    one_is_small = any(is_small(side, lungs) for side in (Side.RIGHT, Side.LEFT))
    return not one_is_small and not BROAD[0] < width / depth < BROAD[1]


def _is_cut_off(lungs: LungMasks) -> bool:
    inside = lungs.coarse_labels > 0
    _, height, width = lungs.grid.spacing
    step = lungs.grid.spacing[0]
    areas = (
        np.count_nonzero(inside[0]) * height * width,
        np.count_nonzero(inside[-1]) * height * width,
        np.count_nonzero(inside[:, [0, -1]]) * step * width,
        np.count_nonzero(inside[:, :, [0, -1]]) * step * height,
        np.count_nonzero(inside & _beside(padding(lungs.grid))) * step * width / 2,
    )
    return bool(max(areas) >= CUT_AREA)
