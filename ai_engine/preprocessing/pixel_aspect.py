"""The shape of a pixel (PS3.3 C.7.6.3.1.7)."""

from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType

from pydicom import Dataset

from ai_engine.preprocessing.header_values import Numbers, UnreadableValueError, numbers

_NAMES = MappingProxyType(
    {
        "PixelSpacing": "Pixel Spacing",
        "ImagerPixelSpacing": "Imager Pixel Spacing",
        "PixelAspectRatio": "Pixel Aspect Ratio",
    }
)
_ALIKE = 0.05
"""Part by which two ratios of one image may differ."""

_OF_PIXELS = (0.005, 10.0)
"""Millimetres between pixels of any X-ray image: others are micrometres, metres or a mistake."""

_FLATTEST = 5
"""Height over width, or the reverse, beyond which a value is a mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelAspect:
    """Height over width of a pixel, and what the header gets wrong of it."""

    ratio: float = 1.0
    corrections: tuple[str, ...] = ()


def is_spacing_of_pixels(millimetres: Iterable[float]) -> bool:
    """Whether distances of rows and columns are such as X-ray images have."""
    smallest, largest = _OF_PIXELS
    return all(smallest <= each <= largest for each in millimetres)


def read_pixel_aspect(dataset: Dataset) -> PixelAspect:
    """Read Pixel Spacing, else Imager Pixel Spacing, else Pixel Aspect Ratio; else 1.

    Where one of them says that pixels are square and another one that they are not, they are: the
    magnification, which these two may differ by, is the same both ways.
    """
    said: tuple[str, ...] = ()
    ratios: dict[str, float] = {}
    for keyword, name in _NAMES.items():
        try:
            found = numbers(dataset, keyword)
        except UnreadableValueError:
            said += (f"{name} cannot be read, and was passed over.",)
            continue
        ratio = _ratio(found)
        if ratio is None and len(found.values) > 1:
            said += (f"{name} cannot be read, and was passed over.",)
        if keyword != "PixelAspectRatio" and ratio and not is_spacing_of_pixels(found.values):
            said += (f"{name} is none of an X-ray image in millimetres: results state no size.",)
        if ratio is not None:
            if found.has_comma and not ratios:
                said += (f"{name} has a decimal comma, and was read so.",)
            ratios[name] = ratio
    if not ratios:
        return PixelAspect(corrections=said)
    first, *others = ratios
    odd = next((each for each in others if not _are_alike(ratios[each], ratios[first])), None)
    if odd is None:
        return PixelAspect(ratio=ratios[first], corrections=said)
    square = any(_are_alike(each, 1.0) for each in ratios.values())
    if square:
        return PixelAspect(
            corrections=(*said, f"{first} and {odd} contradict each other: pixels count as square.")
        )
    return PixelAspect(
        ratio=ratios[first],
        corrections=(*said, f"{first} and {odd} contradict each other: the first was taken."),
    )


def _are_alike(one: float, other: float) -> bool:
    return abs(one / other - 1.0) <= _ALIKE


def _ratio(found: Numbers) -> float | None:
    if len(found.values) != 2 or min(found.values) <= 0:
        return None
    height, width = found.values
    return height / width if 1 / _FLATTEST < height / width < _FLATTEST else None
