"""A chest CT as a radiograph with and without the bones of its chest wall.

Of each voxel's attenuation, what bone adds to soft tissue is kept apart; both are summed along the
rays of one exposure. Ribs, clavicles, shoulder blades, sternum and arms count as bones, the spine
does not: behind the heart it is not what hides lung, and how bright it makes the mediastinum is
told by nothing else on a radiograph.
"""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ai_engine.ct.lesion_sets import ChestVolume
from ai_engine.ct.morphology import Mask, dilate, erode
from ai_engine.preprocessing.geometry import FloatImage

SIDE = 256
"""Rows and columns of a projection."""

BONE = 180.0
"""Hounsfield units, smoothed, above which tissue of the chest wall is bone."""

SOFT = 40.0
"""Hounsfield units that take the place of bone."""

SMALLEST = 500.0
"""mm³ below which what is dense is noise or a calcification."""

RIM = 1.6
"""mm around bone in which a voxel holds some of it."""

WALL = 7.0
"""mm within the hull of the lungs, beyond which bone may lie."""

SPINE_HALF = 28.0
SPINE_FRONT = 35.0
"""mm to either side and in front of the middle of the spine's bone that are the spine's."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Projection:
    """Sums along the rays of one exposure, float32 (`SIDE`, `SIDE`), in cm of water.

    ``soft`` is of the chest whose bones are soft tissue, ``bones`` is what they add to it;
    ``lungs`` is bool, where a ray passes lung.
    """

    soft: FloatImage
    bones: FloatImage
    lungs: Mask


@dataclass(frozen=True, eq=False, kw_only=True)
class BonyChest:
    """A chest by coronal planes, front to back: float32 (planes, slices, columns), cm of water."""

    patient: str
    soft: npt.NDArray[np.float32]
    bones: npt.NDArray[np.float32]
    lungs: FloatImage
    spacing: tuple[float, float, float]

    @cached_property
    def box(self) -> tuple[float, float, float, float]:
        """Top, bottom, left and right of the lungs, in mm."""
        rows, columns = np.nonzero(self.lungs)
        along, _, across = self.spacing
        top, bottom = np.percentile(rows, (0.5, 99.5)) * along
        left, right = np.percentile(columns, (0.5, 99.5)) * across
        return float(top), float(bottom), float(left), float(right)

    def project(self, rng: np.random.Generator) -> Projection:
        """Expose it once: turned, from in front or behind, by a source one to two metres away.

        Each coronal plane is moved and enlarged as the rays through it spread, so that turning is
        a shear: as good as a turn for the few degrees by which people stand askew.
        """
        top, bottom, left, right = self.box
        side = max(bottom - top, right - left) * rng.uniform(1.04, 1.32)
        scale = SIDE / side * np.exp(rng.uniform(-0.08, 0.08, 2))
        middle = np.array(
            [
                (left + right) / 2 + rng.uniform(-0.03, 0.03) * (right - left),
                (top + bottom) / 2 + rng.uniform(-0.04, 0.04) * (bottom - top),
            ]
        )
        askew = np.tan(np.radians(rng.uniform(-1, 1, 2) * (9, 14)))
        roll = np.radians(rng.uniform(-5, 5))
        turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
        source, behind = rng.uniform(1000, 1900), rng.random() < 0.5
        along, deep, across = self.spacing
        made = np.zeros((2, SIDE, SIDE), np.float32)
        for plane in range(len(self.soft)):
            depth = (plane - len(self.soft) / 2) * deep
            spread = source / (source + (depth if behind else -depth))
            matrix = np.zeros((2, 3))
            linear = (scale * spread)[:, np.newaxis] * turn
            matrix[:, :2] = linear * (across, along)
            matrix[:, 2] = SIDE / 2 - linear @ (middle - askew * depth)
            made[0] += _moved(self.soft[plane], matrix)
            if self.bones[plane].any():
                made[1] += _moved(self.bones[plane], matrix)
        flat = np.zeros((2, 3))
        flat[:, :2] = scale[:, np.newaxis] * turn * (across, along)
        flat[:, 2] = SIDE / 2 - scale * (turn @ middle)
        return Projection(soft=made[0], bones=made[1], lungs=_moved(self.lungs, flat) > 0)


def bony_chest(patient: str, chest: ChestVolume, bones: Mask | None = None) -> BonyChest:
    """Take the bones of the chest wall out of a volume.

    Parameters
    ----------
    patient
        Whose it is.
    chest
        The volume and its lungs.
    bones
        Its bones, where they are known; what is dense otherwise.
    """
    values = np.maximum(chest.hounsfield.astype(np.float32), -1000)
    cage = _cage(_dense(values, chest) if bones is None else bones, chest)
    soft = np.where(cage, np.minimum(values, SOFT), values)
    deep = chest.spacing[1] / 10
    water = ((1 + soft / 1000) * deep).transpose(1, 0, 2)
    excess = ((values - soft) / 1000 * deep).transpose(1, 0, 2)
    return BonyChest(
        patient=patient,
        soft=np.ascontiguousarray(water, np.float32),
        bones=np.ascontiguousarray(excess, np.float32),
        lungs=(chest.lungs.sum(axis=1) * chest.spacing[1] > 8).astype(np.float32),
        spacing=chest.spacing,
    )


def _dense(values: npt.NDArray[np.float32], chest: ChestVolume) -> Mask:
    """What is as dense as bone, in pieces that are large enough."""
    smooth = ndimage.gaussian_filter(values, [1.0 / step for step in chest.spacing])
    pieces, _ = ndimage.label(smooth > BONE)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return np.asarray(sizes[pieces] * np.prod(chest.spacing) > SMALLEST)


def _cage(bones: Mask, chest: ChestVolume) -> Mask:
    """Bone and its rim, without the spine and without what lies between the lungs."""
    if not bones.any():
        return bones
    near = dilate(bones, RIM, chest.spacing)
    return near & ~_spine(bones, chest) & ~_between(chest)


def _spine(bones: Mask, chest: ChestVolume) -> Mask:
    """A tube around the bone in the middle of the back, slice by slice."""
    slices, rows, columns = bones.shape
    _, deep, across = chest.spacing
    _, y, x = np.nonzero(chest.lungs)
    middle, half = float(np.median(x)) if not len(x) else (x.min() + x.max()) / 2, y.mean()
    places = np.full((slices, 2), np.nan)
    for index, plane in enumerate(bones):
        found = np.argwhere(plane)
        kept = found[(found[:, 0] > half) & (np.abs(found[:, 1] - middle) * across < 45)]
        if len(kept) * deep * across > 40:
            places[index] = kept.mean(axis=0)
    places = np.where(np.isnan(places), np.nanmedian(places, axis=0), places)
    smooth = ndimage.gaussian_filter1d(ndimage.median_filter(places, (9, 1)), 4, axis=0)
    at_row, at_column = (smooth[:, axis, np.newaxis, np.newaxis] for axis in (0, 1))
    beside = np.abs(np.arange(columns) - at_column) * across < SPINE_HALF
    behind = (np.arange(rows)[:, np.newaxis] - at_row) * deep > -SPINE_FRONT
    return np.asarray(beside & behind)


def _between(chest: ChestVolume) -> Mask:
    """The inside of the lungs' outer hull: heart, vessels, calcified nodes."""
    hull = np.zeros(chest.lungs.shape, np.uint8)
    for plane, drawn in zip(chest.lungs, hull, strict=True):
        points = np.argwhere(plane)[:, ::-1].astype(np.int32)
        if len(points) > 2:
            cv2.fillConvexPoly(drawn, cv2.convexHull(points), 1)
    return erode(hull.astype(bool), WALL, (chest.spacing[0] * 100, *chest.spacing[1:]))


def _moved(plane: npt.NDArray[np.float32], matrix: npt.NDArray[np.float64]) -> FloatImage:
    return np.asarray(
        cv2.warpAffine(plane, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE), np.float32
    )
