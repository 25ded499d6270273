"""Radiographs of projected chests, as devices show them, and what bones add to them.

Few CTs are at hand, and many chests are not: the bones of one are laid over the lungs of another,
both are bent, spots and lines are put where nothing is to be taken away, and exposures differ in
energy, scatter, sharpness, noise and grey scale, local contrast included.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ai_engine.ct.bone_projection import SIDE, Projection
from ai_engine.preprocessing.geometry import FloatImage

WATER = 0.2
"""Attenuation of a cm of water at the energies of chest radiographs."""

BRIGHTER = (-0.1, 1.3)
"""Logarithm of the factor on bones: CT is taken at higher energies, and blurs what is thin."""

LARGEST_SPOTS = 5
LARGEST_LINES = 3


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Exposure:
    """A radiograph and what bones add to it, float32 (`SIDE`, `SIDE`) each, from 0 to 1."""

    radiograph: FloatImage
    bones: FloatImage


def plain(projection: Projection) -> Exposure:
    """A projection as a device of middling settings shows it."""
    bones = projection.bones * np.float32(np.exp(0.6))
    soft, added = _on_film(projection.soft, bones, WATER, 0.4, 18.0)
    low, high = np.percentile(soft + added, (1, 99))
    whole, without = ((each - low) / (high - low) for each in (soft + added, soft))
    return _exposure(np.clip(whole, 0, 1), np.clip(without, 0, 1), np.clip(whole, 0, 1))


def varied(soft: Projection, bones: Sequence[Projection], rng: np.random.Generator) -> Exposure:
    """A chest with bones, its own or another's, as some device shows it.

    Parameters
    ----------
    soft
        The chest.
    bones
        Whose bones it may have; one is chosen.
    rng
        Decides all that is random.
    """
    chosen = bones[int(rng.integers(len(bones)))]
    added = chosen.bones if chosen is soft else _fitting(chosen, soft, rng)
    tissue = _bent(soft.soft, rng, rng.uniform(0, 5))
    added = _bent(added, rng, rng.uniform(0, 5))
    if rng.random() < 0.5:
        tissue, added = tissue[:, ::-1].copy(), added[:, ::-1].copy()
    tissue = tissue + _details(rng)
    return _developed(tissue, added * np.float32(np.exp(rng.uniform(*BRIGHTER))), rng)


def _fitting(bones: Projection, soft: Projection, rng: np.random.Generator) -> FloatImage:
    """Bones moved so that they lie around another's lungs."""
    image, of, onto = bones.bones, _box(bones), _box(soft)
    if rng.random() < 0.5:
        image = np.ascontiguousarray(image[:, ::-1])
        of = np.array([[SIDE - 1 - of[1, 0], of[0, 1]], [SIDE - 1 - of[0, 0], of[1, 1]]])
    scale = (onto[1] - onto[0]) / (of[1] - of[0]) * np.exp(rng.uniform(-0.06, 0.06, 2))
    matrix = np.zeros((2, 3))
    matrix[:, :2] = np.diag(scale)
    matrix[:, 2] = onto.mean(axis=0) - scale * of.mean(axis=0) + rng.uniform(-5, 5, 2)
    return np.asarray(
        cv2.warpAffine(image, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE), np.float32
    )


def _box(projection: Projection) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """First and last column and row of the lungs: ((left, top), (right, bottom))."""
    columns, rows = (np.flatnonzero(projection.lungs.sum(axis=axis) > 8) for axis in (0, 1))
    return np.array([[columns[0], rows[0]], [columns[-1], rows[-1]]], dtype=np.float64)


