"""What lies between ribs and aerated lung at full resolution: thickened pleura, thin fluid.

A layer of a few millimetres is thinner than what the method finds (`airless`), and too thin for the
grid on which the lungs' distance from the ribs is known (`Cavity.rinds`). In a healthy chest the
lung begins right at the ribs, two pixels from the bone's blurred edge at any pixel size.
"""

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

from ai_engine.ct.air import LUNG_WALL
from ai_engine.ct.lungs import LungMasks
from ai_engine.ct.morphology import Mask
from ai_engine.ct.volume import CtVolume, Hounsfield

BONE = 150
"""Hounsfield units of ribs, smoothed."""

RIB = (15.0, 600.0)
"""mm² of a rib's section: less is noise or calcium, more is spine or shoulder."""

NEAR = 20.0
"""mm from the lung beyond which a bone is no rib of it."""

LATERAL = 0.45
"""From which part of the half width of both lungs on a bone counts: spine and sternum do not."""

EDGE = 2.0
"""Pixels between the bone's edge and the lung's in a healthy chest: both are smoothed by one."""

FEWEST = 20
"""Sections of ribs beside a lung below which nothing is said."""

LEAST_LUNG = 2000.0
"""mm² of a lung's section below which a slice says nothing."""

EVERY = 8.0
"""mm between the slices that are looked at."""

LEVELS = (1 / 8, 5 / 8)
"""Where in a lung's height, from its apex: below, the diaphragm lies at the ribs."""


def pleural_layer(volume: CtVolume, lungs: LungMasks, side: int) -> float:
    """Return mm by which the right (1) or left (2) lung usually keeps away from the ribs.

    0 and less in healthy chests; not a number where there are too few ribs to say.
    """
    levels = np.flatnonzero((lungs.labels == side).any(axis=(1, 2)))
    first, last = (round(len(levels) * part) for part in LEVELS)
    step = max(1, round(EVERY / volume.geometry.spacing[0]))
    found = [
        distance
        for level in levels[first:last:step]
        for distance in _distances(volume.hounsfield[level], lungs.labels[level], side, volume)
    ]
    if len(found) < FEWEST:
        return np.nan
    return float(np.median(found)) - EDGE * volume.geometry.spacing[1]


def _distances(
    plane: Hounsfield, labels: npt.NDArray[np.uint8], side: int, volume: CtVolume
) -> Iterator[float]:
    """Yield the distance of each rib's section from a lung's aerated part."""
    _, height, width = volume.geometry.spacing
    smooth = np.asarray(cv2.blur(plane, (3, 3)))
    aerated: Mask = (labels == side) & (smooth < LUNG_WALL)
    if np.count_nonzero(aerated) * height * width < LEAST_LUNG:
        return
    away = cv2.distanceTransform((~aerated).view(np.uint8), cv2.DIST_L2, 5) * height
    columns = np.flatnonzero((labels > 0).any(axis=0))
    middle, half = float(columns.mean()), max(1.0, (columns[-1] - columns[0]) / 2)
    bones = (smooth > BONE).view(np.uint8)
    count, sections, each, centres = cv2.connectedComponentsWithStats(bones)
    nearest = _nearest(away, np.asarray(sections, np.int32), count)
    for index in range(1, count):
        area = each[index, cv2.CC_STAT_AREA] * height * width
        is_lateral = abs(centres[index][0] - middle) / half > LATERAL
        if RIB[0] < area < RIB[1] and is_lateral and nearest[index] < NEAR:
            yield float(nearest[index])


def _nearest(
    away: npt.NDArray[np.float32], sections: npt.NDArray[np.int32], count: int
) -> npt.NDArray[np.float32]:
    """The least distance of each section's pixels; of 0, which is no section, infinity."""
    nearest = np.full(count, np.inf, away.dtype)
    pixels = np.flatnonzero(sections)
    np.minimum.at(nearest, sections.ravel()[pixels], away.ravel()[pixels])
    return nearest
