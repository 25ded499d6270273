"""The thorax around the lungs: midline, carina and the ribs' inner surface.

What stays where it is when lungs lose their air is bone and trachea. Here the cavity that ribs and
spine enclose is found without looking for air: from the middle of each half of the thorax rays are
cast to the first bone; ribs are oblique, so that a slab of three centimetres meets one in nearly
every direction, and what is missing between them is interpolated.

Everything is on a grid of about 4 mm, turned so that columns grow to the patient's left and rows to
the back.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ai_engine.ct.airways import find_carina
from ai_engine.ct.grid import CoarseGrid
from ai_engine.ct.morphology import Mask, dilate, fill_planes, remove_thin

BONE = 160
"""Hounsfield units from which a voxel of 4 mm is bone (or full of contrast agent)."""

SLAB = 30.0
"""mm of height in which a ray looks for a rib: neighbouring ribs are 25 to 30 mm apart."""

BEYOND = 18.0
"""mm that a rib of the slice itself may lie beyond the nearest one of the slab."""

ROUNDS = 2
"""Rays are cast again from the middle of what the first ones found: apices are narrow."""

SHIFT = 4
"""Fractional bits of the coordinates that OpenCV fills with."""

ANGLES = 96
REACH = 190.0
"""Rays around the middle of each half of the thorax, and how far in mm they look for bone."""

TISSUE = -300
"""Hounsfield units above which a voxel of 4 mm belongs to the body."""

ORGAN = 8.0
"""mm of radius from which something as dense as bone is an organ with contrast agent."""

SPINE = 14.0
"""mm on both sides of the midline in which vertebrae are."""

SKIN = 6.0
"""mm below the body's surface that no lung reaches."""

APEX = 40.0
NARROWER = 0.6
"""Of the distance from the midline, above the aerated lungs and in the first mm of them: apices are
narrow."""

BEGINS = 0.3
"""Part of the aerated lungs' height, from their top, within which the windpipe begins: in six
chests above them, and the carina lies at 0.25 to 0.33."""

WIDENING = 2.0
"""mm per mm of height by which the space inside the ribs widens at most, from the apex down."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Thorax:
    """Where the chest's walls are.

    ``midline`` is the spine's column for each slice; ``carina`` the slice in which the trachea
    ends, None where it wasn't found; ``cavities`` the spaces inside the ribs on the patient's right
    and left of the midline, mediastinum and what lies under the diaphragm included; ``half_width``
    mm from the midline to the ribs at the widest.
    """

    grid: CoarseGrid
    midline: Floats
    carina: int | None
    cavities: tuple[Mask, Mask]
    half_width: float

    @property
    def away(self) -> Floats:
        """mm from the midline, positive to the patient's left: (slices, 1, columns)."""
        columns = np.arange(self.grid.hounsfield.shape[2])
        return np.asarray(
            (columns[None, None, :] - self.midline[:, None, None]) * self.grid.spacing[2]
        )

    def levels(self, millimetres: float) -> int:
        """As many slices as these are."""
        return round(millimetres / self.grid.spacing[0])


def find_thorax(grid: CoarseGrid, aerated: tuple[Mask, Mask], airways: Mask) -> Thorax:
    """Find the thorax's walls.

    Parameters
    ----------
    grid
        Turned so that columns grow to the left and rows to the back.
    aerated
        The aerated right and left lung; either may be empty, not both.
    airways
        Trachea and main bronchi.
    """
    bone = grid.hounsfield > BONE
    midline = _midline(grid, bone)
    middles = _middles(grid, aerated, midline)
    ribs = _without_organs(grid, bone, midline)
    right, left = (_cavity(grid, ribs, midline, middles, sign) for sign in (-1, 1))
    widths = [np.ptp(np.flatnonzero(side.any(axis=(0, 1)))) for side in (right, left) if side.any()]
    half = float(max(widths, default=30)) * grid.spacing[2]
    return Thorax(
        grid=grid,
        midline=midline,
        carina=_carina(grid, aerated[0] | aerated[1], airways),
        cavities=(right, left),
        half_width=half,
    )


def _carina(grid: CoarseGrid, aerated: Mask, airways: Mask) -> int | None:
    """Where the trachea ends; None where what was taken for it begins below the apices.

    That is gas of stomach or colon: the windpipe is above the scan's first slice.
    """
    tubes = np.flatnonzero(airways.any(axis=(1, 2)))
    levels = np.flatnonzero(aerated.any(axis=(1, 2)))
    if not len(tubes) or tubes[0] > levels[0] + BEGINS * (levels[-1] - levels[0]):
        return None
    return find_carina(grid, airways)


