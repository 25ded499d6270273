"""Rendered images (PS3.18 Section 8.7.4 and 10.4.1.1.4): ready for any image element."""

import io
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom import Dataset
from pydicom.pixels.processing import apply_color_lut

from ai_engine.errors import ImageRefusedError
from ai_engine.preprocessing.grayscale import display
from ai_engine.preprocessing.header_values import word
from ai_engine.preprocessing.modality import read_modality
from dicom_node.dicomweb.annotating import annotated, read_annotation
from dicom_node.dicomweb.coloring import in_colors, read_profile
from dicom_node.dicomweb.data_sets import whole
from dicom_node.dicomweb.errors import BadSearchError
from dicom_node.dicomweb.frames import decoded

JPEG, PNG = "image/jpeg", "image/png"
_LARGEST_SIDE = 8192
# VOI LUT Functions (PS3.3 Section C.11.2.1.3), as PS3.18 Section 8.3.5.1.4 writes them.
_LINEAR, _LINEAR_EXACT, _SIGMOID = "linear", "linear-exact", "sigmoid"
_NARROWEST = 1e-6
_Region = tuple[int, int, int | None, int | None]
_Share = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """What a client asks of a rendered image; the image's own window and size by default.

    ``function`` is the VOI LUT Function of the window; ``region`` is the part of the image that is
    shown, in pixels: left, top, width and height, the last two None for all of what is left;
    ``share`` is the same in parts of the image's width and height: left, top, right and bottom.
    ``color_profile`` and ``annotation`` are as `dicom_node.dicomweb.coloring` and
    `dicom_node.dicomweb.annotating` read them.
    """

    window: tuple[float, float] | None = None
    function: str = _LINEAR
    viewport: tuple[int, int] | None = None
    region: _Region | None = None
    share: _Share | None = None
    quality: int = 90
    color_profile: str = ""
    annotation: frozenset[str] = frozenset()

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "Rendering":
        """Read the query parameters of PS3.18 Table 8.3.5-1.

        Raises
        ------
        BadSearchError
            When one cannot be understood; the message says what is expected.
        """
        window, viewport = query.get("window", ""), query.get("viewport", "")
        center, width, function = _window(window) if window else (0.0, 0.0, _LINEAR)
        return cls(
            window=(center, width) if window else None,
            function=function,
            viewport=_viewport(viewport) if viewport else None,
            region=_region(viewport),
            quality=_quality(query.get("quality", "90")),
            color_profile=read_profile(query.get("iccprofile", "")),
            annotation=read_annotation(query.get("annotation", "")),
        )


def render(path: Path, number: int, media_type: str, rendering: Rendering) -> bytes:
    """Return one frame, counted from 1, as a JPEG or PNG file.

    Raises
    ------
    DicomWebError
        When the frame does not exist or cannot be decoded.
    """
    dataset = whole(path)
    image = Image.fromarray(_displayed(dataset, decoded(dataset, number), rendering))
    if region := rendering.region or (rendering.share and _in_pixels(rendering.share, image.size)):
        image = _part(image, region)
    if rendering.viewport:
        image.thumbnail(rendering.viewport)
    if rendering.annotation:
        image = annotated(image, dataset, number, rendering.annotation)
    image, profile = in_colors(image, dataset, rendering.color_profile)
    encoded = io.BytesIO()
    if media_type == JPEG:
        image.save(encoded, "JPEG", quality=rendering.quality, icc_profile=profile)
    else:
        image.save(encoded, "PNG", compress_level=1, icc_profile=profile)
    return encoded.getvalue()


def _displayed(
    dataset: Dataset, stored: npt.NDArray[Any], rendering: Rendering
) -> npt.NDArray[np.uint8]:
    if word(dataset, "PhotometricInterpretation") == "PALETTE COLOR":
        stored = apply_color_lut(stored, dataset)
    if stored.ndim == 3:
        scale = 8 * (stored.dtype.itemsize - 1)
        return np.asarray(stored >> scale, dtype=np.uint8)
    try:
        if rendering.window:
            grey = _windowed(dataset, stored, rendering.window, rendering.function)
        else:
            grey = display(dataset, stored, is_inverted=_is_inverted(dataset)).pixels
    except ImageRefusedError:  # nothing to see, and that is what is shown
        grey = np.zeros(stored.shape, np.float32)
    return np.asarray(grey * 255 + 0.5, dtype=np.uint8)


