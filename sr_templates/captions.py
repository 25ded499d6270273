"""Bands of text above and below an image: nothing is ever written on the anatomy."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from sr_templates.fonts import face
from sr_templates.language.language import Language
from sr_templates.repair import shortened

RGB = tuple[int, int, int]
Pixels = npt.NDArray[np.uint8]

BACKGROUND: RGB = (14, 15, 18)
TEXT: RGB = (244, 244, 240)
SECONDARY_TEXT: RGB = (178, 181, 186)
WARNING_BACKGROUND: RGB = (255, 190, 11)
WARNING_TEXT: RGB = (20, 16, 0)

_LEADING = 1.42
# A number and its unit stay together.
_UNBROKEN = re.compile(r" (?!%|ml\b)")
_SMALLEST = 11.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a band.

    ``left`` and ``right`` are written to the band's edges. ``between`` draws a picture of a given
    width and height into what is left between them: a legend's colour bar.
    """

    left: str
    right: str = ""
    color: RGB = TEXT
    scale: float = 1.0
    is_centred: bool = False
    between: Callable[[int, int], Pixels] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Lines below each other, as wide as the image."""

    lines: tuple[Line, ...]
    background: RGB = BACKGROUND

    def height(self, size: int) -> int:
        """Height in pixels where a line with scale 1 has text of ``size`` pixels."""
        return sum(_line_height(line, size) for line in self.lines) + _margin(size)


def told(bands: Iterable[Band], language: Language) -> list[Band]:
    """Say what stands in bands in a language."""
    return [
        replace(
            band,
            lines=tuple(
                replace(line, left=language.said(line.left), right=language.said(line.right))
                for line in band.lines
            ),
        )
        for band in bands
    ]


def paragraph(words: str, *, width: int, size: int, scale: float = 1.0) -> tuple[Line, ...]:
    """Give a sentence as lines that fit a picture of ``width`` pixels, broken between words."""
    font, room = face(size * scale), width - 2 * _margin(size)
    lines: list[str] = []
    for word in filter(None, _UNBROKEN.split(words)):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) + font.size <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return tuple(Line(left=each, scale=scale) for each in lines)


def drawn(band: Band, *, width: int, size: int) -> Pixels:
    """Draw a band, shape (height, width, 3), uint8 RGB.

    A line that is too long for the width is set smaller, and cut where even that is not enough.
    """
    margin = _margin(size)
    image = Image.new("RGB", (width, band.height(size)), band.background)
    draw = ImageDraw.Draw(image)
    top = margin / 2
    for line in band.lines:
        height = _line_height(line, size)
        place = _Place(left=margin, right=width - margin, middle=top + height / 2)
        _write(image, draw, line, size * line.scale, place)
        top += height
    return np.asarray(image)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    left: float
    right: float
    middle: float

    @property
    def room(self) -> float:
        return self.right - self.left


def _write(
    image: Image.Image, draw: ImageDraw.ImageDraw, line: Line, size: float, place: _Place
) -> None:
    font = _fitting_font(line, size, place.room)
    if line.is_centred:
        centre = (place.left + place.room / 2, place.middle)
        words = _cut(line.left, font, place.room)
        draw.text(centre, words, fill=line.color, font=font, anchor="mm")
        return
    gap = font.size
    left = _cut(line.left, font, place.room)
    right = _cut(line.right, font, place.room - gap - font.getlength(left))
    draw.text((place.left, place.middle), left, fill=line.color, font=font, anchor="lm")
    draw.text((place.right, place.middle), right, fill=line.color, font=font, anchor="rm")
    if line.between is not None:
        start = round(place.left + font.getlength(left) + gap / 2)
        end = round(place.right - font.getlength(right) - gap / 2)
        height = round(0.7 * font.size)
        if end - start > 2 * height:
            picture = Image.fromarray(line.between(end - start, height))
            image.paste(picture, (start, round(place.middle - height / 2)))


def _fitting_font(line: Line, size: float, room: float) -> ImageFont.FreeTypeFont:
    """Give the largest size, up to ``size``, in which the whole line fits the room."""
    font = face(size)
    words = f"{line.left} {line.right}"
    while font.size > _SMALLEST and font.getlength(words) + font.size > room:
        font = face(max(_SMALLEST, 0.94 * font.size))
    return font


def _cut(text: str, font: ImageFont.FreeTypeFont, room: float) -> str:
    """Shorten text between two words, with dots at its end, until it fits."""
    if font.getlength(text) <= room:
        return text
    for limit in range(len(text) - 1, 3, -1):
        kept = shortened(text, limit)
        if font.getlength(kept) <= room:
            return kept
    return ""


def _line_height(line: Line, size: int) -> int:
    return round(_LEADING * size * line.scale)


def _margin(size: int) -> int:
    return round(0.6 * size)
