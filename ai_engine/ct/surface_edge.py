"""How sharply the lung begins under its surface: a rind of haze makes it begin late.

From the chest wall inwards density falls to that of lung within the blur of the scan, and the same
blur lies between skin and air: whatever kernel and pixel size, a healthy lung begins as sharply as
the body ends. A rind of haze, however thin and whatever its density, makes the fall longer. It
may be thinner than what is measured (`high_attenuation`) and than what `surface_haze` can see.
"""

from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ai_engine.ct.air import LUNG_WALL
from ai_engine.ct.lungs import LEFT, RIGHT, Labels, LungMasks
from ai_engine.ct.morphology import Mask
from ai_engine.ct.pleural_layer import LATERAL, LEVELS
from ai_engine.ct.volume import CtVolume, Hounsfield

EVERY = 8.0
"""mm between the slices that are looked at."""

BANDS = 3
"""Parts of each lung's surface from front to back that are looked at by themselves."""

DEPTH = 15
DEEP = slice(7, 12)
"""Pixels below the surface that are looked at, and those whose density is the lung's own."""

FALLEN = 0.8
"""Part of the way from `LUNG_WALL` to the lung's own density at whose depth the lung begins."""

DARKEST = -900.0
"""Hounsfield units of the darkest lung whose surface is waited for: a core darker than that, as in
emphysema, says nothing of what lies over it."""

FEWEST = 200
"""Pixels of one depth below which nothing is said of it."""

REACH = 4.0
"""mm around the lungs in which their surface is looked for."""

FOUND = 6.0
"""mm around what was found in which nothing is said."""

SOFTEST = (2.0, 2.6)
"""mm, or pixels where these are more, that skin takes at most: beyond it is cloth."""

Depths = list[list[Hounsfield]]


def late_beginning(volume: CtVolume, lungs: LungMasks, found: Mask) -> float:
    """Return mm by which a part of a lung's surface begins later than the body ends.

    At most 0 in healthy lungs: their surface is measured where it bends outwards as the skin's
    does, and fat is less dense than muscle. ``found`` is what was found, at full resolution.
    """
    pixel = volume.geometry.spacing[1]
    levels = _levels(lungs.labels > 0, volume)
    usual = min(_skin(volume, lungs.labels, levels), max(SOFTEST[0] / pixel, SOFTEST[1]))
    depths = [
        depth
        for side in (RIGHT, LEFT)
        for depth in _beginnings(volume, lungs.labels, side, found)
        if np.isfinite(depth)
    ]
    return max((depth - usual for depth in depths), default=0.0) * pixel


def _levels(lung: Mask, volume: CtVolume) -> npt.NDArray[np.intp]:
    levels = np.flatnonzero(lung.any(axis=(1, 2)))
    first, last = (round(len(levels) * part) for part in LEVELS)
    return levels[first : last : max(1, round(EVERY / volume.geometry.spacing[0]))]


def _beginnings(volume: CtVolume, labels: Labels, side: int, found: Mask) -> list[float]:
    """Pixels below the surface at which one lung begins, in each of the bands."""
    bands: list[Depths] = [[[] for _ in range(DEPTH)] for _ in range(BANDS)]
    pixel = volume.geometry.spacing[1]
    for level in _levels(labels == side, volume):
        own = labels[level] == side
        smooth = np.asarray(cv2.blur(volume.hounsfield[level], (3, 3)))
        lung = ndimage.binary_fill_holes(_dilated(own, REACH / pixel) & (smooth < LUNG_WALL))
        columns = np.flatnonzero((labels[level] > 0).any(axis=0))
        middle, half = float(columns.mean()), max(1.0, (columns[-1] - columns[0]) / 2)
        lateral = np.abs(np.arange(own.shape[1]) - middle) / half > LATERAL
        seen = np.asarray(lung) & lateral & ~_dilated(found[level], FOUND / pixel)
        rows = np.flatnonzero(own.any(axis=1))
        edges = np.linspace(rows[0], rows[-1] + 1, BANDS + 1).astype(int)
        for band, (top, bottom) in enumerate(pairwise(edges)):
            part = np.zeros_like(seen)
            part[top:bottom] = seen[top:bottom]
            _gather(bands[band], np.asarray(lung), part, smooth)
    return [_beginning(each, DARKEST) for each in bands]


def _skin(volume: CtVolume, labels: Labels, levels: npt.NDArray[np.intp]) -> float:
    """Pixels in front of the skin at which air begins, the same way; infinite where none is."""
    depths: Depths = [[] for _ in range(DEPTH)]
    for level in levels:
        smooth = np.asarray(cv2.blur(volume.hounsfield[level], (3, 3)))
        _, parts = cv2.connectedComponents((smooth < LUNG_WALL).view(np.uint8))
        sides = np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]])
        around = np.isin(parts, np.setdiff1d(sides, [0]))
        middle = round(float(np.flatnonzero((labels[level] > 0).any(axis=1)).mean()))
        front = around.copy()
        # The table is behind, or in front of a patient who lies face down.
        if volume.geometry.back_is_high:
            front[middle:] = False
        else:
            front[:middle] = False
        _gather(depths, around, front, smooth)
    depth = _beginning(depths)
    return depth if np.isfinite(depth) else np.inf


def _gather(depths: Depths, inside: Mask, seen: Mask, smooth: Hounsfield) -> None:
    """Add the densities of what is seen of a region to those of its depths, each a pixel thick."""
    away = cv2.distanceTransform(inside.view(np.uint8), cv2.DIST_L2, 5)[seen]
    values, pixels = smooth[seen], np.rint(np.minimum(away, DEPTH + 1)).astype(int)
    for depth in range(DEPTH):
        depths[depth].append(values[pixels == depth + 1])


def _beginning(depths: Depths, darkest: float = -np.inf) -> float:
    """Pixels below a surface at which density has fallen far enough; not a number where unknown."""
    values = [np.concatenate(each) if each else np.empty(0) for each in depths]
    if min(len(each) for each in values[: DEEP.stop]) < FEWEST:
        return np.nan
    usual = [float(np.median(each)) for each in values[: DEEP.stop]]
    deep = max(float(np.median(usual[DEEP])), darkest)
    limit = LUNG_WALL + FALLEN * (deep - LUNG_WALL)
    fallen = [LUNG_WALL, *usual]
    at = next((index for index, value in enumerate(fallen) if value <= limit), None)
    if not at:
        return np.nan
    return at - 1 + (fallen[at - 1] - limit) / (fallen[at - 1] - fallen[at])


def _dilated(mask: Mask, pixels: float) -> Mask:
    reach = max(1, round(pixels))
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return np.asarray(cv2.dilate(mask.view(np.uint8), brush)) > 0
