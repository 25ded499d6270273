"""Small solid shapes, drawn only where they are."""

from collections.abc import Callable

import numpy as np

from dicom_node.demo.phantom.grid import Grid, Plane

Place = tuple[float, float]
Shape = Callable[[Plane, Plane], Plane]


def add_ball(grid: Grid, plane: Plane, place: Place, radii: Place, length: float) -> None:
    """Add an ellipsoid that rays cross over ``length`` in its middle."""
    _add(grid, plane, place, radii, lambda x, y: length * _dome(x / radii[0], y / radii[1]))


def add_ring(grid: Grid, plane: Plane, place: Place, radii: Place, length: float) -> None:
    """Add the rim of an ellipse: an ellipsoid without its core."""

    def rim(x: Plane, y: Plane) -> Plane:
        core = _dome(x / (0.62 * radii[0]), y / (0.62 * radii[1]))
        return np.asarray(length * (_dome(x / radii[0], y / radii[1]) - 0.8 * core))

    _add(grid, plane, place, radii, rim)


def add_box(grid: Grid, plane: Plane, place: Place, half: Place, length: float) -> None:
    """Add a box with a slight waist and soft edges."""
    soft = 0.1

    def box(x: Plane, y: Plane) -> Plane:
        waist = half[0] * (0.92 + 0.08 * np.clip(np.abs(y) / half[1], 0, 1) ** 2)
        across = np.clip((waist - np.abs(x)) / soft, 0, 1)
        return np.asarray(length * across * np.clip((half[1] - np.abs(y)) / soft, 0, 1))

    _add(grid, plane, place, half, box)


def _add(grid: Grid, plane: Plane, place: Place, half: Place, shape: Shape) -> None:
    left, top = grid.pixel(place[0] - half[0], place[1] - half[1])
    right, bottom = grid.pixel(place[0] + half[0], place[1] + half[1])
    columns = slice(max(int(left), 0), max(int(right) + 2, 0))
    rows = slice(max(int(top), 0), max(int(bottom) + 2, 0))
    plane[rows, columns] += shape(grid.x[:, columns] - place[0], grid.y[rows] - place[1])


def _dome(x: Plane, y: Plane) -> Plane:
    return np.asarray(np.sqrt(np.clip(1 - x**2 - y**2, 0, None)), dtype=np.float32)
