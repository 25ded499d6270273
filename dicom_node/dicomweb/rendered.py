"""Rendered images (PS3.18 Section 8.7.4 and 10.4.1.1.4): ready for any image element."""

import io
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
from dicom_node.dicomweb.data_sets import whole
from dicom_node.dicomweb.errors import BadSearchError
from dicom_node.dicomweb.frames import decoded

JPEG, PNG = "image/jpeg", "image/png"
_LARGEST_SIDE = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """What a client asks of a rendered image; the image's own window and size by default."""

    window: tuple[float, float] | None = None
    viewport: tuple[int, int] | None = None
    quality: int = 90

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "Rendering":
        """Read the query parameters of PS3.18 Table 8.3.5-1.

        Raises
        ------
        BadSearchError
            When one cannot be understood; the message says what is expected.
        """
        window, viewport = query.get("window", ""), query.get("viewport", "")
        return cls(
            window=_window(window) if window else None,
            viewport=_viewport(viewport) if viewport else None,
            quality=_quality(query.get("quality", "90")),
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
    if rendering.viewport:
        image.thumbnail(rendering.viewport)
    encoded = io.BytesIO()
    if media_type == JPEG:
        image.save(encoded, "JPEG", quality=rendering.quality)
    else:
        image.save(encoded, "PNG", compress_level=1)
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
            grey = _windowed(dataset, stored, rendering.window)
        else:
            grey = display(dataset, stored, is_inverted=_is_inverted(dataset)).pixels
    except ImageRefusedError:  # nothing to see, and that is what is shown
        grey = np.zeros(stored.shape, np.float32)
    return np.asarray(grey * 255 + 0.5, dtype=np.uint8)


def _windowed(
    dataset: Dataset, stored: npt.NDArray[Any], window: tuple[float, float]
) -> npt.NDArray[np.float32]:
    center, width = window
    modality = read_modality(dataset, int(stored.min()), int(stored.max()))
    values = modality.apply(stored).astype(np.float32)
    # The linear VOI function (PS3.3 C.11.2.1.2.1), which leaves black and white half a step out.
    ramp = (values - (center - 0.5)) / max(width - 1, 1e-6) + 0.5
    grey = np.clip(ramp, 0.0, 1.0)
    return np.asarray(1 - grey if _is_inverted(dataset) else grey, dtype=np.float32)


def _is_inverted(dataset: Dataset) -> bool:
    return word(dataset, "PhotometricInterpretation") == "MONOCHROME1"


def _window(text: str) -> tuple[float, float]:
    parts = text.split(",")
    try:
        center, width = float(parts[0]), float(parts[1])
    except (ValueError, IndexError):
        center, width = 0.0, 0.0
    if width < 1:
        raise BadSearchError("window is CENTER,WIDTH with a width of at least 1")
    return center, width


def _viewport(text: str) -> tuple[int, int]:
    parts = text.split(",")
    try:
        size = int(parts[0]), int(parts[1])
    except (ValueError, IndexError):
        size = 0, 0
    if not all(1 <= side <= _LARGEST_SIDE for side in size):
        raise BadSearchError(f"viewport is WIDTH,HEIGHT, each 1 to {_LARGEST_SIDE}")
    return size


def _quality(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= 100:
        raise BadSearchError("quality is a number from 1 to 100")
    return int(text)
