"""Bands of text above and below an image: nothing is ever written on the anatomy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

RGB = tuple[int, int, int]
Pixels = npt.NDArray[np.uint8]

BACKGROUND: RGB = (14, 15, 18)
TEXT: RGB = (240, 240, 236)
SECONDARY_TEXT: RGB = (172, 175, 180)
WARNING_BACKGROUND: RGB = (255, 190, 11)
WARNING_TEXT: RGB = (20, 16, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a band: words at the left and, where there is room for both, at the right."""

    left: str
    right: str = ""
    color: RGB = TEXT
    scale: float = 1.0
    is_centred: bool = False


def band(lines: Sequence[Line], *, width: int, size: int, background: RGB = BACKGROUND) -> Pixels:
    """Write lines of text below each other on a band as wide as the image.

    Parameters
    ----------
    width
        The band's width in pixels; a line that is too long is set smaller, and in the end cut.
    size
        The text size in pixels of a line with scale 1.

    Returns
    -------
    ndarray
        The band, shape (height, width, 3), uint8 RGB.
    """
    margin = round(0.6 * size)
    heights = [round(1.42 * size * line.scale) for line in lines]
    image = Image.new("RGB", (width, sum(heights) + margin), background)
    draw = ImageDraw.Draw(image)
    top = margin / 2
    for line, height in zip(lines, heights, strict=True):
        _write(draw, line, size * line.scale, (margin, top + height / 2), width - 2 * margin)
        top += height
    return np.asarray(image)


def _write(
    draw: ImageDraw.ImageDraw,
    line: Line,
    size: float,
    left_middle: tuple[float, float],
    room: float,
) -> None:
    x, y = left_middle
    gap = 1.5 * size if line.right else 0.0
    both, font = f"{line.left}{line.right}", _font(size)
    while _width(font, both) + gap > room and font.size > _SMALLEST:
        font = _font(max(_SMALLEST, font.size * 0.92))
    if _width(font, both) + gap > room:
        # Even the smallest size is too wide: cut the right side, then the left.
        right_room = room - gap - _width(font, line.left)
        right = _cut(line.right, lambda text: _width(font, text) <= right_room)
        left = _cut(line.left, lambda text: _width(font, text) <= room)
    else:
        left, right = line.left, line.right
    if line.is_centred:
        draw.text((x + room / 2, y), left, fill=line.color, font=font, anchor="mm")
        return
    draw.text((x, y), left, fill=line.color, font=font, anchor="lm")
    if right:
        draw.text((x + room, y), right, fill=line.color, font=font, anchor="rm")


_SMALLEST = 10.0


def _font(size: float) -> ImageFont.FreeTypeFont:
    """Give Pillow's built-in scalable face, so that no font file has to be shipped."""
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType: overlays need a scalable font")
    return font


def _width(font: ImageFont.FreeTypeFont, text: str) -> float:
    return font.getlength(text) if text else 0.0


def _cut(text: str, fits: Callable[[str], bool]) -> str:
    if fits(text):
        return text
    for end in range(len(text) - 1, 0, -1):
        if fits(f"{text[:end].rstrip()}..."):
            return f"{text[:end].rstrip()}..."
    return ""
