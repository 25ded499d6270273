"""One page for people: what the model says of one image, with its picture, as PDF."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image

from ai_engine.prediction import Finding, ImagePrediction, ModelIdentity
from sr_templates.captions import WARNING_BACKGROUND
from sr_templates.fonts import east_asian_font, font_file
from sr_templates.language.language import ENGLISH, Language
from sr_templates.overlay import NO_FINDING, WARNING
from sr_templates.percent import percent

if TYPE_CHECKING:
    from fpdf import FPDF

# Embedded, so that the page looks the same anywhere.
FONT = "notosans"
EAST_ASIAN = "eastasian"
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
    language: Language = ENGLISH


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A page under the pen: the PDF, the code points that its font can draw, and its language."""

    pdf: "FPDF"
    letters: frozenset[int]
    language: Language

    def said(self, words: str) -> str:
        """Say words of the node in the page's language, as far as its font can write them."""
        return self.written(self.language.said(words))

    def written(self, text: str) -> str:
        """Give a text as it is, or say that the font lacks its script."""
        words = written(text, self._letters_for(text))
        return self.language.said(words) if words == NOT_SHOWN else words

    def name(self, name: str) -> str:
        """Give a person name as a page writes it: with its ideographic group where it has one."""
        words = name_written(name, self._letters_for(name))
        return self.language.said(words) if words == NOT_SHOWN else words

    def _letters_for(self, text: str) -> frozenset[int]:
        """Return what can be drawn of a text; an East Asian font is loaded where it is needed."""
        if self.letters.issuperset(map(ord, text)):
            return self.letters
        font = east_asian_font()
        if font is None or font.letters.isdisjoint(map(ord, text)):
            return self.letters
        if EAST_ASIAN not in self.pdf.fonts:
            self.pdf.add_font(EAST_ASIAN, fname=str(font.file))
            self.pdf.set_fallback_fonts([EAST_ASIAN])
        return self.letters | font.letters

    def line(
        self, words: str, *, size: float, height: float, align: str = "L", fill: bool = False
    ) -> None:
        """Write one line over the whole width."""
        self.cell(words, WIDTH, size=size, height=height, align=align, fill=fill)
        self.pdf.ln(height)

    def cell(
        self,
        words: str,
        width: float,
        *,
        size: float,
        height: float,
        align: str = "L",
        fill: bool = False,
    ) -> None:
        """Write one line into a width, set smaller where it is too long."""
        self.pdf.set_font(FONT, size=size)
        needed = self.pdf.get_string_width(words) + 2 * self.pdf.c_margin
        if needed > width:
            self.pdf.set_font(FONT, size=size * width / needed * 0.99)
        self.pdf.cell(width, height, words, align=align, fill=fill)

    def paragraph(self, words: str, *, size: float, height: float) -> None:
        """Write over as many lines as it takes."""
        self.pdf.set_font(FONT, size=size)
        self.pdf.multi_cell(WIDTH, height, words, align="L", new_x="LMARGIN", new_y="NEXT")

    def pairs(self, pairs: Sequence[tuple[str, str]], *, size: float) -> None:
        """Write headings in grey with their values beside them; what is missing is said so."""
        height = 0.58 * size
        for heading, value in pairs:
            self.pdf.set_text_color(95)
            self.cell(self.said(heading), HEADING_WIDTH, size=size, height=height)
            self.pdf.set_text_color(0 if value else 150)
            words = self.written(value) if value else self.said(NOT_STATED)
            self.cell(words, WIDTH - HEADING_WIDTH, size=size, height=height)
            self.pdf.ln(height)
        self.pdf.set_text_color(0)
        self.pdf.ln(2)


def name_written(name: str, letters: Set[int]) -> str:
    """Give a person name as "Family, Given", by the groups that the font can write.

    The first of them leads; the ideographic one, by which people know the patient, stands behind
    it (PS3.5, 6.2.1.1).
    """
    alphabetic, *others = name.split("=")
    groups = [_group(alphabetic, ", "), *(_group(each, " ") for each in others)]
    shown = [each if each and written(each, letters) == each else "" for each in groups]
    first = next(filter(None, shown), NOT_SHOWN if name else "")
    ideographic = shown[1] if len(shown) > 1 else ""
    return f"{first} ({ideographic})" if ideographic not in ("", first) else first


def _group(group: str, between: str) -> str:
    family, *given = (part.strip() for part in group.split("^"))
    return between.join(part for part in (family, " ".join(filter(None, given))) if part)


def written(text: str, letters: Set[int]) -> str:
    """Give a text as it is, or say that the font lacks its script: never a wrong name in its place.

    fpdf2 would log the letters that it lacks, and a patient's name has no place in a log.
    """
    line = " ".join(text.split())
    return line if all(ord(letter) in letters for letter in line) else NOT_SHOWN


