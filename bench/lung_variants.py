"""Chests to learn from: lungs that are known, moved and filled with drawn disease in many ways.

Each voxel of 4 mm is kept as what wall and what lung add to it, so that what fills the lung can be
exchanged without its border being drawn anew. Nothing of this is used on patients' images.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ai_engine.ct.lungs import LEFT, RIGHT, find_lungs
from ai_engine.ct.volume import CtVolume

SHAPE = (80, 80, 96)
STEP = 4.0
"""Voxels of a variant, and mm of each."""

FINE = 2.0
"""mm to which rows and columns are averaged before a chest is moved."""

Floats = npt.NDArray[np.float32]
Rng = np.random.Generator

_PLACES = ("level", "back", "rind", "ball", "patches", "plane", "base", "front")
_OFTEN = (0.17, 0.09, 0.22, 0.12, 0.22, 0.08, 0.06, 0.04)
_DOWN, _BACK, _LEFT = (
    axis.astype(np.float32) * np.float32(STEP)
    for axis in np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Chest:
    """What wall and lung add to each voxel (HU), and the right and left lung's part of it."""

    wall: Floats
    lung: Floats
    right: Floats
    left: Floats
    spacing: tuple[float, float, float]

    @property
    def inside(self) -> Floats:
        """Both lungs' part of each voxel."""
        return np.asarray(np.clip(self.right + self.left, 0.0, 1.0), np.float32)


def known_chest(volume: CtVolume) -> Chest:
    """A chest with the lungs that the classical method finds; rows grow to the back."""
    labels = find_lungs(volume).labels
    _, rows, columns = volume.geometry.shape
    step, height, width = volume.geometry.spacing
    times = max(1, round(FINE / height))
    size = columns // times, rows // times

    def averaged(planes: npt.NDArray[np.generic]) -> Floats:
        each = [
            cv2.resize(plane.astype(np.float32), size, interpolation=cv2.INTER_AREA)
            for plane in planes
        ]
        return np.stack(each)

    lung = averaged(volume.hounsfield * (labels > 0))
    return Chest(
        wall=averaged(volume.hounsfield) - lung,
        lung=lung,
        right=averaged(labels == RIGHT),
        left=averaged(labels == LEFT),
        spacing=(step, height * rows / size[1], width * columns / size[0]),
    )


def moved(chest: Chest, rng: Rng) -> Chest:
    """The chest turned, stretched, bent and sometimes mirrored, on `SHAPE`."""
    middle = [
        float(np.mean(np.flatnonzero((chest.inside > 0.5).any(axis=others))[[0, -1]]))
        for others in ((1, 2), (0, 2), (0, 1))
    ]
    scale = rng.uniform(0.85, 1.15) * rng.uniform(0.93, 1.07, 3) * np.array(chest.spacing)
    turn, tilt, off = (
        np.deg2rad(rng.uniform(-10, 10)),
        rng.uniform(-0.12, 0.12, 2),
        rng.uniform(-12, 12, 3),
    )
    across, down = np.meshgrid(*(_places(length) for length in (SHAPE[2], SHAPE[1])))
    bends = [noise(rng, 80.0, (2, *SHAPE[1:])) * rng.uniform(0, 5) for _ in range(2)]
    is_mirrored = rng.random() < 0.35
    beyond = {"wall": -1000.0, "lung": 0.0, "right": 0.0, "left": 0.0}
    made = {name: np.full(SHAPE, value, np.float32) for name, value in beyond.items()}
    source = {name: _blurred(getattr(chest, name), chest.spacing) for name in beyond}
    for at, height in enumerate(_places(SHAPE[0])):
        place = middle[0] + (height + off[0]) / scale[0]
        if not 0 <= place < len(chest.wall) - 1:
            continue
        low, part = int(place), np.float32(place - int(place))
        share = at / (SHAPE[0] - 1)
        bend = [each[0] * (1 - share) + each[1] * share for each in bends]
        x = np.cos(turn) * across - np.sin(turn) * down + off[2] + tilt[1] * height + bend[0]
        y = np.sin(turn) * across + np.cos(turn) * down + off[1] + tilt[0] * height + bend[1]
        columns = (middle[2] + (-x if is_mirrored else x) / scale[2]).astype(np.float32)
        rows = (middle[1] + y / scale[1]).astype(np.float32)
        for name, planes in source.items():
            plane = planes[low] * (1 - part) + planes[low + 1] * part
            made[name][at] = cv2.remap(
                plane, columns, rows, cv2.INTER_LINEAR, borderValue=(beyond[name],)
            )
    if is_mirrored:
        made["right"], made["left"] = made["left"], made["right"]
    return Chest(spacing=(STEP, STEP, STEP), **made)


