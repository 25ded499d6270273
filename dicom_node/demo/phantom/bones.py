"""Ribs, clavicles and shoulders as lengths of bone along each ray."""

import cv2
import numpy as np
import numpy.typing as npt

from dicom_node.demo.phantom.grid import Curve, Grid, Plane
from dicom_node.demo.phantom.shapes import add_ball, add_ring
from dicom_node.demo.phantom.spine import spine

_RIBS = 11
_SIDES = (-1.0, 1.0)
_SPONGE = 0.15
"""How dense the inside of a bone is beside its cortex."""

_BLADE = (
    (14.0, 6.6), (12.4, 8.0), (12.0, 10.0), (12.2, 13.0), (12.9, 16.0), (13.9, 18.8), (14.5, 17.6),
    (14.9, 14.6), (15.6, 11.6), (16.6, 9.6), (16.2, 7.6), (14.0, 6.6),
)  # fmt: skip
_RIDGE = ((12.2, 9.8), (13.8, 8.0), (15.8, 6.4), (18.0, 5.6))


def bones(grid: Grid) -> Plane:
    """Return the length of each ray in bone."""
    return np.asarray(_ribs(grid) + _clavicles(grid) + spine(grid) + _shoulders(grid))


def _ribs(grid: Grid) -> Plane:
    """Ribs are flat: seen from the front they are tall, on the flank also thin."""
    curves = [_rib(number, side) for number in range(_RIBS) for side in _SIDES]
    points, lengths = _segments(curves)
    # In front the bone thins out and turns into cartilage, which a radiograph hardly shows.
    lengths = lengths * np.clip(1 - 0.75 * (points[:, 2] - 0.5) / 6, 0.3, 1) * 0.85
    plane = np.zeros((grid.rows, grid.columns), dtype=np.float32)
    for low, high, half_width in ((0, 0.8, 0.6), (0.8, 0.95, 0.46), (0.95, 2, 0.33)):
        part = (points[:, 3] >= low) & (points[:, 3] < high)
        plane += _tubes(grid, points[part], lengths[part], (half_width, 0.6), cortex=0.1)
    return plane


def _rib(number: int, side: float) -> Curve:
    """Return points from the vertebra round the flank to the cartilage at the front.

    Shape (n, 4): x, y, z, and how far the rib's face is turned to the flank (0 to 1).
    """
    height = np.interp(number, (0, 5, 10), (5.2, 16.6, 28.4))
    half_width = np.interp(number, (0, 1, 2, 4, 7, 10), (6.2, 9.0, 11.1, 13.1, 14.3, 14.3))
    depth = np.interp(number, (0, 3, 10), (4.5, 8.5, 9.5))
    last = np.interp(number, (0, 6, 8, 10), (150, 142, 126, 96))
    fall = np.interp(number, (0, 2, 5, 10), (4.4, 8.4, 12.2, 13.5))
    turn = np.deg2rad(np.linspace(6, last, 700))
    x = 1.6 + (half_width - 1.6) * np.sin(turn) ** 0.85
    # From the vertebra a rib rises a little, then falls ever more steeply towards the front.
    y = height + fall * (turn / np.pi) ** 1.7 - 0.7 * np.sin(np.clip(turn * 2.4, 0, np.pi))
    return np.stack([side * x, y, -depth * np.cos(turn), np.sin(turn)], axis=1)


def _clavicles(grid: Grid) -> Plane:
    part = np.linspace(0, 1, 500)
    x = 2.0 + 14.8 * part
    y = 9.4 - 3.4 * part**0.8 - 0.7 * np.sin(2 * np.pi * part)
    z = 3 * np.sin(np.pi * part)
    points, lengths = _segments([np.stack([side * x, y, z], axis=1) for side in _SIDES])
    return _tubes(grid, points, lengths, (0.68, 0.68), cortex=0.2)


def _shoulders(grid: Grid) -> Plane:
    """Shoulder blades over the upper outer lungs, and the heads of the humeri."""
    plane = np.zeros((grid.rows, grid.columns), dtype=np.float32)
    rims = []
    for side in _SIDES:
        outline = np.array(_BLADE) * (side, 1)
        filled = np.zeros_like(plane)
        corners = np.array([grid.pixel(*corner) for corner in outline])
        cv2.fillPoly(filled, [corners.round().astype(np.int32)], 0.3)
        plane += grid.blurred(filled, 0.1)
        rims += [_polyline(outline), _polyline(np.array(_RIDGE) * (side, 1))]
        for radii in ((2.3, 2.3), (1.0, 7.0)):  # head and shaft of the humerus
            place = (side * (18.6 if radii[0] > 2 else 19.6), 8.4 if radii[0] > 2 else 14.0)
            add_ball(grid, plane, place, radii, 1.1)
            add_ring(grid, plane, place, radii, 0.7)
    points, lengths = _segments(rims)
    return plane + _tubes(grid, points, lengths, (0.26, 0.26), cortex=0.05)


def _segments(curves: list[Curve]) -> tuple[Curve, npt.NDArray[np.float64]]:
    """Return the middle and the length of every step along curves; x, y, z come first."""
    steps = [np.diff(curve, axis=0) for curve in curves]
    middles = [curve[:-1] + step / 2 for curve, step in zip(curves, steps, strict=True)]
    lengths = [np.linalg.norm(step[:, :3], axis=1) for step in steps]
    return np.concatenate(middles), np.concatenate(lengths)


def _tubes(
    grid: Grid,
    points: Curve,
    lengths: npt.NDArray[np.float64],
    radii: tuple[float, float],
    *,
    cortex: float,
) -> Plane:
    """Return hollow tubes, a dense cortex round spongy bone, half as wide and high as ``radii``."""
    inner = tuple(radius - cortex for radius in radii)
    bone = np.pi * (radii[0] * radii[1] - (1 - _SPONGE) * inner[0] * inner[1])
    drawn = grid.drawn(points[:, :2], lengths * bone)
    kernel = _tube_kernel(grid, radii, (inner[0], inner[1]))
    tubes = cv2.filter2D(drawn, -1, kernel, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(tubes, dtype=np.float32)


def _tube_kernel(grid: Grid, outer: tuple[float, float], inner: tuple[float, float]) -> Plane:
    """Return the shadow of a hollow ball, with weight 1: a row of them is a hollow tube."""
    reach = int(np.ceil(max(outer) / grid.spacing))
    steps = np.arange(-reach, reach + 1) * grid.spacing
    x, y = steps[np.newaxis, :], steps[:, np.newaxis]
    full, hole = (
        np.sqrt(np.clip(1 - (x / radii[0]) ** 2 - (y / radii[1]) ** 2, 0, None)) * radii[0]
        for radii in (outer, inner)
    )
    shadow = full - (1 - _SPONGE) * hole
    return np.asarray(shadow / shadow.sum(), dtype=np.float32)


def _polyline(corners: Curve) -> Curve:
    """Return points along the edges between corners (n, 2), rounded off, at z = 0."""
    at = np.linspace(0, len(corners) - 1, 80 * len(corners))
    places = np.arange(len(corners))
    path = np.stack([np.interp(at, places, corners[:, axis]) for axis in range(2)], axis=1)
    rounded = cv2.GaussianBlur(path, (1, 0), 0, sigmaY=25, borderType=cv2.BORDER_REPLICATE)
    return np.concatenate([rounded, np.zeros((len(path), 1))], axis=1)