def _without_organs(grid: CoarseGrid, bone: Mask, midline: Floats) -> Mask:
    """Without heart, spleen or kidneys full of contrast agent: ribs are thin, the spine central."""
    thick = dilate(remove_thin(bone, ORGAN, grid.spacing), grid.spacing[1], grid.spacing)
    away = np.abs(np.arange(bone.shape[2]) - midline[:, None]) * grid.spacing[2]
    return bone & ~(thick & (away > 2 * SPINE)[:, None, :])


def _midline(grid: CoarseGrid, bone: Mask) -> Floats:
    """The spine's column: the middle of the bone in the middle third of the body, smoothed."""
    body = np.flatnonzero((grid.hounsfield > TISSUE).any(axis=(0, 1)))
    first, last = (int(body[0]), int(body[-1])) if len(body) else (0, bone.shape[2] - 1)
    third = (last - first + 1) // 3
    counts = bone[:, :, first + third : last + 1 - third].sum(axis=1).astype(np.float64)
    smooth = ndimage.gaussian_filter1d(counts, max(1.0, 20.0 / grid.spacing[0]), axis=0) + 1e-6
    columns = np.arange(first + third, last + 1 - third)
    return np.asarray((smooth @ columns) / smooth.sum(axis=1))


def _middles(grid: CoarseGrid, aerated: tuple[Mask, Mask], midline: Floats) -> Floats:
    """mm from the midline and row of each half's middle, slice by slice, the same on both sides.

    They keep their distance from the spine, whose curve the thorax follows: the usual one of the
    aerated lungs, both mirrored onto each other, whatever part of them disease has taken.
    """
    columns, rows = np.arange(grid.hounsfield.shape[2]), np.arange(grid.hounsfield.shape[1])
    either, spine = aerated[0] | aerated[1], spine_rows(grid, midline)
    area = either.sum(axis=(1, 2)).astype(np.float64)
    known = np.flatnonzero(area)
    beside = np.abs(columns[None, :] - midline[:, None]) * grid.spacing[2]
    before = rows[None, :] - spine[:, None]
    away = np.array([np.average(beside[at], weights=either[at].sum(axis=0)) for at in known])
    behind = np.array([np.average(before[at], weights=either[at].sum(axis=1)) for at in known])
    middle = _weighted_median(away, area[known]), _weighted_median(behind, area[known])
    apex = np.arange(len(either)) < known[0] + APEX / grid.spacing[0]
    narrow = np.where(apex, NARROWER, 1.0)
    return np.stack([middle[0] * narrow, middle[1] + spine], axis=1)


def _weighted_median(values: Floats, weights: Floats) -> float:
    order = np.argsort(values)
    share = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][np.searchsorted(share, 0.5)])


def spine_rows(grid: CoarseGrid, midline: Floats) -> Floats:
    """The row of the spine on each slice, smoothed."""
    rows = np.arange(grid.hounsfield.shape[1])
    reach = max(1, round(SPINE / grid.spacing[2]))
    profile = np.array(
        [
            (plane[:, max(0, round(column) - reach) : round(column) + reach + 1] > BONE).sum(axis=1)
            for plane, column in zip(grid.hounsfield, midline, strict=True)
        ],
        dtype=np.float64,
    )
    body = np.flatnonzero((grid.hounsfield > TISSUE).any(axis=(0, 2)))
    profile[:, : int(body.mean()) if len(body) else 0] = 0.0  # the breast bone
    smooth = ndimage.gaussian_filter1d(profile, max(1.0, 12.0 / grid.spacing[0]), axis=0) + 1e-6
    return np.asarray((smooth @ rows) / smooth.sum(axis=1))


def _cavity(grid: CoarseGrid, bone: Mask, midline: Floats, middles: Floats, sign: int) -> Mask:
    """The space inside the ribs on one side of the midline."""
    _, height, width = grid.spacing
    centres = np.stack([midline + sign * middles[:, 0] / width, middles[:, 1]], axis=1)
    angles = np.linspace(0, 2 * np.pi, ANGLES, endpoint=False)
    for _ in range(ROUNDS):
        radii = _smooth(_first_bone(grid, bone, centres, angles), grid)
        x = centres[:, :1] + np.cos(angles) * radii / width
        y = centres[:, 1:] + np.sin(angles) * radii / height
        beside = np.where(sign * (x - midline[:, None]) >= 0, x, midline[:, None])
        middle = np.stack([beside.mean(axis=1), y.mean(axis=1)], axis=1)
        centres = ndimage.gaussian_filter1d(middle, max(1.0, 8.0 / grid.spacing[0]), axis=0)
    cavity = np.zeros(bone.shape, np.uint8)
    for plane, across, down in zip(cavity, x, y, strict=True):
        corners = np.rint(np.stack([across, down], axis=1) * 2**SHIFT).astype(np.int32)
        cv2.fillPoly(plane, [corners], 1, shift=SHIFT)
    columns = np.arange(bone.shape[2])
    own = sign * (columns[None, :] - midline[:, None]) >= 0
    return _narrowing((cavity > 0) & own[:, None, :] & _body(grid), grid)


