"""A whole chest radiograph, from geometry to pixel values."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from dicom_node.demo.phantom.bones import bones
from dicom_node.demo.phantom.exposure import LUNG_DENSITY, noisy, presented, transmitted
from dicom_node.demo.phantom.grid import Grid, Plane
from dicom_node.demo.phantom.shapes import add_ball
from dicom_node.demo.phantom.soft_tissue import air, body, lungs
from dicom_node.demo.phantom.vessels import parenchyma, vessels

FIELD_HEIGHT = 42.0
"""Height of the detector in centimetres."""

BITS = 12
_FINEST_ROWS = 1250  # rays; the rows between are interpolated, as a detector's blur would
_FILLED = 0.86  # the part of the air that consolidated lung has lost at most
_LEAD = 3900
_UNEVENNESS = 0.22  # centimetres by which nobody is symmetrical


@dataclass(frozen=True, slots=True, kw_only=True)
class Consolidation:
    """Where lung is filled: centre and half axes in centimetres, seen from the front."""

    centre: tuple[float, float]
    axes: tuple[float, float]


CONSOLIDATIONS = (
    Consolidation(centre=(-7.9, 20.3), axes=(3.0, 4.4)),
    Consolidation(centre=(6.2, 25.5), axes=(3.1, 2.7)),
    Consolidation(centre=(-7.2, 23.0), axes=(5.5, 5.8)),
    Consolidation(centre=(6.4, 21.5), axes=(4.2, 3.9)),
)
"""Patches in both lungs, as bronchopneumonia leaves them."""

WIDESPREAD = tuple(
    Consolidation(centre=(x, y), axes=(3.8, 3.8))
    for x, y in ((-8, 13), (-6, 19), (-9, 25), (7, 13), (8, 20), (6, 26), (-5, 28))
)
"""More of them. They were chosen so that the default model finds the samples of the demonstration
and the tour abnormal, which shows a result's way through the node and not the model's merit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChestOptions:
    """What to make; the same options always give the same image."""

    seed: int = 1
    rows: int = 2500
    columns: int = 2048
    with_lesion: bool = True
    consolidations: tuple[Consolidation, ...] = CONSOLIDATIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesion:
    """Where an opacity lies, in pixels of the image."""

    column: float
    row: float
    radius: float


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Chest:
    """A frontal chest radiograph.

    ``pixels`` is uint16 (rows, columns), 12 bits, bright is dense; ``spacing`` is the distance of
    two pixels on the detector in millimetres.
    """

    pixels: npt.NDArray[np.uint16]
    spacing: float
    lesions: tuple[Lesion, ...]


def make_chest(options: ChestOptions) -> Chest:
    """Expose a chest: with patches of consolidation in both lungs, unless they are left out."""
    rng = np.random.default_rng(options.seed)
    grid = _ray_grid(options)
    shift = _unevenness(grid, rng)
    tissue, bone = (_displaced(plane, shift) for plane in _lengths(grid, options, rng))
    rays = transmitted(grid, np.maximum(tissue, 0), bone)
    size = (options.columns, options.rows)
    detected = noisy(_resized(rays, size), rng)
    spacing = FIELD_HEIGHT / options.rows
    values = presented(detected, spacing) * (2**BITS - 1)
    pixels = values.round().astype(np.uint16)
    _mark(pixels)
    patches = options.consolidations if options.with_lesion else ()
    lesions = tuple(_lesion(patch, grid, shift, options) for patch in patches)
    return Chest(pixels=pixels, spacing=10 * spacing, lesions=lesions)


def _ray_grid(options: ChestOptions) -> Grid:
    rows = min(options.rows, _FINEST_ROWS)
    columns = round(rows * options.columns / options.rows)
    return Grid(rows=rows, columns=columns, spacing=FIELD_HEIGHT / rows)


def _lengths(grid: Grid, options: ChestOptions, rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Return the lengths of soft tissue (or as much of it as absorbs the same) and of bone."""
    aerated = lungs(grid)
    filled = vessels(grid, aerated, rng) + parenchyma(grid, aerated, rng)
    opacity = _opacity(grid, aerated, options.consolidations, rng)
    if options.with_lesion:
        filled += opacity
    tissue = body(grid) - air(grid) - (1 - LUNG_DENSITY) * (aerated - filled)
    return np.asarray(tissue, dtype=np.float32), bones(grid)


def _opacity(
    grid: Grid, aerated: Plane, patches: Sequence[Consolidation], rng: np.random.Generator
) -> Plane:
    """Return the length of consolidated lung: clusters of filled lobules without sharp edges."""
    plane = np.zeros_like(aerated)
    for patch in patches:
        (x, y), (half_width, half_height) = patch.centre, patch.axes
        add_ball(grid, plane, patch.centre, (0.94 * half_width, 0.94 * half_height), 6.0)
        for _ in range(40):
            away, turn = np.sqrt(rng.uniform(0, 1)), rng.uniform(0, 2 * np.pi)
            size = float(rng.uniform(0.5, 1.4))
            place = (x + away * np.cos(turn) * half_width, y + away * np.sin(turn) * half_height)
            add_ball(grid, plane, place, (size, size), 0.9 * size)
    filled = np.minimum(grid.blurred(plane, 0.15), _FILLED * aerated)
    return np.asarray(filled, dtype=np.float32)


def _unevenness(grid: Grid, rng: np.random.Generator) -> Plane:
    """Return how far, in pixels, each place is off its place in a symmetrical chest: (2, …)."""
    coarse = rng.normal(0, _UNEVENNESS / grid.spacing, (2, 6, 5)).astype(np.float32)
    size = (grid.columns, grid.rows)
    return np.stack([_resized(each, size, cv2.INTER_CUBIC) for each in coarse])


def _resized(plane: Plane, size: tuple[int, int], method: int = cv2.INTER_LINEAR) -> Plane:
    return np.asarray(cv2.resize(plane, size, interpolation=method), dtype=np.float32)


def _displaced(plane: Plane, shift: Plane) -> Plane:
    rows, columns = plane.shape
    x = np.arange(columns, dtype=np.float32)[np.newaxis, :] + shift[0]
    y = np.arange(rows, dtype=np.float32)[:, np.newaxis] + shift[1]
    moved = cv2.remap(plane, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, dtype=np.float32)


def _lesion(patch: Consolidation, grid: Grid, shift: Plane, options: ChestOptions) -> Lesion:
    column, row = grid.pixel(*patch.centre)
    off = shift[:, round(row), round(column)]
    scale = options.rows / grid.rows
    return Lesion(
        column=float((column - off[0] + 0.5) * scale - 0.5),
        row=float((row - off[1] + 0.5) * scale - 0.5),
        radius=max(patch.axes) / grid.spacing * scale,
    )


def _mark(pixels: npt.NDArray[np.uint16]) -> None:
    """Burn in what a lead marker and an honest label would show, in the air above the shoulders."""
    rows, columns = pixels.shape
    scale = rows / _FINEST_ROWS
    burned = np.zeros((rows, columns), dtype=np.uint8)
    for text, x, y, size, weight in (
        ("L", 0.885, 0.085, 2.6, 7),
        ("SYNTHETIC", 0.03, 0.05, 1.2, 3),
        ("NOT A PATIENT", 0.03, 0.085, 0.8, 2),
    ):
        place, thickness = (round(x * columns), round(y * rows)), max(round(weight * scale), 1)
        font = cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(burned, text, place, font, size * scale, 255, thickness)
    pixels[burned > 127] = _LEAD
