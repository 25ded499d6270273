"""Air in the body: what lungs, airways and bowel are looked for in."""

import numpy as np
from scipy import ndimage

from ai_engine.ct.grid import CoarseGrid
from ai_engine.ct.morphology import Mask, dilate, fill_planes

LUNG_WALL = -400
"""Hounsfield units halfway between aerated lung (about -850) and soft tissue (about 40)."""

LEAST_OPEN_ML = 100.0
IN_BODY = 0.8
"""ml from which air that is open to the outside may be lungs; the part of its rim in the body."""


def air_inside(grid: CoarseGrid) -> Mask:
    """Air in the body: not around it, nor in the table."""
    air = grid.hounsfield < LUNG_WALL
    around = _air_around(air)
    return (air & ~around) | _open_airways(grid, around)


def _open_airways(grid: CoarseGrid, around: Mask) -> Mask:
    """What nose, mouth or a tube join to the air around: in each slice, tissue is about it."""
    tissue = grid.hounsfield >= LUNG_WALL
    labels, _ = ndimage.label(around & fill_planes(tissue))
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    large = np.flatnonzero(sizes * grid.voxel_ml >= LEAST_OPEN_ML)
    found = np.zeros_like(around)
    if len(large):
        bodies, _ = ndimage.label(tissue)
        counts = np.bincount(bodies.ravel())
        counts[0] = 0
        body = bodies == counts.argmax()
        for number in large:
            part = labels == number
            rim = dilate(part, max(grid.spacing), grid.spacing) & ~part
            if body[rim].mean() >= IN_BODY:
                found |= part
    return found


def _air_around(air: Mask) -> Mask:
    """Air that reaches the sides of the volume."""
    labels, _ = ndimage.label(air)
    edges = (labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1])
    outside = np.zeros(int(labels.max()) + 1, bool)
    for edge in edges:
        outside[edge.ravel()] = True
    outside[0] = False
    return np.asarray(outside[labels])
