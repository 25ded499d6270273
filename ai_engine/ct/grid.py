"""A coarser copy of a volume, and masks brought back from it.

Anatomy is found on voxels of about 2 mm, where a chest is two million voxels instead of forty and
noise is averaged away; only borders are then drawn at full resolution.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ai_engine.ct.morphology import Mask, Spacing
from ai_engine.ct.volume import CtVolume, Hounsfield

COARSE_STEP = 2.0
"""mm: what the coarse grid's steps come closest to."""

CHEST_STEP = 4.0
"""mm: the same of the still coarser grid on which the chest's walls are found."""


Field = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CoarseGrid:
    """Mean Hounsfield units, int16 (slices, rows, columns), on steps of about 2 mm.

    One coarse slice stands for ``slices_each`` slices of the volume (the last for what is left).
    ``slice_thickness`` is that of the volume's slices in mm as stated, 0 where it isn't.
    """

    hounsfield: Hounsfield
    spacing: Spacing
    slices_each: int
    slice_thickness: float = 0.0

    @property
    def thickness(self) -> float:
        """mm over which partial volume reaches: slices that overlap are thicker than apart."""
        return max(self.spacing[0], self.slice_thickness)

    @property
    def voxel_ml(self) -> float:
        """Volume of one coarse voxel in millilitres."""
        return float(np.prod(self.spacing)) / 1000.0

    def coarse_slice(self, index: int) -> int:
        """The coarse slice that a slice of the volume lies in."""
        return min(index // self.slices_each, len(self.hounsfield) - 1)

    def slices_of(self, levels: range, count: int) -> range:
        """The slices, of the volume's ``count``, that some coarse slices stand for."""
        is_last = levels.stop >= len(self.hounsfield)
        stop = count if is_last else levels.stop * self.slices_each
        return range(levels.start * self.slices_each, stop)


def reduce_volume(volume: CtVolume) -> CoarseGrid:
    """Average a volume down to the coarse grid."""
    rows, columns = volume.hounsfield.shape[1:]
    step, between_rows, between_columns = volume.geometry.spacing
    height = max(1, round(rows * between_rows / COARSE_STEP))
    width = max(1, round(columns * between_columns / COARSE_STEP))
    height, width = min(height, rows), min(width, columns)
    each = max(1, int(COARSE_STEP / step + 0.1))
    averaged = _average(volume.hounsfield, (height, width), each)
    return CoarseGrid(
        hounsfield=averaged.astype(np.int16),
        spacing=(step * each, between_rows * rows / height, between_columns * columns / width),
        slices_each=each,
        slice_thickness=volume.geometry.slice_thickness,
    )


def reduce_grid(grid: CoarseGrid) -> CoarseGrid:
    """Average a grid down to steps of about `CHEST_STEP`; ``slices_each`` is of the grid given."""
    shape, each = _chest_shape(grid)
    step, between_rows, between_columns = grid.spacing
    rows, columns = grid.hounsfield.shape[1:]
    return CoarseGrid(
        hounsfield=_average(grid.hounsfield, shape, each).astype(np.int16),
        spacing=(step * each, between_rows * rows / shape[0], between_columns * columns / shape[1]),
        slices_each=each,
    )


def reduce_grid_mask(mask: Mask, grid: CoarseGrid, part: float = 0.5) -> Mask:
    """Bring a mask of a grid to `reduce_grid`'s: voxels of which it fills more than a part."""
    shape, each = _chest_shape(grid)
    return np.asarray(_average(mask.view(np.uint8) * np.uint8(200), shape, each) > 200 * part)


def enlarge_field(field: npt.NDArray[np.float32], chest: CoarseGrid, grid: CoarseGrid) -> Field:
    """Bring a field from `reduce_grid`'s grid back to the one it was made of, interpolated."""
    count, rows, columns = grid.hounsfield.shape
    places = (np.arange(count) + 0.5) / chest.slices_each - 0.5
    low = np.clip(np.floor(places).astype(int), 0, len(field) - 1)
    high = np.clip(low + 1, 0, len(field) - 1)
    part = np.clip(places - low, 0.0, 1.0).astype(np.float32)
    planes = [cv2.resize(plane, (columns, rows), interpolation=cv2.INTER_LINEAR) for plane in field]
    return np.stack(
        [
            planes[a] * (np.float32(1.0) - share) + planes[b] * share
            for a, b, share in zip(low, high, part, strict=True)
        ]
    )


def _chest_shape(grid: CoarseGrid) -> tuple[tuple[int, int], int]:
    rows, columns = grid.hounsfield.shape[1:]
    height = min(rows, max(1, round(rows * grid.spacing[1] / CHEST_STEP)))
    width = min(columns, max(1, round(columns * grid.spacing[2] / CHEST_STEP)))
    return (height, width), max(1, int(CHEST_STEP / grid.spacing[0] + 0.1))


def enlarge(plane: Mask, shape: tuple[int, int]) -> Mask:
    """One slice of a coarse mask on ``shape`` (rows, columns), with a smooth border."""
    values = cv2.resize(plane.astype(np.float32), shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(values > 0.5)


def reduce_mask(mask: Mask, grid: CoarseGrid) -> Mask:
    """Bring a mask of the volume to the grid: voxels of which it fills at least half."""
    rows, columns = grid.hounsfield.shape[1:]
    planes = (plane * np.uint8(200) for plane in mask.view(np.uint8))
    filled = _average(planes, (rows, columns), grid.slices_each)
    return np.asarray(filled >= 100)


def _average(
    planes: Iterable[npt.NDArray[Any]], shape: tuple[int, int], slices_each: int
) -> npt.NDArray[Any]:
    shrunk = [cv2.resize(plane, shape[::-1], interpolation=cv2.INTER_AREA) for plane in planes]
    if slices_each == 1:
        return np.asarray(shrunk)
    starts = range(0, len(shrunk), slices_each)
    return np.asarray([np.mean(shrunk[at : at + slices_each], axis=0) for at in starts])
