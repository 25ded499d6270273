"""Exported images as 8-bit PNG, as the models see them, with boxes on the same scale."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ai_engine.errors import ImageRefusedError
from ai_engine.prediction import Region
from ai_engine.preprocessing.radiograph import read_radiograph
from dicom_node.errors import NodeError
from dicom_node.export.sources import ExportedImage

LONGEST_SIDE = 1024
"""Larger images are reduced to this side, as NIH published theirs."""


class NotAPictureError(NodeError):
    """An image that cannot be shown as one grayscale picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A PNG that was written; ``scale`` leads from the source's pixels to the picture's."""

    file: str
    rows: int
    columns: int
    scale: float

    def box(self, region: Region) -> tuple[float, float, float, float]:
        """A box as x, y, width and height in the picture's pixels, cut at its edges."""
        left, right = (
            min(max(edge * self.scale, 0), self.columns) for edge in (region.left, region.right)
        )
        top, bottom = (
            min(max(edge * self.scale, 0), self.rows) for edge in (region.top, region.bottom)
        )
        return (round(left, 2), round(top, 2), round(right - left, 2), round(bottom - top, 2))


def write_picture(image: ExportedImage, folder: Path) -> Picture:
    """Write an image as PNG, bright is dense.

    Raises
    ------
    NotAPictureError
        If it has several frames, colour, or pixels that cannot be decoded.
    """
    try:
        pixels = read_radiograph(image.dataset).pixels
    except ImageRefusedError as error:
        raise NotAPictureError(f"no grayscale picture: {error.reason.value}") from error
    scale = min(LONGEST_SIDE / max(pixels.shape), 1.0)
    if scale < 1:
        pixels = np.asarray(
            cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA),
            dtype=np.float32,
        )
    file = f"{image.uid}.png"
    folder.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / file), np.round(pixels * 255).astype(np.uint8))
    return Picture(file=file, rows=pixels.shape[0], columns=pixels.shape[1], scale=scale)
