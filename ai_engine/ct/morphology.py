"""Binary morphology with balls, in millimetres, on grids whose spacing differs by axis.

A ball is a pile of discs: each slice is dilated with a disc by OpenCV and joined with its
neighbours, which is far faster than a distance transform. All masks are bool (slices, rows,
columns), and nothing lies beyond the grid's edge.
"""

import cv2
import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Spacing = tuple[float, float, float]

LARGEST_BALL = 9.0
"""mm of radius that are dilated at once."""


def dilate(mask: Mask, radius: float, spacing: Spacing) -> Mask:
    """All voxels within ``radius`` mm of the mask.

    Balls add up: a large one is several small ones after each other, many times as fast and, by
    rounding to voxels, slightly smaller.
    """
    if not mask.any():
        return mask
    steps = max(1, int(np.ceil(radius / LARGEST_BALL)))
    for _ in range(steps):
        mask = _dilate_once(mask, radius / steps, spacing)
    return mask


def _dilate_once(mask: Mask, radius: float, spacing: Spacing) -> Mask:
    part = box(mask, margin=int(np.ceil(radius / min(spacing))))
    planes = mask[part].view(np.uint8)
    grown = np.zeros_like(planes)
    for away in range(int(radius / spacing[0]) + 1):
        disc = _disc(float(np.sqrt(radius**2 - (away * spacing[0]) ** 2)), spacing)
        discs = np.asarray([cv2.dilate(plane, disc) for plane in planes], dtype=np.uint8)
        grown[away:] |= discs[: len(discs) - away]
        grown[: len(grown) - away] |= discs[away:]
    dilated = np.zeros_like(mask)
    dilated[part] = grown
    return dilated


def erode(mask: Mask, radius: float, spacing: Spacing) -> Mask:
    """The mask's voxels farther than ``radius`` mm from its outside; the grid's edge is inside."""
    return ~dilate(~mask, radius, spacing)


def close_gaps(mask: Mask, radius: float, spacing: Spacing) -> Mask:
    """Closing: dilation, then erosion, free of the grid's edge."""
    margin = tuple(int(np.ceil(radius / step)) + 1 for step in spacing)
    padded = np.pad(mask, [(width, width) for width in margin])
    closed = erode(dilate(padded, radius, spacing), radius, spacing)
    return closed[tuple(slice(width, -width) for width in margin)]


def remove_thin(mask: Mask, radius: float, spacing: Spacing) -> Mask:
    """Opening: what a ball of ``radius`` mm reaches while it stays inside the mask."""
    if not mask.any():
        return mask
    part = box(mask, margin=int(np.ceil(radius / min(spacing))))
    core = erode(mask[part], radius, spacing)
    opened = np.zeros_like(mask)
    opened[part] = dilate(core, radius, spacing)
    return opened


def fill_planes(mask: Mask) -> Mask:
    """Fill the holes of every plane along the first axis."""
    return np.stack([_fill_plane(plane) for plane in mask])


def box(mask: Mask, margin: int = 0) -> tuple[slice, slice, slice]:
    """The smallest box around a mask that isn't empty, widened by ``margin`` voxels."""
    sides = []
    for axis, length in enumerate(mask.shape):
        others = tuple(other for other in range(3) if other != axis)
        filled = np.flatnonzero(mask.any(axis=others))
        sides.append(slice(max(filled[0] - margin, 0), min(filled[-1] + 1 + margin, length)))
    return sides[0], sides[1], sides[2]


def _disc(radius: float, spacing: Spacing) -> npt.NDArray[np.uint8]:
    rows, columns = (int(radius / step) for step in spacing[1:])
    down, across = np.ogrid[-rows : rows + 1, -columns : columns + 1]
    reach = (down * spacing[1]) ** 2 + (across * spacing[2]) ** 2
    return np.asarray(reach <= radius**2 + 1e-9).astype(np.uint8)


def _fill_plane(plane: Mask) -> Mask:
    image = np.ascontiguousarray(plane).view(np.uint8)
    edges, _ = cv2.findContours(image, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(image)
    cv2.drawContours(filled, edges, -1, 1, cv2.FILLED)
    return filled.view(bool)