def _narrowing(cavity: Mask, grid: CoarseGrid) -> Mask:
    """Without what a slice has far beyond the one below it: there the ray left the thorax."""
    reach = max(1, round(WIDENING * grid.spacing[0] / grid.spacing[1]))
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    widest = int(cavity.sum(axis=(1, 2)).argmax())
    narrowed = cavity.copy()
    for index in range(widest - 1, -1, -1):
        wider = cv2.dilate(narrowed[index + 1].view(np.uint8), brush)
        narrowed[index] &= np.asarray(wider) > 0
    return narrowed


def _body(grid: CoarseGrid) -> Mask:
    """The body without its skin: where there are no ribs, nothing else ends a ray."""
    reach = tuple(max(1, round(SKIN / step)) for step in grid.spacing[1:])
    brush = np.ones((2 * reach[0] + 1, 2 * reach[1] + 1), np.uint8)
    filled = fill_planes(grid.hounsfield > TISSUE).view(np.uint8)
    return np.stack([cv2.erode(plane, brush) for plane in filled]) > 0


def _first_bone(grid: CoarseGrid, bone: Mask, centres: Floats, angles: Floats) -> Floats:
    """mm from each slice's centre to the first bone in each direction; NaN where there is none.

    A bone counts only a little beyond the nearest one of the slab: what lies farther is shoulder
    blade, collar bone or arm, seen between two ribs.
    """
    _, height, width = grid.spacing
    slab = ndimage.maximum_filter1d(bone, max(1, round(SLAB / grid.spacing[0])), axis=0)
    reach = np.arange(2.0, REACH, min(height, width) / 2)
    down = np.sin(angles)[:, None] * reach / height
    across = np.cos(angles)[:, None] * reach / width
    radii = np.full((len(bone), len(angles)), np.nan)
    for index, (column, row) in enumerate(centres):
        rows = np.clip(np.rint(row + down).astype(int), 0, bone.shape[1] - 1)
        columns = np.clip(np.rint(column + across).astype(int), 0, bone.shape[2] - 1)
        own, near = bone[index][rows, columns], slab[index][rows, columns]
        first, nearest = reach[own.argmax(axis=1)], reach[near.argmax(axis=1)]
        is_rib = own.any(axis=1) & (first <= nearest + BEYOND)
        radii[index] = np.where(is_rib, first, np.nan)
    return radii


def _smooth(radii: Floats, grid: CoarseGrid) -> Floats:
    """Without gaps between the ribs, and without single rays that found another bone."""
    gap = SLAB / grid.spacing[0]
    levels = np.arange(len(radii))
    filled = radii.copy()
    for angle in range(ANGLES):
        known = np.flatnonzero(np.isfinite(radii[:, angle]))
        if len(known) > 1:
            after = np.searchsorted(known, levels).clip(1, len(known) - 1)
            between = (levels >= known[0]) & (levels <= known[-1])
            between &= known[after] - known[after - 1] <= gap
            every = np.interp(levels, known, radii[known, angle])
            filled[:, angle] = np.where(between, every, filled[:, angle])
    rows = [index for index in levels if np.isfinite(filled[index]).sum() >= ANGLES // 4]
    if not rows:
        return np.full_like(radii, 2.0)
    for index in rows:
        known = np.flatnonzero(np.isfinite(filled[index]))
        around = np.concatenate([known - ANGLES, known, known + ANGLES])
        filled[index] = np.interp(np.arange(ANGLES), around, np.tile(filled[index][known], 3))
    nearest = np.abs(levels[:, None] - np.array(rows)).argmin(axis=1)
    filled = filled[np.array(rows)[nearest]]
    tall = 2 * max(1, round(6.0 / grid.spacing[0])) + 1
    wrapped = np.concatenate([filled[:, -2:], filled, filled[:, :2]], axis=1)
    return np.asarray(ndimage.median_filter(wrapped, size=(tall, 5), mode="nearest")[:, 2:-2])
