"""Air in the body: what lungs, airways and bowel are looked for in."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ai_engine.ct.grid import CoarseGrid
from ai_engine.ct.morphology import Mask, dilate, fill_planes, remove_thin

LUNG_WALL = -400
"""Hounsfield units halfway between aerated lung (about -850) and soft tissue (about 40)."""

LUNG = (-975.0, -500.0)
"""Hounsfield units of lung, averaged over three voxels each way, emphysema and haze included."""

THICK = 5.0
"""mm of radius of a ball that fits into lungs, and not into the blurred rim of other gas."""

LEAST_OPEN_ML = 100.0
IN_BODY = 0.8
"""ml of lung in air that is open to the outside, from which it may be lungs, and the part of its
rim in the body. Between trunk, arm and table there is no lung."""


PADDING = -1023
"""Hounsfield units up to which a coarse voxel holds no air, but what fills the corners around the
scanner's circle: in air there is noise."""

LEAST_KNOWN = 0.5
"""Part of the rim of a lung that is cut off by the image's sides that lies within the image."""


def air_inside(grid: CoarseGrid) -> Mask:
    """Air in the body: not around it, nor in the table.

    Lungs that the field of view cuts off are open to what is around it, and are air in the body.
    """
    air = grid.hounsfield < LUNG_WALL
    around = air_around(air)
    return (air & ~around) | _open_airways(grid, around) | _cut_lungs(grid, around)


def padding(grid: CoarseGrid) -> Mask:
    """What is around the scanner's circle, from the image's sides inwards."""
    return air_around(grid.hounsfield <= PADDING)


def unseen(grid: CoarseGrid) -> Mask:
    """What of the image lies at its sides or around the scanner's circle: beyond may be body."""
    sides = padding(grid)
    sides[:, [0, -1]] = True
    sides[:, :, [0, -1]] = True
    return sides


def like_lung(grid: CoarseGrid, air: Mask) -> Mask:
    """What of air in the body is as dense and as thick as lung."""
    smooth = ndimage.uniform_filter(grid.hounsfield.astype(np.float32), 3)
    return remove_thin(air & (smooth > LUNG[0]) & (smooth < LUNG[1]), THICK, grid.spacing)


def _open_airways(grid: CoarseGrid, around: Mask) -> Mask:
    """What nose, mouth or a tube join to the air around: in each slice, tissue is about it."""
    tissue = grid.hounsfield >= LUNG_WALL
    labels, _ = ndimage.label(around & fill_planes(tissue))
    large = _large(labels, grid)
    found = np.zeros_like(around)
    if len(large):
        large = np.intersect1d(large, _large(labels * like_lung(grid, labels > 0), grid))
    if len(large):
        body = _largest(tissue)
        for number in large:
            part = labels == number
            rim = dilate(part, max(grid.spacing), grid.spacing) & ~part
            if body[rim].mean() >= IN_BODY:
                found |= part
    return found


def _cut_lungs(grid: CoarseGrid, around: Mask) -> Mask:
    """Lungs that reach the sides of the image or of the circle; what is known beside is body."""
    smooth = ndimage.uniform_filter(grid.hounsfield.astype(np.float32), 3)
    inside = around & (smooth > LUNG[0])
    lungs = like_lung(grid, inside)
    labels, _ = ndimage.label(inside)
    found = np.zeros_like(around)
    large = _large(labels * lungs, grid)
    if not len(large):
        return found
    # Voxels on the circle are half blank.
    blank = dilate(padding(grid), 1.5 * max(grid.spacing), grid.spacing)
    tissue = _largest(grid.hounsfield >= LUNG_WALL)
    for number in large:
        part = labels == number
        rim = dilate(part, max(grid.spacing), grid.spacing) & ~part
        known = rim & ~blank
        if (
            np.count_nonzero(known) >= LEAST_KNOWN * np.count_nonzero(rim)
            and tissue[known].mean() >= IN_BODY
        ):
            # Without the thin seam along the circle, half air and half tissue.
            whole = dilate(part & lungs, max(grid.spacing), grid.spacing) & part
            found |= whole & (grid.hounsfield > PADDING)
    return found


def _largest(mask: Mask) -> Mask:
    """The largest of its parts."""
    labels, _ = ndimage.label(mask)
    counts = np.bincount(labels.ravel())
    counts[0] = 0
    return np.asarray(labels == counts.argmax())


def _large(labels: npt.NDArray[np.int32], grid: CoarseGrid) -> npt.NDArray[np.intp]:
    """The labels of at least LEAST_OPEN_ML."""
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.flatnonzero(sizes * grid.voxel_ml >= LEAST_OPEN_ML)


def air_around(air: Mask) -> Mask:
    """Air that reaches the sides of the volume."""
    labels, _ = ndimage.label(air)
    edges = (labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1])
    outside = np.zeros(int(labels.max()) + 1, bool)
    for edge in edges:
        outside[edge.ravel()] = True
    outside[0] = False
    return np.asarray(outside[labels])