def _windowed(
    dataset: Dataset, stored: npt.NDArray[Any], window: tuple[float, float], function: str
) -> npt.NDArray[np.float32]:
    center, width = window
    modality = read_modality(dataset, int(stored.min()), int(stored.max()))
    values = modality.apply(stored).astype(np.float32)
    if function == _SIGMOID:
        grey = 1 / (1 + np.exp(np.clip(-4 * (values - center) / width, -80.0, 80.0)))
    elif function == _LINEAR_EXACT:
        grey = np.clip((values - center) / width + 0.5, 0.0, 1.0)
    else:  # this one leaves black and white half a step out (PS3.3 C.11.2.1.2.1)
        ramp = (values - (center - 0.5)) / max(width - 1, 1e-6) + 0.5
        grey = np.clip(ramp, 0.0, 1.0)
    return np.asarray(1 - grey if _is_inverted(dataset) else grey, dtype=np.float32)


def _is_inverted(dataset: Dataset) -> bool:
    return word(dataset, "PhotometricInterpretation") == "MONOCHROME1"


def _window(text: str) -> tuple[float, float, str]:
    numbers, function = text.split(",")[:2], ",".join(text.split(",")[2:]).lower() or _LINEAR
    if function not in (_LINEAR, _LINEAR_EXACT, _SIGMOID):
        raise BadSearchError(f"the window's function is {_LINEAR}, {_LINEAR_EXACT} or {_SIGMOID}")
    try:
        center, width = (float(each) for each in numbers)
    except ValueError:
        center, width = 0.0, 0.0
    is_finite = math.isfinite(center) and math.isfinite(width)
    if not is_finite or width < (1 if function == _LINEAR else _NARROWEST):
        least = "of at least 1" if function == _LINEAR else "above 0"
        raise BadSearchError(f"window is CENTER,WIDTH with a width {least}")
    return center, width, function


def _viewport(text: str) -> tuple[int, int]:
    parts = text.split(",")
    try:
        size = int(parts[0]), int(parts[1])
    except (ValueError, IndexError):
        size = 0, 0
    if not all(1 <= side <= _LARGEST_SIDE for side in size):
        raise BadSearchError(f"viewport is WIDTH,HEIGHT, each 1 to {_LARGEST_SIDE}")
    return size


def _region(text: str) -> _Region | None:
    """Read what a viewport says of the part that is shown; what it leaves out, is all."""
    parts = text.split(",")[2:]
    if not any(parts):
        return None
    if len(parts) > 4 or not all(re.fullmatch("[0-9]{0,9}", each) for each in parts):
        raise BadSearchError("a viewport's region is LEFT,TOP,WIDTH,HEIGHT in pixels of the image")
    left, top, width, height = (int(each) if each else None for each in [*parts, "", "", ""][:4])
    return left or 0, top or 0, width, height


def _part(image: Image.Image, region: _Region) -> Image.Image:
    left, top, width, height = region
    right = image.width if width is None else left + width
    bottom = image.height if height is None else top + height
    if not (left < right <= image.width and top < bottom <= image.height):
        raise BadSearchError(
            f"the region does not lie within the image, which has {image.width} columns and "
            f"{image.height} rows"
        )
    return image.crop((left, top, right, bottom))


def read_share(text: str) -> _Share:
    """Read the region of the URI service (PS3.18 Section 9.5.1.2.5): parts of width and height.

    Raises
    ------
    BadSearchError
        It is none.
    """
    try:
        left, top, right, bottom = (float(each) for each in text.split(","))
    except ValueError:
        left, top, right, bottom = 0.0, 0.0, 0.0, 0.0
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise BadSearchError("region is XMIN,YMIN,XMAX,YMAX, each from 0 to 1")
    return left, top, right, bottom


def _in_pixels(share: _Share, size: tuple[int, int]) -> _Region:
    """Return the pixels that a share of an image touches: one at least."""
    left, top, right, bottom = (part * side for part, side in zip(share, size * 2, strict=True))
    first = int(left), int(top)
    return *first, math.ceil(right) - first[0], math.ceil(bottom) - first[1]


def _quality(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= 100:
        raise BadSearchError("quality is a number from 1 to 100")
    return int(text)
