"""Which part of an image a network sees, and where that part lies in the source image."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ai_engine.prediction import Region
from ai_engine.preprocessing.area_averaging import averaged

FloatImage = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

FLAT_LINE_SPREAD = 0.03
"""A row or column whose grey values spread less than this (of 1) shows no anatomy."""

LARGEST_TRIM = 0.35
"""At most this part of an edge is taken for border; more would be a guess about anatomy."""

_PROFILE_SIZE = 256


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class FittedView:
    """The same square before it is standardised: ``values`` from 0 to 1, 0 outside of ``mask``."""

    values: FloatImage
    mask: Mask
    region: Region


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ModelView:
    """What a network sees of one image.

    ``values`` is float32 (size, size): mean 0 and variance 1 over ``mask``, the pixels that come
    from the image; outside it lies black padding. ``region`` is the square that the view covers,
    in source pixels.
    """

    values: FloatImage
    mask: Mask
    region: Region


def content_region(pixels: FloatImage) -> Region:
    """Find the exposed area: the image without uniform borders and collimator shadows.

    Parameters
    ----------
    pixels
        Float32 (rows, columns), 0 to 1.

    Returns
    -------
    Region
        In pixels of the image. The whole image where no uniform border was found.
    """
    rows, columns = pixels.shape
    small = averaged(pixels, rows=_PROFILE_SIZE, columns=_PROFILE_SIZE)
    top, bottom = _trim(_spread(small, axis=1))
    left, right = _trim(_spread(small[top:bottom], axis=0))
    return Region(
        left=left * columns / _PROFILE_SIZE,
        top=top * rows / _PROFILE_SIZE,
        right=right * columns / _PROFILE_SIZE,
        bottom=bottom * rows / _PROFILE_SIZE,
    )


def centered(region: Region, share: float) -> Region:
    """The centre of a region: ``share`` of its width and height."""
    x, y = (region.left + region.right) / 2, (region.top + region.bottom) / 2
    width = (region.right - region.left) * share / 2
    height = (region.bottom - region.top) * share / 2
    return Region(left=x - width, top=y - height, right=x + width, bottom=y + height)


def whole_pixels(region: Region, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The rows and columns, at least one each, that stand for a region of an image of a shape."""
    rows, columns = shape
    left, top = max(int(region.left), 0), max(int(region.top), 0)
    right, bottom = max(round(region.right), left + 1), max(round(region.bottom), top + 1)
    return slice(top, min(bottom, rows)), slice(left, min(right, columns))


def covered(width: float, height: float, size: int) -> tuple[slice, slice]:
    """The rows and columns, in the middle of a square view, that content of a shape covers."""
    scale = size / max(width, height)
    columns, rows = (min(max(round(side * scale), 1), size) for side in (width, height))
    x, y = (size - columns) // 2, (size - rows) // 2
    return slice(y, y + rows), slice(x, x + columns)


def letterbox(
    pixels: FloatImage, *, size: int, content: Region | None = None, aspect_ratio: float = 1.0
) -> ModelView:
    """Fit the content into a square, keeping its shape, and standardise it.

    Parameters
    ----------
    pixels
        Float32 (rows, columns), 0 to 1, bright is dense.
    size
        Rows and columns of the view.
    content
        The part of the image to show; the whole image if None.
    aspect_ratio
        Height of a source pixel over its width (PS3.3 C.7.6.3.1.7); the view's pixels are square.

    Returns
    -------
    ModelView
        The view, its mask and the region it covers.
    """
    view = fitted(pixels, size=size, content=content, aspect_ratio=aspect_ratio)
    return ModelView(values=standardize(view.values, view.mask), mask=view.mask, region=view.region)


def fitted(
    pixels: FloatImage, *, size: int, content: Region | None = None, aspect_ratio: float = 1.0
) -> FittedView:
    """Fit the content into a square, keeping its shape; parameters are those of `letterbox`."""
    rows, columns = pixels.shape
    shown = content or Region(left=0, top=0, right=columns, bottom=rows)
    width, height = shown.right - shown.left, (shown.bottom - shown.top) * aspect_ratio
    scale = size / max(width, height)
    reach_x, reach_y = size / scale, size / scale / aspect_ratio
    center_x, center_y = (shown.left + shown.right) / 2, (shown.top + shown.bottom) / 2
    region = Region(
        left=center_x - reach_x / 2,
        top=center_y - reach_y / 2,
        right=center_x + reach_x / 2,
        bottom=center_y + reach_y / 2,
    )
    values, mask = _resample(pixels, shown, size, covered(width, height, size))
    return FittedView(values=values, mask=mask, region=region)


def standardize(values: FloatImage, mask: Mask) -> FloatImage:
    """Shift and scale so that the masked pixels have mean 0 and variance 1.

    The padding is scaled along, so that it stays as dark as the darkest film.
    """
    inside = values[mask]
    spread = float(inside.std()) if inside.size else 0.0
    mean = float(inside.mean()) if inside.size else 0.0
    return np.asarray((values - mean) / max(spread, 1e-4), dtype=np.float32)


def _resample(
    pixels: FloatImage, shown: Region, size: int, place: tuple[slice, slice]
) -> tuple[FloatImage, Mask]:
    """Area averaging over the whole pixels of the shown part."""
    part = pixels[whole_pixels(shown, pixels.shape)]
    values = np.zeros((size, size), dtype=np.float32)
    height, width = values[place].shape
    values[place] = averaged(part, rows=height, columns=width)
    mask = np.zeros((size, size), dtype=np.bool_)
    mask[place] = True
    return values, mask


def _spread(image: FloatImage, *, axis: int) -> npt.NDArray[np.float32]:
    """How far the grey values of each line reach, without its five per cent extremes."""
    low, high = np.percentile(image, (5, 95), axis=axis)
    return np.asarray(high - low, dtype=np.float32)


def _trim(spread: npt.NDArray[np.float32]) -> tuple[int, int]:
    """First and past-the-last line that are not part of a flat border."""
    lines = len(spread)
    shown = np.flatnonzero(spread > FLAT_LINE_SPREAD)
    if shown.size == 0:
        return 0, lines
    limit = int(lines * LARGEST_TRIM)
    first, last = int(shown[0]), int(shown[-1]) + 1
    return min(first, limit), max(last, lines - limit)