def diseased(chest: Chest, rng: Rng) -> tuple[Floats, Floats, Floats]:
    """Hounsfield units, both lungs' parts (…, 2), and what each voxel counts.

    One chest in seven stays as it is.
    """
    inside = chest.inside
    lung = chest.lung + (inside * rng.uniform(-40, 120) if rng.random() < 0.3 else 0)
    part, filling = np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.float32)
    if rng.random() > 0.15:
        density = _density(rng)
        for side in ((chest.right,), (chest.left,), (chest.right, chest.left))[rng.integers(3)]:
            density = density if rng.random() < 0.5 else _density(rng)
            mine = _filled(side, inside, rng)
            grain = noise(rng, rng.uniform(10, 50)) * rng.uniform(0, 15 if density > -100 else 60)
            filling = np.where(mine > part, density + grain, filling)
            part = np.maximum(part, mine)
    values = chest.wall + lung * (1 - part) + inside * part * filling
    if rng.random() < 0.6:
        values = _without_seam(values, chest, part * (filling > -150), rng)
    if rng.random() < 0.35:
        values = _with_contrast(values, chest, rng)
    values = values + rng.standard_normal(SHAPE).astype(np.float32) * rng.choice([0.0, 8.0, 25.0])
    values += rng.uniform(-15, 15)
    seen = _field_of_view(inside, rng)
    border = ((inside > 0.02) & (inside < 0.98)) | (
        ndimage.binary_dilation(inside > 0.5, iterations=2) & (inside < 0.5)
    )
    counts = 0.3 + 1.5 * border + 3.0 * ((part > 0.3) & (inside > 0.1))
    lungs = np.stack([chest.right * seen, chest.left * seen], axis=-1)
    return np.where(seen, values, np.float32(-1024)), lungs, counts.astype(np.float32)


def noise(rng: Rng, scale: float, shape: tuple[int, int, int] = SHAPE) -> Floats:
    """Smooth noise of deviation 1 whose swings are about ``scale`` mm."""
    few = [max(2, int(length * STEP / scale) + 2) for length in shape]
    coarse = rng.standard_normal(few).astype(np.float32)
    planes = np.stack([cv2.resize(p, shape[:0:-1], interpolation=cv2.INTER_CUBIC) for p in coarse])
    places = np.linspace(0.0, few[0] - 1.001, shape[0])
    low = places.astype(int)
    part = (places - low).astype(np.float32)[:, None, None]
    return np.asarray(planes[low] * (1 - part) + planes[low + 1] * part)


def _places(length: int) -> Floats:
    return ((np.arange(length) - (length - 1) / 2) * STEP).astype(np.float32)


def _blurred(values: Floats, spacing: tuple[float, float, float]) -> Floats:
    wide = [0.45 * np.sqrt(max(0.0, (STEP / step) ** 2 - 1)) for step in spacing]
    return np.asarray(ndimage.gaussian_filter(values, wide))


def _density(rng: Rng) -> float:
    return float(rng.uniform(-20, 85) if rng.random() < 0.65 else rng.uniform(-700, -100))


def _filled(side: Floats, inside: Floats, rng: Rng) -> Floats:
    """The part of each voxel of one lung that is diseased: a random share of a random place."""
    if np.count_nonzero(side > 0.3) < 50:
        return np.zeros(SHAPE, np.float32)
    ranks = _ranks(side, inside, rng)
    if rng.random() < 0.5:
        ranks = ranks + noise(rng, rng.uniform(25, 80)) * rng.uniform(0, 8)
    share = 1.0 if rng.random() < 0.05 else 0.01 + 0.8 * float(rng.beta(1.1, 2.2))
    limit = float(np.quantile(ranks[side > 0.3], share)) + (99.0 if share == 1.0 else 0.0)
    return np.asarray(np.clip((limit - ranks) / STEP + 0.5, 0, 1) * (side > 0.02), np.float32)


