"""The shape of a pixel (PS3.3 C.7.6.3.1.7)."""

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
_FLATTEST = 5
"""Height over width, or the reverse, beyond which a value is a mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelAspect:
    """Height over width of a pixel, and what the header gets wrong of it."""

    ratio: float = 1.0
    corrections: tuple[str, ...] = ()


def read_pixel_aspect(dataset: Dataset) -> PixelAspect:
    """Read Pixel Spacing, else Imager Pixel Spacing, else Pixel Aspect Ratio; else 1."""
    said: tuple[str, ...] = ()
    for keyword, name in _NAMES.items():
        try:
            found = numbers(dataset, keyword)
        except UnreadableValueError:
            said += (f"{name} cannot be read, and was passed over.",)
            continue
        if (ratio := _ratio(found)) is not None:
            comma = f"{name} has a decimal comma, and was read so."
            return PixelAspect(ratio=ratio, corrections=(*said, *((comma,) * found.has_comma)))
    return PixelAspect(corrections=said)


def _ratio(found: Numbers) -> float | None:
    if len(found.values) != 2 or min(found.values) <= 0:
        return None
    height, width = found.values
    return height / width if 1 / _FLATTEST < height / width < _FLATTEST else None
