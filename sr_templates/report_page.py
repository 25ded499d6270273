"""One page for people: what the model says of one image, with its picture, as PDF."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image

from ai_engine.prediction import Finding, ImagePrediction, ModelIdentity
from sr_templates.captions import WARNING_BACKGROUND
from sr_templates.overlay import NO_FINDING, WARNING
from sr_templates.percent import percent

if TYPE_CHECKING:
    from fpdf import FPDF

# Noto Sans holds Latin, Greek and Cyrillic; embedded, the page looks the same anywhere.
FONT = "notosans"
NOT_SHOWN = "(in a script that this page's font does not have)"
NOT_STATED = "not stated"
MARGIN = 15.0
WIDTH = 180.0
BOTTOM = 284.0
HEADING_WIDTH = 34.0
# A model with many labels gets lower rows, so that the picture keeps its room.
ROW_HEIGHT = 6.0
TABLE_HEIGHT = 100.0
# An amber dark enough to read on white.
REMARK_COLOR = (150, 82, 0)
REMARK_SIZE = 8.5
# Widths of the table's columns in mm.
COLUMNS = (84.0, 30.0, 30.0, 36.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What stands on the page.

    ``impression`` is the result in one sentence; ``facts`` (patient and study), ``remarks`` (what a
    reader must know of the result) and ``references`` (model and instances) are pairs of a heading
    and a value; ``patient_name`` is a DICOM person name; ``picture`` is a PNG.
    """

    model: ModelIdentity
    impression: str
    image: ImagePrediction
    patient_name: str
    facts: Sequence[tuple[str, str]]
    references: Sequence[tuple[str, str]]
    remarks: Sequence[tuple[str, str]]
    picture: bytes
    made_at: datetime


def draw_page(page: Page) -> bytes:
    """Draw the page as one sheet of A4; the same page always gives the same bytes."""
    pdf = blank_page(page.made_at)
    letters = letters_of(pdf)
    write_heading(
        pdf,
        letters,
        page.model,
        page.patient_name,
        page.facts,
        impression=page.impression,
    )
    _findings(pdf, page.image, letters)
    _remarks(pdf, page.remarks, letters)
    room = BOTTOM - 3 - pdf.get_y() - 4.2 * len(page.references)
    _picture(pdf, page.picture, room)
    write_pairs(pdf, page.references, letters, size=7)
    return bytes(pdf.output())


def write_heading(
    pdf: "FPDF",
    letters: Set[int],
    model: ModelIdentity,
    patient_name: str,
    facts: Sequence[tuple[str, str]],
    *,
    impression: str,
    notices: Sequence[str] = (),
) -> None:
    """Write what every page begins with: warnings, the result in one sentence, and of whom."""
    pdf.set_fill_color(*WARNING_BACKGROUND)
    for warning in ([WARNING] if model.research_only else []) + list(notices):
        write_line(pdf, warning, size=11, height=9, align="C", fill=True)
    write_line(pdf, written(f"AI report: {model.title}", letters), size=17, height=11)
    write_line(pdf, "Made by an algorithm, not verified by a physician", size=9, height=6)
    write_impression(pdf, impression, letters)
    patient = ("Patient", name_written(patient_name, letters))
    write_pairs(pdf, [patient, *facts], letters, size=9)


def name_written(name: str, letters: Set[int]) -> str:
    """Give the first group of a person name that the font can write, as "Family, Given"."""
    for group in name.split("="):
        family, *given = (part.strip() for part in group.split("^"))
        words = ", ".join(part for part in (family, " ".join(filter(None, given))) if part)
        if words and written(words, letters) == words:
            return words
    return NOT_SHOWN if name else ""


def written(text: str, letters: Set[int]) -> str:
    """Give a text as it is, or say that the font lacks its script: never a wrong name in its place.

    fpdf2 would log the letters that it lacks, and a patient's name has no place in a log.
    """
    line = " ".join(text.split())
    return line if all(ord(letter) in letters for letter in line) else NOT_SHOWN


def blank_page(made_at: datetime) -> "FPDF":
    """Give an empty sheet of A4 with the embedded font; ``made_at`` is its creation date."""
    # Fonts and all that reads them: only where a page is wanted.
    from fpdf import FPDF  # noqa: PLC0415

    pdf = FPDF(format="A4")
    pdf.set_creation_date(made_at)
    pdf.set_title("AI report")
    pdf.set_lang("en-US")
    pdf.set_margin(MARGIN)
    pdf.set_auto_page_break(False)
    pdf.add_page()
    font = files("fontpkg_noto_sans") / "files" / "NotoSans[wdth,wght].ttf"
    pdf.add_font(FONT, fname=str(font))
    return pdf


