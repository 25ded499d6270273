"""The fonts of overlays and pages: Noto Sans, with Latin, Greek and Cyrillic, Kazakh's too."""

from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from PIL import ImageFont


def font_file() -> Path:
    """Return the font's file."""
    return Path(str(files("fontpkg_noto_sans") / "files" / "NotoSans[wdth,wght].ttf"))


@lru_cache(maxsize=64)
def face(size: float) -> ImageFont.FreeTypeFont:
    """Return the face in a size, in pixels; the same for the same size."""
    return ImageFont.truetype(str(font_file()), size)
