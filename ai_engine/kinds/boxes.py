"""Boxes on a network's input and on the source image: overlap, suppression, places."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from ai_engine.prediction import FoundBox, Region

FloatArray = npt.NDArray[np.float32]

LARGEST_OVERLAP = 0.5
"""Of two boxes whose intersection over union is above it, the less probable is dropped."""

MOST_BOXES = 20
"""Boxes of one label that are kept on one image."""


def overlap(one: Region, other: Region) -> float:
    """Intersection over union of two regions, 0 to 1."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    common = max(width, 0.0) * max(height, 0.0)
    joint = area(one) + area(other) - common
    return common / joint if joint > 0 else 0.0


def area(region: Region) -> float:
    """Area of a region in square pixels; 0 for one that is empty."""
    return max(region.right - region.left, 0.0) * max(region.bottom - region.top, 0.0)


def suppressed(boxes: FloatArray, scores: FloatArray, *, lowest: float) -> npt.NDArray[np.intp]:
    """Non-maximum suppression: which boxes stand for themselves, most probable first.

    Parameters
    ----------
    boxes
        Float32 (m, 4): left, top, right, bottom.
    scores
        Float32 (m,), 0 to 1.
    lowest
        Boxes below it are not considered.
    """
    corners = boxes.astype(np.float64)
    sides = np.maximum(corners[:, 2:] - corners[:, :2], 0)
    kept = cv2.dnn.NMSBoxes(
        np.hstack([corners[:, :2], sides]).tolist(),
        scores.tolist(),
        # OpenCV keeps what is above; a box that reaches the threshold counts.
        score_threshold=float(np.nextafter(np.float32(lowest), np.float32(-1))),
        nms_threshold=LARGEST_OVERLAP,
    )
    return np.asarray(kept, dtype=np.intp).reshape(-1)[:MOST_BOXES]


def on_source(box: Sequence[float], view: Region, size: int) -> Region:
    """A box of the network's input (``size`` by ``size``), in the source image's pixels.

    Parameters
    ----------
    box
        Left, top, right and bottom in the input's pixels.
    view
        What the input shows of the source, its padding included: pixels of the view are square,
        those of the source need not be.
    """
    across = (view.right - view.left) / size
    down = (view.bottom - view.top) / size
    left, top, right, bottom = box
    return Region(
        left=view.left + left * across,
        top=view.top + top * down,
        right=view.left + right * across,
        bottom=view.top + bottom * down,
    )


def cut(box: FoundBox, *, rows: int, columns: int) -> FoundBox | None:
    """A box without what lies outside of the image; None where nothing is left."""
    region = Region(
        left=max(box.region.left, 0.0),
        top=max(box.region.top, 0.0),
        right=min(box.region.right, float(columns)),
        bottom=min(box.region.bottom, float(rows)),
    )
    return FoundBox(region=region, probability=box.probability) if area(region) > 0 else None
