"""The vertebral column, from the neck to the loins."""

from itertools import pairwise

import numpy as np

from dicom_node.demo.phantom.grid import Grid, Plane
from dicom_node.demo.phantom.shapes import add_ball, add_box, add_ring

_VERTEBRAE = 18


def spine(grid: Grid) -> Plane:
    """Return the length of each ray in the vertebrae."""
    plane = np.zeros((grid.rows, grid.columns), dtype=np.float32)
    tops = np.cumsum([-0.9, *np.linspace(1.75, 3.3, _VERTEBRAE)])
    for top, below in pairwise(tops):
        _add_vertebra(grid, plane, float(top), float(below))
    return grid.blurred(plane, 0.07)


def _add_vertebra(grid: Grid, plane: Plane, top: float, below: float) -> None:
    """Add body, end plates, pedicles, transverse processes and the spinous process."""
    height, middle = below - top, (top + below) / 2
    half_width = float(np.interp(top, (0, 6, 30, 40), (1.2, 1.4, 2.0, 2.3)))
    body = float(np.interp(top, (0, 8, 40), (0.42, 0.4, 0.5)))
    add_box(grid, plane, (0, middle), (half_width, 0.42 * height), body)
    for end in (top + 0.09 * height, below - 0.09 * height):
        add_box(grid, plane, (0, end), (half_width * 1.04, 0.06 * height), 0.24)
    for side in (-1, 1):
        add_box(grid, plane, (side * half_width * 0.95, middle), (0.14, 0.36 * height), 0.2)
        pedicle = (side * half_width * 0.64, middle - 0.08 * height)
        add_ring(grid, plane, pedicle, (0.27, 0.42), 0.5)
        transverse = (side * (half_width + 0.8), middle - 0.25 * height)
        add_ball(grid, plane, transverse, (1.1, 0.42), 0.3)
    add_ring(grid, plane, (0, middle + 0.42 * height), (0.26, 0.55), 0.7)