def _bent(image: FloatImage, rng: np.random.Generator, reach: float) -> FloatImage:
    """Moved smoothly by about ``reach`` pixels."""
    places = np.meshgrid(np.arange(SIDE), np.arange(SIDE))
    maps = [
        place.astype(np.float32)
        + cv2.resize(
            (rng.normal(0, 1, (5, 5)) * reach).astype(np.float32),
            (SIDE, SIDE),
            interpolation=cv2.INTER_CUBIC,
        )
        for place in places
    ]
    return np.asarray(
        cv2.remap(image, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
        np.float32,
    )


def _details(rng: np.random.Generator) -> FloatImage:
    """Spots, lines and grain, in cm of water, that no network should take for bones."""
    made = np.zeros((SIDE, SIDE), np.float32)
    y, x = np.mgrid[:SIDE, :SIDE]
    for _ in range(rng.integers(0, LARGEST_SPOTS + 1)):
        radius, (left, top) = rng.uniform(2, 12), rng.uniform(20, SIDE - 20, 2)
        away = ((x - left) / radius) ** 2 + ((y - top) / radius / rng.uniform(0.6, 1.6)) ** 2
        made += (rng.uniform(0.2, 1.5) * np.exp(-(away ** rng.uniform(0.8, 3)))).astype(np.float32)
    if rng.random() < 0.3:
        for _ in range(rng.integers(1, LARGEST_LINES + 1)):
            made += _line(rng)
    if rng.random() < 0.7:
        noise = rng.normal(0, 1, made.shape).astype(np.float32)
        grain = cv2.GaussianBlur(noise, (0, 0), rng.uniform(0.8, 2.5))
        made += grain / grain.std() * np.float32(rng.uniform(0, 0.12))
    return made


def _line(rng: np.random.Generator) -> FloatImage:
    """A line or tube that wanders over the image."""
    turns = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.12, 60))
    steps = 3 * np.cumsum(np.stack([np.cos(turns), np.sin(turns)], axis=1), axis=0)
    points = np.rint(rng.uniform(10, SIDE - 10, 2) + steps).astype(np.int32)
    drawn = np.zeros((SIDE, SIDE), np.float32)
    cv2.polylines(drawn, [points], False, rng.uniform(0.3, 2.5), int(rng.integers(1, 3)))
    return np.asarray(cv2.GaussianBlur(drawn, (0, 0), rng.uniform(0.5, 1)), np.float32)


def _developed(soft: FloatImage, bones: FloatImage, rng: np.random.Generator) -> Exposure:
    """The grey values of some device."""
    energy, scatter = WATER * np.exp(rng.uniform(-0.25, 0.25)), rng.uniform(0, 1.2)
    tissue, added = _on_film(soft, bones, energy, scatter, rng.uniform(10, 30))
    low, high = np.percentile(tissue + added, (1, 99))
    low, high = (
        low - rng.uniform(-0.08, 0.15) * (high - low),
        high + rng.uniform(-0.05, 0.15) * (high - low),
    )
    tissue, added = (tissue - low) / (high - low), added / (high - low)
    if rng.random() < 0.7:
        haze = cv2.GaussianBlur(tissue, (0, 0), rng.uniform(12, 40))
        flat, sharp = rng.uniform(0.4, 1.0), rng.uniform(0.9, 2.0)
        tissue, added = flat * (haze - 0.5) + 0.5 + sharp * (tissue - haze), added * sharp
    whole, without = np.clip(tissue + added, 0, 1), np.clip(tissue, 0, 1)
    gamma = np.exp(rng.uniform(-0.5, 0.5))
    whole, without = whole**gamma, without**gamma
    if rng.random() < 0.5:
        steep = rng.uniform(2, 7)
        whole, without = (_s_shaped(each, steep) for each in (whole, without))
    if (blur := rng.uniform(-0.4, 1.1)) > 0.3:
        whole, without = (cv2.GaussianBlur(each, (0, 0), blur) for each in (whole, without))
    noisy = np.clip(whole + rng.normal(0, rng.uniform(0, 0.015), whole.shape), 0, 1)
    black, white = rng.uniform(0, 0.12), rng.uniform(0.85, 1)
    return _exposure(*(each * (white - black) + black for each in (whole, without, noisy)))


def _on_film(
    soft: FloatImage, bones: FloatImage, energy: float, scatter: float, reach: float
) -> tuple[FloatImage, FloatImage]:
    """Soft tissue on a logarithmic film, and what bones add there; scatter takes contrast away."""
    through = [np.exp(-energy * each) for each in (soft, soft + bones)]
    haze = scatter * cv2.GaussianBlur(through[1], (0, 0), reach)
    without, whole = (-np.log(each + haze) for each in through)
    return without, whole - without


def _s_shaped(values: FloatImage, steep: float) -> FloatImage:
    ends = 1 / (1 + np.exp([steep / 2, -steep / 2]))
    curve = 1 / (1 + np.exp(-steep * (values - 0.5)))
    return np.asarray((curve - ends[0]) / (ends[1] - ends[0]), np.float32)


def _exposure(whole: FloatImage, without: FloatImage, shown: FloatImage) -> Exposure:
    return Exposure(
        radiograph=np.asarray(shown, np.float32),
        bones=np.clip(whole - without, 0, 1).astype(np.float32),
    )