def letters_of(pdf: "FPDF") -> frozenset[int]:
    """Give the code points that the page's font can draw."""
    from fpdf.fonts import TTFFont  # noqa: PLC0415 - as above

    font = pdf.fonts[FONT]
    if not isinstance(font, TTFFont):
        raise TypeError("the page's font is not the embedded one")
    return frozenset(font.cmap)


def write_line(
    pdf: "FPDF", words: str, *, size: float, height: float, align: str = "L", fill: bool = False
) -> None:
    """Write one line over the whole width."""
    write_cell(pdf, words, WIDTH, size=size, height=height, align=align, fill=fill)
    pdf.ln(height)


def write_impression(pdf: "FPDF", words: str, letters: Set[int]) -> None:
    """Write the result in one sentence, over as many lines as it needs."""
    pdf.set_font(FONT, size=11)
    pdf.multi_cell(WIDTH, 5.6, written(words, letters), align="L", new_x="LMARGIN", new_y="NEXT")
    pdf.ln(2)


def write_cell(
    pdf: "FPDF",
    words: str,
    width: float,
    *,
    size: float,
    height: float,
    align: str = "L",
    fill: bool = False,
) -> None:
    """Write one line into a width, set smaller where it is too long."""
    pdf.set_font(FONT, size=size)
    needed = pdf.get_string_width(words) + 2 * pdf.c_margin
    if needed > width:
        pdf.set_font(FONT, size=size * width / needed * 0.99)
    pdf.cell(width, height, words, align=align, fill=fill)


def write_pairs(
    pdf: "FPDF", pairs: Sequence[tuple[str, str]], letters: Set[int], *, size: float
) -> None:
    """Write headings in grey with their values beside them; a value that is missing is said so."""
    height = 0.58 * size
    for heading, value in pairs:
        pdf.set_text_color(95)
        write_cell(pdf, heading, HEADING_WIDTH, size=size, height=height)
        pdf.set_text_color(0 if value else 150)
        words = written(value, letters) if value else NOT_STATED
        write_cell(pdf, words, WIDTH - HEADING_WIDTH, size=size, height=height)
        pdf.ln(height)
    pdf.set_text_color(0)
    pdf.ln(2)


def _findings(pdf: "FPDF", image: ImagePrediction, letters: Set[int]) -> None:
    """Table of every label's verdict, positive ones first."""
    if not image.positive:
        write_line(pdf, NO_FINDING, size=11, height=7)
    pdf.set_fill_color(232)
    height = min(ROW_HEIGHT, TABLE_HEIGHT / (1 + len(image.findings)))
    headings = ("Finding", "Probability", "Threshold", "Result")
    _row(pdf, headings, height=height, fill=True)
    others = sorted(
        (one for one in image.findings if not one.is_positive), key=lambda one: -one.probability
    )
    for finding in (*image.positive, *others):
        _row(pdf, _verdict(finding, letters), height=height, fill=False)
    pdf.ln(3)


def _remarks(pdf: "FPDF", remarks: Sequence[tuple[str, str]], letters: Set[int]) -> None:
    """Say what a reader must know, in whole sentences over as many lines as they need."""
    for heading, words in remarks:
        for text, shade in ((heading, REMARK_COLOR), (words, (0, 0, 0))):
            pdf.set_font(FONT, size=REMARK_SIZE)
            pdf.set_text_color(*shade)
            height = 0.5 * REMARK_SIZE
            pdf.multi_cell(
                WIDTH, height, written(text, letters), align="L", new_x="LMARGIN", new_y="NEXT"
            )
        pdf.ln(1)
    pdf.ln(2)


def _verdict(finding: Finding, letters: Set[int]) -> tuple[str, ...]:
    return (
        written(finding.title, letters),
        percent(finding.probability, finding.threshold),
        percent(finding.threshold, finding.probability),
        "positive" if finding.is_positive else "negative",
    )


def _row(pdf: "FPDF", words: Sequence[str], *, height: float, fill: bool) -> None:
    for text, width in zip(words, COLUMNS, strict=True):
        write_cell(pdf, text, width, size=1.6 * height, height=height, fill=fill)
    pdf.ln(height)


def _picture(pdf: "FPDF", png: bytes, room: float) -> None:
    """Put the picture into the middle of the width, as large as the room allows."""
    with Image.open(BytesIO(png)) as picture:
        across, down = picture.size
    width = min(WIDTH, room * across / down)
    height = width * down / across
    left = MARGIN + (WIDTH - width) / 2
    pdf.image(BytesIO(png), x=left, y=pdf.get_y(), w=width, h=height)
    pdf.ln(height + 3)
