"""Which way the skeleton lies: spine behind, and ribs that fall from the back to the front.

Spine and breast bone tell front from back. Each rib leaves the spine higher than it ends in front
(its obliquity), whatever the lungs hold: seen from the side, ribs that fall backwards mean that
either front and back or head and feet are stated in reverse. Whichever two of front, head and the
ribs' fall are known give the third.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ai_engine.ct.morphology import Mask, dilate, remove_thin
from ai_engine.ct.thorax import BONE, ORGAN, Thorax

MIDLINE = 35.0
"""mm on both sides of the midline in which spine and breast bone lie."""

LEAST_BONE = 2.0
"""ml of bone there below which nothing is said."""

UPPER, LOWER = 0.2, 0.8
"""Parts of the lungs' height between which ribs are looked at: collar bones, shoulder blades and
the first ribs lie otherwise."""

OUTER = 10.0
WALL = 20.0
"""mm beyond a lung's middle, away from the midline, from which ribs are seen from the side; and mm
around the lung, seen from above, that its ribs lie within."""

DENSEST = 500.0
"""Hounsfield units from which bone counts no more: metal."""

STEP = 4.0
"""mm of the picture from the side."""

LEAST_RIBS = 25
"""Pixels of ribs in both pictures from the side below which nothing is said."""

Picture = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class SkeletonAxes:
    """What the skeleton says of a chest that is turned as its header says.

    ``spine`` is how much more of the thin bone at the midline lies behind than in front, ``fall``
    how much more the ribs fall to the front than to the back: both from -1 (the other way round) to
    1, and 0 where too little is seen.
    """

    spine: float
    fall: float


def skeleton_axes(thorax: Thorax, lungs: tuple[Mask, Mask]) -> SkeletonAxes:
    """Look at spine, breast bone and ribs; ``lungs`` are on the thorax's grid."""
    return SkeletonAxes(spine=_spine(thorax, lungs), fall=_fall(thorax, lungs))


def _spine(thorax: Thorax, lungs: tuple[Mask, Mask]) -> float:
    """Of bone at the midline, thin parts alone: a heart full of contrast agent has none."""
    either = lungs[0] | lungs[1]
    levels = np.flatnonzero(either.any(axis=(1, 2)))
    grid = thorax.grid
    bone = grid.hounsfield > BONE
    thick = remove_thin(bone, ORGAN, grid.spacing)
    thin = bone & ~dilate(thick, grid.spacing[1], grid.spacing)
    thin &= np.abs(thorax.away) <= MIDLINE
    rows = np.arange(bone.shape[1])
    middle = np.average(rows, weights=either.sum(axis=(0, 2)))
    each = np.count_nonzero(thin[levels[0] : levels[-1] + 1], axis=(0, 2))
    front, back = int(each[rows < middle].sum()), int(each[rows > middle].sum())
    if (front + back) * grid.voxel_ml < LEAST_BONE:
        return 0.0
    return (back - front) / (back + front)


def _fall(thorax: Thorax, lungs: tuple[Mask, Mask]) -> float:
    """The direction of the edges in pictures of the ribs from both sides.

    The mean product of a picture's slopes along height and depth, over their mean square: the
    structure tensor's element off the diagonal (Bigün and Granlund, 1987).
    """
    pictures = [picture for lung in lungs if (picture := _from_the_side(thorax, lung)) is not None]
    if sum(np.count_nonzero(picture) for picture in pictures) < LEAST_RIBS:
        return 0.0
    product = square = 0.0
    for picture in pictures:
        smooth = ndimage.gaussian_filter(np.sqrt(picture), 1.0)
        down, back = np.gradient(smooth)
        product += float((down * back).sum())
        square += float((down**2 + back**2).sum())
    return 2 * product / square if square > 0 else 0.0


def _from_the_side(thorax: Thorax, lung: Mask) -> Picture | None:
    """How much bone lies beside the outer half of a lung: (height, depth) in steps of 4 mm."""
    levels = np.flatnonzero(lung.any(axis=(1, 2)))
    if not len(levels):
        return None
    grid = thorax.grid
    first, last = (int(levels[0] + part * (levels[-1] - levels[0])) for part in (UPPER, LOWER))
    away = thorax.away[first : last + 1, 0, :]
    columns = np.arange(lung.shape[2])
    centre = np.average(columns, weights=lung.sum(axis=(0, 1)))
    sign = np.sign(np.interp(centre, columns, away.mean(axis=0)))
    outer = (columns - centre) * sign * grid.spacing[2] > OUTER
    shadow = np.asarray(lung.any(axis=0))[None]
    wall = dilate(shadow, WALL, grid.spacing)[0] & outer[None, :]
    bone = np.clip(grid.hounsfield[first : last + 1], BONE, DENSEST).astype(np.float32) - BONE
    seen = (bone * wall).sum(axis=2)
    height = max(2, round(seen.shape[0] * grid.spacing[0] / STEP))
    depth = max(2, round(seen.shape[1] * grid.spacing[1] / STEP))
    return np.asarray(cv2.resize(seen, (depth, height), interpolation=cv2.INTER_LINEAR))
