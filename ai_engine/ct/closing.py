"""Lungs closed over what is dense inside them: vessels, nodules, consolidation, pleural lesions.

Vessels and small dents go by a narrow closing and by filling holes. Wider dents are taken into the
lung only where they aren't the mediastinum's, the hilum's or the diaphragm's, and are thicker than
the chest wall's unevenness: what then is left at the pleura is a lesion.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ai_engine.ct.grid import CoarseGrid
from ai_engine.ct.morphology import Mask, box, close_gaps, dilate, fill_planes, remove_thin

NARROW = 8.0
WIDE = 25.0
"""mm: radii of the closings; dents up to twice as wide are closed."""

THICKEST_SKIN = 3.1
"""mm: radius that the unevenness along ribs and fissures stays below."""

TOUCHING = 4.0
"""mm from mediastinum or airways that count as touching."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ClosedLungs:
    """Both lungs with what is dense inside them, and what lies between them; bool masks."""

    right: Mask
    left: Mask
    mediastinum: Mask


def close_lungs(aerated: tuple[Mask, Mask], airways: Mask, grid: CoarseGrid) -> ClosedLungs:
    """Close the right and the left lung; masks are bool of the grid's shape."""
    right, left = (_narrow(lung, grid) & ~airways for lung in aerated)
    right, left = right & ~aerated[1], left & ~aerated[0] & ~right
    wide_right, wide_left = (_ball_closed(lung, WIDE, grid) for lung in (right, left))
    mediastinum = between(wide_right & ~left, wide_left & ~right)
    forbidden = dilate(airways | mediastinum, TOUCHING, grid.spacing)
    right_lesions = _lesions(wide_right & ~right & ~left, forbidden, grid)
    left_lesions = _lesions(wide_left & ~left & ~right & ~right_lesions, forbidden, grid)
    return ClosedLungs(
        right=right | right_lesions, left=left | left_lesions, mediastinum=mediastinum
    )


def _ball_closed(lung: Mask, radius: float, grid: CoarseGrid) -> Mask:
    if not lung.any():
        return lung
    part = box(lung)
    closed = np.zeros_like(lung)
    closed[part] = close_gaps(lung[part], radius, grid.spacing)
    return closed


def _narrow(lung: Mask, grid: CoarseGrid) -> Mask:
    """Closed by a small ball; holes are filled where they are holes in two planes.

    The top of the diaphragm is a hole in an axial slice, but not in a coronal one.
    """
    closed = _ball_closed(lung, NARROW, grid)
    if not closed.any():
        return closed
    part = box(closed)
    axial = fill_planes(closed[part])
    coronal = fill_planes(closed[part].swapaxes(0, 1)).swapaxes(0, 1)
    closed[part] |= axial & coronal
    return closed


def _lesions(dents: Mask, forbidden: Mask, grid: CoarseGrid) -> Mask:
    """The dents that are lesions at the pleura."""
    thick = remove_thin(dents, THICKEST_SKIN, grid.spacing)
    labels, count = ndimage.label(thick, np.ones((3, 3, 3)))
    kept = np.ones(count + 1, bool)
    kept[labels[forbidden]] = False
    kept[0] = False
    return np.asarray(kept[labels])


def between(one: Mask, other: Mask) -> Mask:
    """What lies between two lungs' inner edges, row by row: mediastinum, spine and sternum."""
    low, high = sorted((one, other), key=_first_column)
    beyond_low = np.maximum.accumulate(low, axis=2) & ~_ahead(low)
    before_high = _ahead(high) & ~np.maximum.accumulate(high, axis=2)
    return np.asarray(beyond_low & before_high)


def _ahead(lung: Mask) -> Mask:
    """Voxels with lung at or after them in their row."""
    return np.asarray(np.maximum.accumulate(lung[:, :, ::-1], axis=2)[:, :, ::-1])


def _first_column(lung: Mask) -> int:
    filled = np.flatnonzero(lung.any(axis=(0, 1)))
    return int(filled[0]) if len(filled) else lung.shape[2]
