"""What a network of somebody else is given of a radiograph, and which part of it that is."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ai_engine.library.card import ModelCard
from ai_engine.library.tensors import WHOLE, Datatype, Fit, Layout, Scaling, Shown, Tensors
from ai_engine.prediction import Region
from ai_engine.preprocessing.geometry import (
    FloatImage,
    Mask,
    centered,
    fitted,
    standardize,
    whole_pixels,
)
from ai_engine.preprocessing.harmonization import equalized
from ai_engine.preprocessing.radiograph import Radiograph

IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32)
IMAGENET_DEVIATION = np.array([0.229, 0.224, 0.225], dtype=np.float32)

_TYPES = {
    Datatype.FP32: np.float32,
    Datatype.FP64: np.float64,
    Datatype.UINT8: np.uint8,
    Datatype.UINT16: np.uint16,
}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class NetworkInput:
    """One image as a network is given it.

    ``values`` has the card's layout and type, one case; ``region`` is the part of the source image
    that it shows, ``mask`` (size, size) where that is the image and not black beside it.
    """

    values: npt.NDArray[np.generic]
    region: Region
    mask: Mask


def network_input(card: ModelCard, tensors: Tensors, radiograph: Radiograph) -> NetworkInput:
    """Bring an image into a network's size, scale, type and order of axes."""
    content = radiograph.content
    if tensors.shown is Shown.WHOLE:
        content = Region(left=0, top=0, right=radiograph.columns, bottom=radiograph.rows)
    content = centered(content, card.center_crop)
    pixels = radiograph.pixels
    if card.equalized:
        pixels = equalized(pixels, content)
    if tensors.fit is Fit.CENTER:
        content = _middle(content, radiograph.aspect_ratio)
    if tensors.fit is Fit.STRETCH:
        grey, mask, region = _stretched(pixels, content, card.input_size)
    else:
        view = fitted(
            pixels, size=card.input_size, content=content, aspect_ratio=radiograph.aspect_ratio
        )
        grey, mask, region = view.values, view.mask, view.region
    planes = _scaled(grey, mask, tensors)
    return NetworkInput(values=_laid_out(planes, tensors), region=region, mask=mask)


def _middle(region: Region, aspect_ratio: float) -> Region:
    """The largest square, in millimetres, in the middle of a region."""
    width, height = region.right - region.left, (region.bottom - region.top) * aspect_ratio
    side = min(width, height)
    x, y = (region.left + region.right) / 2, (region.top + region.bottom) / 2
    across, down = side / 2, side / aspect_ratio / 2
    return Region(left=x - across, top=y - down, right=x + across, bottom=y + down)


def _stretched(pixels: FloatImage, content: Region, size: int) -> tuple[FloatImage, Mask, Region]:
    part = pixels[whole_pixels(content, pixels.shape)]
    grey = cv2.resize(part, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(grey, dtype=np.float32), np.ones((size, size), dtype=np.bool_), content


def _scaled(grey: FloatImage, mask: Mask, tensors: Tensors) -> FloatImage:
    """Grey from 0 to 1 as planes of what the network knows: float32 (channels, rows, columns)."""
    planes = np.repeat(grey[np.newaxis], tensors.channels, axis=0)
    match tensors.scaling:
        case Scaling.STANDARD:
            return np.repeat(standardize(grey, mask)[np.newaxis], tensors.channels, axis=0)
        case Scaling.UNIT:
            return planes
        case Scaling.BYTE:
            return planes * np.float32(255)
        case Scaling.IMAGENET:
            mean, deviation = IMAGENET_MEAN[:, None, None], IMAGENET_DEVIATION[:, None, None]
            return np.asarray((planes - mean) / deviation, dtype=np.float32)
        case Scaling.XRAYVISION:
            return planes * np.float32(2048) - np.float32(1024)


def _laid_out(planes: FloatImage, tensors: Tensors) -> npt.NDArray[np.generic]:
    values: npt.NDArray[np.generic] = np.rint(planes) if tensors.datatype in WHOLE else planes
    match tensors.layout:
        case Layout.NHWC:
            values = np.moveaxis(values, 0, -1)
        case Layout.NHW:
            values = values[0]
        case Layout.NCHW:
            pass
    return np.ascontiguousarray(values[np.newaxis], dtype=_TYPES[tensors.datatype])
