"""Pulmonary vessels: trees that grow from the hila into the lungs."""

from dataclasses import dataclass

import numpy as np

from dicom_node.demo.phantom.grid import Grid, Plane

_HILA = ((-3.4, 18.2), (3.9, 17.4))
_STEP = 0.12
_THINNEST = 0.035
# Tubes of similar radius are drawn together: one blur for each class.
_CLASSES = (0.05, 0.08, 0.13, 0.2, 0.3, 0.6)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Branch:
    x: float
    y: float
    direction: float
    radius: float


def vessels(grid: Grid, lungs: Plane, rng: np.random.Generator) -> Plane:
    """Return the length of each ray in the vessels of the lungs."""
    tracks = np.concatenate([_tree(hilum, rng) for hilum in _HILA])
    plane = np.zeros((grid.rows, grid.columns), dtype=np.float32)
    smallest = 0.0
    for largest in _CLASSES:
        part = tracks[(tracks[:, 2] > smallest) & (tracks[:, 2] <= largest)]
        smallest = largest
        if len(part):
            drawn = grid.drawn(part[:, :2], np.pi * part[:, 2] ** 2 * _STEP)
            plane += grid.blurred(drawn, 0.55 * float(part[:, 2].mean()))
    return plane * np.clip(lungs / 3, 0, 1)


def parenchyma(grid: Grid, lungs: Plane, rng: np.random.Generator) -> Plane:
    """Return what the fine structure of the lungs adds to each ray, and takes away elsewhere."""
    noise = rng.standard_normal((grid.rows, grid.columns), dtype=np.float32)
    fine = grid.blurred(noise, 0.05) / 0.05 - grid.blurred(noise, 0.16) / 0.16
    return np.asarray(0.0011 * fine * lungs)


def _tree(hilum: tuple[float, float], rng: np.random.Generator) -> np.ndarray:
    """Return points (n, 3): x, y and radius along every branch of one lung's tree."""
    side = np.sign(hilum[0])
    # Angles from straight up, turning outwards; most vessels go down and out.
    starts = np.deg2rad([8, 30, 55, 75, 95, 112, 128, 142, 155, 168, 182])
    waiting = [
        _Branch(
            x=hilum[0] + side * rng.uniform(-0.3, 0.5),
            y=hilum[1] + rng.uniform(-1.2, 1.4),
            direction=angle + rng.normal(0, 0.08),
            radius=rng.uniform(0.26, 0.42),
        )
        for angle in np.repeat(starts, 2)
    ]
    points: list[tuple[float, float, float]] = []
    while waiting:
        waiting.extend(_grow(waiting.pop(), side, rng, points))
    return np.array(points)


def _grow(
    branch: _Branch, side: float, rng: np.random.Generator, points: list[tuple[float, float, float]]
) -> list[_Branch]:
    """Draw one branch and return the two that it divides into, or none where it ends."""
    x, y, direction, radius = branch.x, branch.y, branch.direction, branch.radius
    bend = rng.normal(0, 0.012)
    for _ in range(int(rng.uniform(7, 12) + 40 * radius)):
        direction += bend + rng.normal(0, 0.02)
        x += side * _STEP * np.sin(direction)
        y -= _STEP * np.cos(direction)
        points.append((x, y, radius))
        radius *= 0.993
    if radius < _THINNEST:
        return []
    spread = rng.uniform(0.25, 0.6)
    share = rng.uniform(0.66, 0.86)
    return [
        _Branch(x=x, y=y, direction=direction + spread * 0.6, radius=radius * share),
        _Branch(x=x, y=y, direction=direction - spread, radius=radius * (1.5 - share)),
    ]
