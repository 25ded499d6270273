"""The image plane that rays end in, and how lines are drawn on it."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]
Curve = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Grid:
    """``rows`` times ``columns`` rays, ``spacing`` centimetres apart, x = 0 in the middle."""

    rows: int
    columns: int
    spacing: float

    @cached_property
    def x(self) -> Plane:
        """The rays' x, of shape (1, columns)."""
        steps = np.arange(self.columns, dtype=np.float32) - (self.columns - 1) / 2
        return (steps * np.float32(self.spacing))[np.newaxis, :]

    @cached_property
    def y(self) -> Plane:
        """The rays' y, of shape (rows, 1)."""
        steps = np.arange(self.rows, dtype=np.float32) + np.float32(0.5)
        return (steps * np.float32(self.spacing))[:, np.newaxis]

    def pixel(self, x: float, y: float) -> tuple[float, float]:
        """Return the column and row of a point, fractions included."""
        return x / self.spacing + (self.columns - 1) / 2, y / self.spacing - 0.5

    def along(self, nodes: dict[float, float]) -> Plane:
        """Interpolate values given at some y; shape (rows, 1), smooth enough for skin lines."""
        values = np.interp(self.y[:, 0], list(nodes), list(nodes.values()))
        smooth = cv2.GaussianBlur(
            values.astype(np.float32)[:, np.newaxis], (0, 0), 0.5 / self.spacing
        )
        return np.asarray(smooth, dtype=np.float32)

    def drawn(self, points: Curve, mass: npt.NDArray[np.float64]) -> Plane:
        """Spread point masses over the rays they hit.

        Parameters
        ----------
        points
            (n, 2): x and y of each point.
        mass
            (n,): what each point weighs, in cm³.

        Returns
        -------
        ndarray
            (rows, columns): path length, in cm, whose integral over the plane is the whole mass.
        """
        columns, rows = self.pixel(points[:, 0], points[:, 1])  # type: ignore[arg-type]
        left, top = np.floor(columns).astype(int), np.floor(rows).astype(int)
        plane = np.zeros(self.rows * self.columns)
        for right, down in ((0, 0), (1, 0), (0, 1), (1, 1)):
            column, row = left + right, top + down
            share = (1 - np.abs(columns - column)) * (1 - np.abs(rows - row))
            hit = (column >= 0) & (column < self.columns) & (row >= 0) & (row < self.rows)
            cells = row[hit] * self.columns + column[hit]
            plane += np.bincount(cells, (mass * share)[hit], minlength=plane.size)
        return (plane / self.spacing**2).astype(np.float32).reshape(self.rows, self.columns)

    def blurred(self, plane: Plane, radius: float) -> Plane:
        """Blur with a Gaussian whose standard deviation is ``radius`` centimetres."""
        blurred = cv2.GaussianBlur(plane, (0, 0), radius / self.spacing)
        return np.asarray(blurred, dtype=np.float32)
