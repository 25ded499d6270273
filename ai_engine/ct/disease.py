"""Disease put into a CT whose lungs are known, to measure on it what a method finds.

The places are chosen inside a given lung mask until a stated share of one lung or of both is
reached, so that the true share is known to the voxel. The fillings are densities with the noise of
a scan. Nothing of this is used on patients' images.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import cv2
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ai_engine.ct.lungs import LEFT, RIGHT, Labels
from ai_engine.ct.morphology import Mask
from ai_engine.ct.volume import LIMITS, CtVolume, Hounsfield

NOISE = 40.0
"""Hounsfield units: standard deviation of the noise of low-dose slices of 2 mm."""

Ranks = npt.NDArray[np.float32]


class Place(StrEnum):
    """Where in the lungs disease is put."""

    BASAL = "basal"
    APICAL = "apical"
    PERIPHERAL = "peripheral"
    DEPENDENT = "dependent"
    ANTERIOR = "anterior"
    MASS = "mass"
    PATCHES = "patches"


class Filling(StrEnum):
    """What it is filled with."""

    SOLID = "solid"
    DENSE_GLASS = "ground-glass -480"
    FAINT_GLASS = "ground-glass -650"
    FLUID = "effusion"
    GAS = "pneumothorax"

    @property
    def hounsfield(self) -> int:
        """Its mean density."""
        return _HOUNSFIELD[self]


_HOUNSFIELD = {
    Filling.SOLID: 30,
    Filling.DENSE_GLASS: -480,
    Filling.FAINT_GLASS: -650,
    Filling.FLUID: 10,
    Filling.GAS: -1000,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Disease:
    """One disease: where, what, and the share (0 to 1) of which lungs it takes."""

    place: Place
    filling: Filling
    share: float
    lungs: tuple[int, ...] = (RIGHT,)

    @property
    def title(self) -> str:
        """In words, for tables and test names."""
        both = len(self.lungs) > 1
        sides = "both" if both else "right" if RIGHT in self.lungs else "left"
        return f"{self.filling} {self.place} {sides} {100 * self.share:g} %"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Diseased:
    """A volume with disease, where it is, and its true share (0 to 1) of right and left lung."""

    volume: CtVolume
    mask: Mask
    shares: tuple[float, float]


def insert(volume: CtVolume, lungs: Labels, disease: Disease, *, seed: int = 1) -> Diseased:
    """Put a disease into a volume.

    Parameters
    ----------
    volume
        A CT whose lungs are free of what is put in.
    lungs
        Its lungs, uint8 (slices, rows, columns) as in ``LungMasks.labels``.
    disease
        What to put in.
    seed
        Of noise and patches.
    """
    random = np.random.default_rng(seed)
    mask = np.zeros(lungs.shape, bool)
    for label in disease.lungs:
        mask |= _place(lungs == label, volume, disease, random)
    values = volume.hounsfield.copy()
    noise = _noise(mask.shape, random)[mask]
    filled = disease.filling.hounsfield + noise
    if disease.filling is not Filling.GAS:
        filled = np.maximum(filled, values[mask])
    values[mask] = np.clip(filled, *LIMITS).astype(np.int16)
    totals = [max(1, int(np.count_nonzero(lungs == label))) for label in (RIGHT, LEFT)]
    found = [int(np.count_nonzero(mask & (lungs == label))) for label in (RIGHT, LEFT)]
    return Diseased(
        volume=replace(volume, hounsfield=values),
        mask=mask,
        shares=(found[0] / totals[0], found[1] / totals[1]),
    )


def insert_ball(
    volume: CtVolume, centre: tuple[int, int, int], radius: float, hounsfield: int, *, seed: int = 1
) -> tuple[Hounsfield, Mask]:
    """A ball of ``radius`` mm around a voxel: the changed values, and where they were changed."""
    places = np.ogrid[tuple(slice(count) for count in volume.hounsfield.shape)]
    away = sum(
        ((place - middle) * step) ** 2
        for place, middle, step in zip(places, centre, volume.geometry.spacing, strict=True)
    )
    ball = np.asarray(away) <= radius**2
    values = volume.hounsfield.copy()
    noise = np.random.default_rng(seed).normal(0.0, NOISE, int(np.count_nonzero(ball)))
    values[ball] = np.clip(np.maximum(values[ball], hounsfield + noise), *LIMITS).astype(np.int16)
    return values, ball


def _place(lung: Mask, volume: CtVolume, disease: Disease, random: np.random.Generator) -> Mask:
    """The voxels of one lung with the lowest ranks, as many as the share says."""
    inside = np.flatnonzero(lung)
    count = round(disease.share * len(inside))
    if not count:
        return np.zeros(lung.shape, bool)
    ranks = _RANKS[disease.place](lung, volume, random).ravel()[inside]
    chosen = inside[np.argpartition(ranks, count - 1)[:count]]
    mask = np.zeros(lung.size, bool)
    mask[chosen] = True
    return mask.reshape(lung.shape)


def _basal(lung: Mask, _volume: CtVolume, _random: np.random.Generator) -> Ranks:
    levels = -np.arange(lung.shape[0], dtype=np.float32)[:, None, None]
    return np.broadcast_to(levels, lung.shape) + _tie(lung.shape)


def _apical(lung: Mask, volume: CtVolume, random: np.random.Generator) -> Ranks:
    return -_basal(lung, volume, random)


def _dependent(lung: Mask, volume: CtVolume, _random: np.random.Generator) -> Ranks:
    """From the back, with a level surface, as fluid lies in a patient on the back."""
    sign = 1.0 if volume.geometry.back_is_high else -1.0
    rows = (-sign * np.arange(lung.shape[1], dtype=np.float32))[None, :, None]
    return np.broadcast_to(rows, lung.shape) + _tie(lung.shape)


def _anterior(lung: Mask, volume: CtVolume, random: np.random.Generator) -> Ranks:
    """From the front, as gas lies in a patient on the back."""
    return -_dependent(lung, volume, random)


def _peripheral(lung: Mask, volume: CtVolume, _random: np.random.Generator) -> Ranks:
    """From the lung's outer surface inwards."""
    spacing = volume.geometry.spacing
    middle = float(np.mean(np.flatnonzero(lung.any(axis=(0, 1)))))
    whole = volume.hounsfield.shape[2] / 2
    depths = np.zeros(lung.shape, np.float32)
    for index in np.flatnonzero(lung.any(axis=(1, 2))):
        padded = np.pad(lung[index].view(np.uint8), 1)
        depths[index] = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1] * spacing[1]
    columns = np.arange(lung.shape[2], dtype=np.float32)
    inward = np.maximum(0.0, (middle - columns) if middle > whole else (columns - middle))
    return np.asarray(depths + inward[None, None, :] * spacing[2] * 2, np.float32)