def _ranks(side: Floats, inside: Floats, rng: Rng) -> Floats:
    """mm by which places of one lung are reached the later by a disease."""
    slope, place = rng.uniform(-0.25, 0.25, 2), rng.choice(_PLACES, p=_OFTEN)
    middle, whole = (
        float(np.average(np.arange(SHAPE[2]), weights=each.sum(axis=(0, 1)))) * STEP
        for each in (side, inside + 1e-6)
    )
    if place == "level":
        ranks = (_DOWN + slope[0] * _BACK + slope[1] * _LEFT) * rng.choice([-1, -1, -1, 1, 1])
    elif place in {"back", "front"}:
        ranks = (_BACK + 0.4 * slope[0] * _DOWN + 0.4 * slope[1] * _LEFT) * (
            -1 if place == "back" else 1
        )
    elif place == "rind":
        inward = np.maximum(0, (middle - _LEFT) if middle > whole else (_LEFT - middle))
        ranks = _depth(inside, is_flat=rng.random() < 0.6) + inward * rng.choice([0, 1, 2])
        ranks = ranks - (_DOWN * slope[0] + _BACK * slope[1])
    elif place == "ball":
        centre = np.unravel_index(rng.choice(np.flatnonzero(side > 0.6)), SHAPE)
        away = zip((_DOWN, _BACK, _LEFT), centre, rng.uniform(0.7, 1.4, 3), strict=True)
        ranks = np.sqrt(sum(((axis - at * STEP) / wide) ** 2 for axis, at, wide in away))
    elif place == "patches":
        scale = rng.uniform(18, 60)
        ranks = noise(rng, scale) * scale * 0.6 + _DOWN * slope[0]
    elif place == "base":
        ranks = np.cumsum((side > 0.5)[::-1], axis=0)[::-1] * STEP
    else:
        along = rng.standard_normal(3)
        along /= np.linalg.norm(along)
        ranks = along[0] * _DOWN + along[1] * _BACK + along[2] * _LEFT
    return np.asarray(ranks, np.float32)


def _depth(inside: Floats, *, is_flat: bool) -> Floats:
    """mm from the lungs' surface, in the slice or in space."""
    if not is_flat:
        return np.asarray(ndimage.distance_transform_edt(inside > 0.5, sampling=STEP))
    padded = [np.pad((plane > 0.5).view(np.uint8), 1) for plane in inside]
    return np.stack([cv2.distanceTransform(p, cv2.DIST_L2, 5)[1:-1, 1:-1] * STEP for p in padded])


def _without_seam(values: Floats, chest: Chest, solid: Floats, rng: Rng) -> Floats:
    """Without the line of partial volume that filling a lung leaves at its border.

    Real disease has none: what learned from it alone would look for the line.
    """
    near = ndimage.binary_dilation((solid > 0.4) & (chest.inside > 0.3))
    seam = near & (chest.inside < 0.95) & (chest.wall > -500) & (values < -120)
    return np.where(seam, np.float32(rng.uniform(10, 60)), values)


def _with_contrast(values: Floats, chest: Chest, rng: Rng) -> Floats:
    """With contrast agent in some of what is soft and no lung."""
    soft = (chest.inside < 0.1) & (chest.wall > -60)
    places = np.clip((noise(rng, rng.uniform(25, 70)) - rng.uniform(-0.8, 0.6)) * 4, 0, 1)
    return np.asarray(values + soft * places * rng.uniform(20, 260), np.float32)


def _field_of_view(inside: Floats, rng: Rng) -> npt.NDArray[np.bool_]:
    """What a scan that ends beside the lungs, or cuts them above or below, has seen."""
    seen = np.ones(SHAPE, np.bool_)
    limits = ((0, (1, 2), (-8, 7), 0.2), (1, (0, 2), (1, 14), 0.5), (2, (0, 1), (1, 14), 0.5))
    for axis, others, (least, most), often in limits:
        found = np.flatnonzero((inside > 0.2).any(axis=others))
        if not len(found) or rng.random() > often:
            continue
        places = np.arange(SHAPE[axis])
        low, high = rng.integers(least, most, 2)
        kept = (places >= found[0] - low) & (places <= found[-1] + high)
        seen &= kept.reshape([-1 if each == axis else 1 for each in range(3)])
    return seen
