"""The part of an image that views show, as serving cuts it out, moved as training moves it.

Serving (`ai_engine.preprocessing.geometry.letterbox`) cuts an image to its content, averages areas
and leaves nothing around it. What a collimator covers, and what a recipe crops away, is therefore
cut off before an image is moved, and large images are averaged before single points are read.
"""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ai_engine.prediction import Region
from ai_engine.preprocessing.geometry import Mask, covered, whole_pixels

Pixels = npt.NDArray[Any]
"""An image (rows, columns) of any type that OpenCV moves: uint8, uint16, float32."""

Matrix = npt.NDArray[np.float64]
"""2 x 3, from an image's pixel centres to those of a view."""

_SPARE = 1.3
"""So many pixels are kept for each of a view's, for those that enlarge or turn."""

_WORTHWHILE = 0.8
"""An image that would keep more of its sides than this is left as it is."""


def cut(image: Pixels, content: Region) -> tuple[Pixels, Region]:
    """The whole pixels of the content, and where the content lies in them."""
    rows, columns = whole_pixels(content, image.shape)
    return image[rows, columns], moved_region(content, -columns.start, -rows.start)


def reduction(shape: tuple[int, ...], size: int) -> float:
    """The factor by which images of a shape are made smaller for views of ``size``; 1 for none."""
    factor = _SPARE * size / max(shape)
    return 1.0 if factor >= _WORTHWHILE else factor


def reduced(image: Pixels, content: Region, factor: float) -> tuple[Pixels, Region]:
    """An image and its content made smaller by averaging areas."""
    if factor == 1.0:
        return image, content
    small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    scaled = Region(
        left=content.left * factor,
        top=content.top * factor,
        right=content.right * factor,
        bottom=content.bottom * factor,
    )
    return np.asarray(small, dtype=image.dtype), scaled


def moved_region(region: Region, x: float, y: float) -> Region:
    """A region shifted by columns and rows."""
    return Region(
        left=region.left + x, top=region.top + y, right=region.right + x, bottom=region.bottom + y
    )


def stretched(content: Region, shape: tuple[int, ...], size: int) -> Matrix:
    """From an image's pixel centres to those of the part of it that is shown.

    Serving stretches whole pixels of the image over whole pixels of the view, which is not quite
    where the content lies. ``shape`` is the part's, made smaller or not.
    """
    width, height = content.right - content.left, content.bottom - content.top
    rows, columns = covered(width, height, size)
    scale = size / max(width, height)
    linear, offset = [], []
    for low, side, place, pixels in (
        (content.left, width, columns, shape[1]),
        (content.top, height, rows, shape[0]),
    ):
        share = pixels / (place.stop - place.start)
        # From the image to the view, by pixel edges, and from there to the part.
        linear.append(scale * share)
        start = size / 2 - scale * (low + side / 2)
        offset.append((start + scale / 2 - place.start) * share - 0.5)
    return np.hstack([np.diag(linear), np.array(offset)[:, np.newaxis]])


def warped(image: Pixels, content: Region, matrix: Matrix, size: int) -> tuple[Pixels, Mask]:
    """An image's content on a view: (size, size) of the image's type, and the pixels it covers.

    Outside of these it is 0.
    """
    part, _ = cut(image, content)
    placed = _after(matrix, cv2.invertAffineTransform(stretched(content, part.shape, size)))
    view = (size, size)
    # The edge goes on beyond the part, as if it had been cut off: no pixel is mixed with padding.
    values = cv2.warpAffine(
        part, placed, view, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    whole = np.ones(part.shape, dtype=np.uint8)
    mask = np.asarray(cv2.warpAffine(whole, placed, view, flags=cv2.INTER_NEAREST), dtype=np.bool_)
    return np.where(mask, values, values.dtype.type(0)), mask


def _after(second: Matrix, first: Any) -> Matrix:
    """The matrix that moves by the first, then by the second."""
    linear = second[:, :2] @ first[:, :2]
    offset = second[:, :2] @ first[:, 2] + second[:, 2]
    return np.hstack([linear, offset[:, np.newaxis]])