def _mass(lung: Mask, volume: CtVolume, _random: np.random.Generator) -> Ranks:
    """A ball around the lung's centroid."""
    centre = ndimage.center_of_mass(lung)
    places = np.ogrid[tuple(slice(count) for count in lung.shape)]
    away = sum(
        ((place - middle) * step) ** 2
        for place, middle, step in zip(places, centre, volume.geometry.spacing, strict=True)
    )
    return np.asarray(away, np.float32)


def _patches(lung: Mask, volume: CtVolume, random: np.random.Generator) -> Ranks:
    """Patches of some centimetres all over the lung."""
    steps = [max(1, round(30.0 / step)) for step in volume.geometry.spacing]
    coarse = random.normal(
        size=[length // step + 3 for length, step in zip(lung.shape, steps, strict=True)]
    )
    zoom = [
        (length + 2 * step) / size
        for length, step, size in zip(lung.shape, steps, coarse.shape, strict=True)
    ]
    smooth = ndimage.zoom(coarse.astype(np.float32), zoom, order=1)
    return np.asarray(smooth[: lung.shape[0], : lung.shape[1], : lung.shape[2]], np.float32)


def _tie(shape: tuple[int, ...]) -> Ranks:
    """Less than one step, so that a share is met within a plane: rows from the back."""
    rows = np.linspace(0.0, 0.5, shape[1], dtype=np.float32)[None, :, None]
    columns = np.linspace(0.0, 0.01, shape[2], dtype=np.float32)[None, None, :]
    return np.asarray(rows + columns, np.float32)


def _noise(shape: tuple[int, ...], random: np.random.Generator) -> npt.NDArray[np.float32]:
    """Noise with the grain of a soft kernel."""
    noise = random.standard_normal(size=shape, dtype=np.float32)
    grain = np.stack([cv2.GaussianBlur(plane, (0, 0), 0.8) for plane in noise])
    return np.asarray(grain * (NOISE / float(grain.std())), np.float32)


_RANKS: dict[Place, Callable[[Mask, CtVolume, np.random.Generator], Ranks]] = {
    Place.BASAL: _basal,
    Place.APICAL: _apical,
    Place.ANTERIOR: _anterior,
    Place.PERIPHERAL: _peripheral,
    Place.DEPENDENT: _dependent,
    Place.MASS: _mass,
    Place.PATCHES: _patches,
}
