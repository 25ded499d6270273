"""What is written into rendered images where that is asked for (PS3.18 Section 8.3.5.1.1).

``patient`` is who is shown, ``technique`` is how the image was made. What the font has no letters
for is left out as a whole: half a name is nobody's.
"""

from collections.abc import Iterator

from PIL import Image, ImageDraw, ImageFont
from pydicom import Dataset
from pydicom.multival import MultiValue

from dicom_node.dicomweb.errors import BadSearchError
from sr_templates.fonts import face

_PATIENT, _TECHNIQUE = "patient", "technique"
_KNOWN = (_PATIENT, _TECHNIQUE)
_WHO = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex")
_HOW = (
    ("", "Modality", ""),
    ("", "StudyDate", ""),
    ("", "SeriesDescription", ""),
    ("Image ", "InstanceNumber", ""),
    ("", "KVP", " kV"),
    ("", "Exposure", " mAs"),
    ("", "SliceThickness", " mm"),
)
# A line's height in an image's, and the least that can be read.
_HEIGHT, _SMALLEST = 1 / 40, 10
_MOST = 64
# What Noto Sans has: Latin, Greek and Cyrillic with their marks.
_LAST_LETTER = 0x052F


def read_annotation(text: str) -> frozenset[str]:
    """Read ``annotation``: words separated by commas.

    Raises
    ------
    BadSearchError
        One of them is none of the Standard's.
    """
    asked = frozenset(each.strip().lower() for each in text.split(",") if each.strip())
    if asked - set(_KNOWN):
        raise BadSearchError(f"annotation is {' or '.join(_KNOWN)}, or both separated by a comma")
    return asked


def annotated(
    image: Image.Image, dataset: Dataset, number: int, asked: frozenset[str]
) -> Image.Image:
    """Return a picture with who it is of above and how it was made below; ``number``: its frame."""
    drawn = ImageDraw.Draw(image)
    white = 255 if image.mode == "L" else (255, 255, 255)
    black = 0 if image.mode == "L" else (0, 0, 0)
    font = face(max(_SMALLEST, round(image.height * _HEIGHT)))
    margin, step = font.size / 2, font.size * 1.25
    above = list(_who(dataset)) if _PATIENT in asked else []
    below = list(_how(dataset, number)) if _TECHNIQUE in asked else []
    first = image.height - margin - step * len(below)
    for top, lines in ((margin, above), (first, below)):
        for index, line in enumerate(lines):
            said = _fitting(line, font, image.width - 2 * margin)
            # Seen on what is black and on what is white.
            place = (margin, top + index * step)
            drawn.text(place, said, white, font, stroke_width=1, stroke_fill=black)
    return image


def _fitting(line: str, font: ImageFont.FreeTypeFont, room: float) -> str:
    """Return a line, cut where it says so if it is longer than there is room for, in pixels."""
    if font.getlength(line) <= room:
        return line
    while line and font.getlength(f"{line}…") > room:
        line = line[:-1]
    return f"{line}…"


def _who(dataset: Dataset) -> Iterator[str]:
    for keyword in _WHO:
        yield from _line("", _said(dataset, keyword), "")


def _how(dataset: Dataset, number: int) -> Iterator[str]:
    for before, keyword, after in _HOW:
        yield from _line(before, _said(dataset, keyword), after)
    if _said(dataset, "NumberOfFrames") not in ("", "1"):
        yield f"Frame {number}"


def _said(dataset: Dataset, keyword: str) -> str:
    value = dataset.get(keyword) or ""
    text = ", ".join(map(str, value)) if isinstance(value, MultiValue) else str(value)
    return text.partition("=")[0].replace("^", " ").strip()


def _line(before: str, text: str, after: str) -> Iterator[str]:
    can_be_written = text.isprintable() and all(ord(each) <= _LAST_LETTER for each in text)
    if text and can_be_written:
        yield f"{before}{text[:_MOST]}{after}"