def blank_sheet(made_at: datetime, language: Language = ENGLISH) -> Sheet:
    """Give an empty sheet of A4 with the embedded font; ``made_at`` is its creation date."""
    # Fonts and all that reads them: only where a page is wanted.
    from fpdf import FPDF  # noqa: PLC0415
    from fpdf.fonts import TTFFont  # noqa: PLC0415

    pdf = FPDF(format="A4")
    pdf.set_creation_date(made_at)
    pdf.set_title(language.said("AI report"))
    pdf.set_lang("en-US" if language.is_english else language.code.value)
    pdf.set_margin(MARGIN)
    pdf.set_auto_page_break(False)
    pdf.add_page()
    pdf.add_font(FONT, fname=str(font_file()))
    font = pdf.fonts[FONT]
    if not isinstance(font, TTFFont):
        raise TypeError("the page's font is not the embedded one")
    return Sheet(pdf=pdf, letters=frozenset(font.cmap), language=language)


def draw_page(page: Page) -> bytes:
    """Draw the page as one sheet of A4; the same page always gives the same bytes."""
    sheet = blank_sheet(page.made_at, page.language)
    write_heading(sheet, page.model, page.patient_name, page.facts, impression=page.impression)
    _findings(sheet, page.image)
    _remarks(sheet, page.remarks)
    room = BOTTOM - 3 - sheet.pdf.get_y() - 4.2 * len(page.references)
    _picture(sheet.pdf, page.picture, room)
    sheet.pairs(page.references, size=7)
    return bytes(sheet.pdf.output())


def write_heading(
    sheet: Sheet,
    model: ModelIdentity,
    patient_name: str,
    facts: Sequence[tuple[str, str]],
    *,
    impression: str,
    notices: Sequence[str] = (),
) -> None:
    """Write what every page begins with: warnings, the result in one sentence, and of whom."""
    sheet.pdf.set_fill_color(*WARNING_BACKGROUND)
    for warning in ([WARNING] if model.research_only else []) + list(notices):
        sheet.line(sheet.said(warning), size=11, height=9, align="C", fill=True)
    sheet.line(sheet.said(f"AI report: {model.title}"), size=17, height=11)
    made = "Made by an algorithm, not verified by a physician"
    sheet.line(sheet.said(made), size=9, height=6)
    sheet.paragraph(sheet.said(impression), size=11, height=5.6)
    sheet.pdf.ln(2)
    sheet.pairs([("Patient", sheet.name(patient_name)), *facts], size=9)


def _findings(sheet: Sheet, image: ImagePrediction) -> None:
    """Table of every label's verdict, positive ones first."""
    if not image.positive:
        sheet.line(sheet.said(NO_FINDING), size=11, height=7)
    sheet.pdf.set_fill_color(232)
    height = min(ROW_HEIGHT, TABLE_HEIGHT / (1 + len(image.findings)))
    headings = ("Finding", "Probability", "Threshold", "Result")
    _row(sheet, headings, height=height, fill=True)
    others = sorted(
        (one for one in image.findings if not one.is_positive), key=lambda one: -one.probability
    )
    for finding in (*image.positive, *others):
        _row(sheet, _verdict(finding), height=height, fill=False)
    sheet.pdf.ln(3)


def _remarks(sheet: Sheet, remarks: Sequence[tuple[str, str]]) -> None:
    """Say what a reader must know, in whole sentences over as many lines as they need."""
    for heading, words in remarks:
        for text, shade in ((heading, REMARK_COLOR), (words, (0, 0, 0))):
            sheet.pdf.set_text_color(*shade)
            sheet.paragraph(sheet.said(text), size=REMARK_SIZE, height=0.5 * REMARK_SIZE)
        sheet.pdf.ln(1)
    sheet.pdf.ln(2)


def _verdict(finding: Finding) -> tuple[str, ...]:
    return (
        finding.title,
        percent(finding.probability, finding.threshold),
        percent(finding.threshold, finding.probability),
        "positive" if finding.is_positive else "negative",
    )


def _row(sheet: Sheet, words: Sequence[str], *, height: float, fill: bool) -> None:
    for text, width in zip(words, COLUMNS, strict=True):
        sheet.cell(sheet.said(text), width, size=1.6 * height, height=height, fill=fill)
    sheet.pdf.ln(height)


def _picture(pdf: "FPDF", png: bytes, room: float) -> None:
    """Put the picture into the middle of the width, as large as the room allows."""
    with Image.open(BytesIO(png)) as picture:
        across, down = picture.size
    width = min(WIDTH, room * across / down)
    height = width * down / across
    left = MARGIN + (WIDTH - width) / 2
    pdf.image(BytesIO(png), x=left, y=pdf.get_y(), w=width, h=height)
    pdf.ln(height + 3)
