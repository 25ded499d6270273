"""Masks and maps between a source image's grid and the square that a network sees."""

import cv2
import numpy as np
import numpy.typing as npt

from ai_engine.prediction import Region
from ai_engine.preprocessing.geometry import FloatImage, Mask


def view_of_mask(mask: Mask, region: Region, size: int) -> Mask:
    """What lies in a region of a mask (rows, columns), as bool (size, size)."""
    matrix = _to_source(region, size)
    inverse = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
    shown = cv2.warpAffine(mask.astype(np.float32), matrix, (size, size), flags=inverse)
    return np.asarray(shown >= 0.5, dtype=np.bool_)


def map_on_source(values: FloatImage, region: Region, shape: tuple[int, int]) -> FloatImage:
    """A network's map (size, size) of a region, on the source's grid: float32 (rows, columns).

    Outside of the region it is 0.
    """
    rows, columns = shape
    matrix = _to_source(region, values.shape[0])
    shown = cv2.warpAffine(values, matrix, (columns, rows), flags=cv2.INTER_LINEAR)
    return np.asarray(shown, dtype=np.float32)


def _to_source(region: Region, size: int) -> npt.NDArray[np.float64]:
    """The 2 x 3 matrix from pixel centres of the view to pixel centres of the source."""
    scale_x = (region.right - region.left) / size
    scale_y = (region.bottom - region.top) / size
    return np.array(
        [
            [scale_x, 0, region.left + scale_x / 2 - 0.5],
            [0, scale_y, region.top + scale_y / 2 - 0.5],
        ]
    )
