"""The fonts of overlays and pages.

Noto Sans comes with the node: Latin, Greek and Cyrillic, with Romanian's and Kazakh's letters. For
Chinese, Japanese and Korean no kept package of Python's has a font: one that the machine has
installed is used (Debian: ``fonts-droid-fallback``, which the container image has).
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from PIL import ImageFont

# By which name each free font with East Asian signs lies there; the first one that does is used.
_EAST_ASIAN = (
    "DroidSansFallbackFull.ttf",
    "DroidSansFallback.ttf",
    "wqy-microhei.ttc",
    "wqy-zenhei.ttc",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EastAsianFont:
    """A font that this machine has, and the code points that it can draw."""

    file: Path
    letters: frozenset[int]


def font_file() -> Path:
    """Return the font's file."""
    return Path(str(files("fontpkg_noto_sans") / "files" / "NotoSans[wdth,wght].ttf"))


@lru_cache(maxsize=64)
def face(size: float) -> ImageFont.FreeTypeFont:
    """Return the face in a size, in pixels; the same for the same size."""
    return ImageFont.truetype(str(font_file()), size)


@lru_cache(maxsize=1)
def east_asian_font() -> EastAsianFont | None:
    """Return the installed font for Chinese, Japanese and Korean; None where there is none."""
    from fontTools.ttLib import TTFont  # noqa: PLC0415 - only where such a name is to be written

    found = {path.name: path for folder in _folders() for path in sorted(folder.rglob("*.tt[cf]"))}
    for name in _EAST_ASIAN:
        if name in found:
            with TTFont(found[name], lazy=True, fontNumber=0) as font:
                return EastAsianFont(file=found[name], letters=frozenset(font.getBestCmap()))
    return None


def _folders() -> Iterator[Path]:
    own = Path(os.environ.get("XDG_DATA_HOME") or Path("~/.local/share").expanduser())
    yield from (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), own / "fonts")
