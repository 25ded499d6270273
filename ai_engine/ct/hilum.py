"""Vessels and bronchi of the hilum, which closing takes into the lung and which aren't lung.

A dense structure too thick for a peripheral vessel that touches the mediastinum or an airway is
taken for hilar unless it is large. So a lesion below `LARGE_ML` that touches them isn't measured:
without contrast and shape models, the two can't be told apart by density.
"""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from ai_engine.ct.grid import CoarseGrid
from ai_engine.ct.morphology import Mask, dilate, remove_thin

THICK = 3.1
"""mm: radius that peripheral vessels stay below."""

NEAR = 8.0
"""mm from an airway or the mediastinum that count as touching."""

LARGE_ML = 15.0
"""ml from which a dense part at the hilum is kept as a lesion: a ball of 3 cm."""


def find_hilum(
    closed: Sequence[Mask], aerated: Sequence[Mask], airways: Mask, grid: CoarseGrid
) -> Mask:
    """The hilar and mediastinal structures inside the closed lungs (right, left)."""
    dense = np.logical_or(*closed) & ~np.logical_or(*aerated)
    thick = remove_thin(dense, THICK, grid.spacing)
    labels, _ = ndimage.label(thick, np.ones((3, 3, 3)))
    small = np.bincount(labels.ravel()) * grid.voxel_ml < LARGE_ML
    near = dilate(airways | _between(closed), NEAR, grid.spacing)
    touching = np.zeros_like(small)
    touching[labels[near & thick]] = True
    taken = small & touching
    taken[0] = False
    return np.asarray(taken[labels])


def _between(lungs: Sequence[Mask]) -> Mask:
    """What lies between both lungs, row by row: the mediastinum and what belongs to it."""
    low, high = sorted(lungs, key=_first_column)
    after_low = np.maximum.accumulate(low, axis=2)
    before_high = np.maximum.accumulate(high[:, :, ::-1], axis=2)[:, :, ::-1]
    return np.asarray(after_low & before_high & ~low & ~high)


def _first_column(lung: Mask) -> int:
    filled = np.flatnonzero(lung.any(axis=(0, 1)))
    return int(filled[0]) if len(filled) else lung.shape[2]
