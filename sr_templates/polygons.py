"""Which pixels a polygon holds."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]


def filled(points: npt.NDArray[np.float64], *, rows: int, columns: int) -> Mask:
    """Mark the pixels whose centres lie inside a closed polygon, by the even-odd rule.

    Parameters
    ----------
    points
        Corners (x, y) by row, first equals last, in pixels from the top left pixel's top left
        corner; the centre of the top left pixel is (0.5, 0.5).
    rows, columns
        Size of the mask.
    """
    # Each edge flips every pixel to the right of it, in the rows whose centre line it crosses.
    flips = np.zeros((rows, columns + 1), dtype=np.bool_)
    for (x0, y0), (x1, y1) in pairwise(points):
        first, last = (int(np.ceil(y - 0.5)) for y in sorted((y0, y1)))
        crossed = np.arange(max(first, 0), min(last, rows))
        if crossed.size:
            x = x0 + (crossed + 0.5 - y0) / (y1 - y0) * (x1 - x0)
            start = np.clip(np.ceil(x - 0.5).astype(np.intp), 0, columns)
            flips[crossed, start] ^= True
    return np.logical_xor.accumulate(flips, axis=1)[:, :columns]
