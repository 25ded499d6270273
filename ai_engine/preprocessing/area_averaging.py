"""Large images made small: each pixel of the result is the average of the area that it covers.

OpenCV does that (INTER_AREA) pixel by pixel. Here the rows are averaged first, all columns at once,
and OpenCV has only the columns of what is left to do: the same figures, in a third of the time.
"""

import cv2
import numpy as np
import numpy.typing as npt
import scipy

FloatImage = npt.NDArray[np.float32]

LEAST_SHARE = 1e-3
"""Of a pixel: less of it at an area's border counts for nothing, as with OpenCV."""

LEAST_SHRINKING = 2.0
"""From how many rows to one on averaging the rows first is faster."""


def averaged(pixels: FloatImage, *, rows: int, columns: int) -> FloatImage:
    """An image as ``rows`` by ``columns``, averaged over areas: float32.

    One that is not larger in both directions is interpolated, as OpenCV does it then.
    """
    down, across = pixels.shape[0] / rows, pixels.shape[1] / columns
    if down >= LEAST_SHRINKING and across >= 1:
        pixels = _rows_averaged(pixels, rows, down)
    resized = cv2.resize(pixels, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(resized, dtype=np.float32)


def averaged_to(pixels: FloatImage, side: int) -> FloatImage:
    """An image with a longer side of ``side`` pixels, as wide for its height as it is: float32."""
    factor = side / max(pixels.shape)
    left = factor
    if 1 / factor >= LEAST_SHRINKING:
        pixels = _rows_averaged(pixels, max(round(pixels.shape[0] * factor), 1), 1 / factor)
        left = 1.0
    resized = cv2.resize(pixels, None, fx=factor, fy=left, interpolation=cv2.INTER_AREA)
    return np.asarray(resized, dtype=np.float32)


def _rows_averaged(pixels: FloatImage, rows: int, scale: float) -> FloatImage:
    """As many ``rows`` of all columns; each is the average of ``scale`` rows.

    Of a part of an image whole rows are averaged, where it has most of each: the part would be
    copied first, which takes several times as long as averaging what is not wanted.
    """
    shares = _shares(pixels.shape[0], rows, scale)
    whole = _whole_rows(pixels)
    if whole is None:
        return np.asarray(shares @ pixels)
    image, columns = whole
    return np.asarray((shares @ image)[:, columns])


def _whole_rows(part: FloatImage) -> tuple[FloatImage, slice] | None:
    """The rows of the image that a part is a view of, and its columns; None where it is none."""
    image = part.base
    if part.flags.c_contiguous or not isinstance(image, np.ndarray) or image.ndim != part.ndim:
        return None
    is_alike = image.dtype == part.dtype and image.strides == part.strides
    if not (is_alike and image.flags.c_contiguous and 2 * part.shape[1] >= image.shape[1]):
        return None
    begin = (part.ctypes.data - image.ctypes.data) // image.itemsize
    top, left = divmod(begin, image.shape[1])
    return image[top : top + part.shape[0]], slice(left, left + part.shape[1])


def _shares(has: int, rows: int, scale: float) -> "scipy.sparse.csr_array":
    """Of which rows, and with which shares, each row of the result is made: (rows, has)."""
    begin = np.arange(rows) * scale
    end = np.minimum(begin + scale, has)
    index = np.floor(begin).astype(np.int64)[:, None] + np.arange(int(np.ceil(scale)) + 1)
    inside = np.minimum(index + 1, end[:, None]) - np.maximum(index, begin[:, None])
    counts = (inside > LEAST_SHARE) & (index < has)
    shares = np.where(counts, inside, 0) / (end - begin)[:, None]
    starts = np.concatenate([[0], np.cumsum(counts.sum(axis=1))])
    return scipy.sparse.csr_array(
        (shares[counts].astype(np.float32), index[counts], starts), shape=(rows, has)
    )
