"""Grey values made comparable between devices: by rank, within what was exposed.

How bright and how steep a radiograph is depends on exposure and processing, not on disease; within
one collection it may still go along with the label. Ranks keep which of two pixels is denser and
nothing else, so what level and gradation alone would tell is gone before a model sees it (global
histogram equalisation, Pizer et al., Comput. Vis. Graph. Image Process. 39, 1987).
"""

import numpy as np
import numpy.typing as npt

from ai_engine.prediction import Region
from ai_engine.preprocessing.geometry import FloatImage, Mask, whole_pixels

LEVELS = 256


def equalized(pixels: FloatImage, content: Region) -> FloatImage:
    """Replace grey values by their rank among those of the exposed part.

    Parameters
    ----------
    pixels
        Float32 (rows, columns), 0 to 1.
    content
        The exposed part: what lies outside is measured by its scale, and does not count for it.

    Returns
    -------
    ndarray
        Float32 (rows, columns), 0 to 1: the part of the exposed pixels that are darker.
    """
    return _by_rank(pixels, pixels[whole_pixels(content, pixels.shape)])


def ranked(values: FloatImage, mask: Mask) -> FloatImage:
    """The same of a view on a model's grid, where it costs little.

    Parameters
    ----------
    values
        Float32 (size, size), in any unit.
    mask
        The pixels that come from the image; at least one does.

    Returns
    -------
    ndarray
        Float32 (size, size), 0 to 1.
    """
    return _by_rank(values, values[mask])


def _by_rank(pixels: FloatImage, inside: npt.NDArray[np.float32]) -> FloatImage:
    """Each pixel's rank among those inside."""
    ranks = np.linspace(0, 1, LEVELS + 1)
    # Of sorted values, which are sorted in no time, many quantiles are found four times as fast.
    values = np.quantile(np.sort(inside, axis=None), ranks)
    # Equal values get one rank, the middle of theirs: a saturated area stays one grey.
    distinct, first, count = np.unique(values, return_index=True, return_counts=True)
    middle = ranks[first] + (count - 1) / (2 * LEVELS)
    return np.asarray(np.interp(pixels, distinct, middle), dtype=np.float32)
