"""Boxes by the cells of a coarse map: whether a box lies around each, and where its edges are.

After FCOS (Z. Tian et al., ICCV 2019), whose cells need no anchors; how much a cell in a box counts
falls off from the box's middle as in CenterNet (X. Zhou et al., Objects as Points, 2019).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ai_engine.kinds.boxes import suppressed
from ai_engine.prediction import FoundBox, Region

FloatArray = npt.NDArray[np.float32]

STRIDE = 16
"""Pixels of the input for a cell, each way."""

NEAR = 0.5
"""Of half a box's sides: deviation with which its cells count less, and how far from its middle
cells say where its edges are."""

EDGES = 4
TARGETS = 2 + EDGES
"""Channels of what is learned: whether, whether edges are learned, and the edges' distances."""


def centres(size: int) -> tuple[FloatArray, FloatArray]:
    """Where the middles of the cells are on an input of ``size``: x and y, float32 (grid, grid)."""
    along = (np.arange(size // STRIDE, dtype=np.float32) + np.float32(0.5)) * np.float32(STRIDE)
    across, down = np.meshgrid(along, along)
    return across, down


def cell_targets(boxes: FloatArray, size: int) -> FloatArray:
    """What the cells are to say of an image.

    Parameters
    ----------
    boxes
        Float32 (m, 4): left, top, right and bottom in pixels of the input.

    Returns
    -------
    numpy.ndarray
        Float32 (grid, grid, 6): how much a box lies around the cell, 0 to 1; 1 where its edges are
        learned; how far left, top, right and bottom are from the cell's middle, in parts of
        ``size``. Where boxes overlap, the smaller one counts.
    """
    across, down = centres(size)
    made = np.zeros((*across.shape, TARGETS), np.float32)
    for left, top, right, bottom in sorted(boxes.tolist(), key=_area, reverse=True):
        half = max((right - left) / 2, STRIDE), max((bottom - top) / 2, STRIDE)
        x = (across - (left + right) / 2) / half[0]
        y = (down - (top + bottom) / 2) / half[1]
        around = np.exp(-(x**2 + y**2) / (2 * NEAR**2))
        best = np.unravel_index(int(around.argmax()), around.shape)
        around[best] = 1.0
        made[..., 0] = np.maximum(made[..., 0], around)
        within = (abs(x) < NEAR) & (abs(y) < NEAR)
        within[best] = True
        edges = np.stack([across - left, down - top, right - across, bottom - down], axis=-1)
        made[within, 1] = 1.0
        made[within, 2:] = edges[within] / size
    return made


def found_boxes(boxes: FloatArray, scores: FloatArray, *, lowest: float) -> tuple[FoundBox, ...]:
    """The boxes that stand for themselves, most probable first, in pixels of the input.

    ``boxes`` are float32 (m, 4), ``scores`` (m,).
    """
    return tuple(
        FoundBox(region=region_of(boxes[one].tolist()), probability=float(scores[one]))
        for one in suppressed(boxes, scores, lowest=lowest)
    )


def region_of(edges: Sequence[float]) -> Region:
    """Left, top, right and bottom as a region."""
    left, top, right, bottom = edges
    return Region(left=left, top=top, right=right, bottom=bottom)


def _area(edges: Sequence[float]) -> float:
    left, top, right, bottom = edges
    return (right - left) * (bottom - top)
