"""A page for people: a CT's figures, the slices that show them, and what the method can't say."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING

from ai_engine.ct.explanation import conclusion
from ai_engine.ct.prediction import CtPrediction
from ai_engine.ct.results import CtAnalysis, LungMeasurement, Side
from ai_engine.ct.shares import share_in_words
from sr_templates.ct.impression import ct_impression
from sr_templates.ct.volumetric_roi import title
from sr_templates.language.language import ENGLISH, Language
from sr_templates.notices import notices
from sr_templates.report_page import (
    BOTTOM,
    MARGIN,
    WIDTH,
    Sheet,
    blank_sheet,
    write_heading,
)

if TYPE_CHECKING:
    from fpdf import FPDF

COLUMNS = (30.0, 22.0, 22.0, 29.0, 32.0, 21.0, 24.0)
"""Widths of the lungs' table in mm."""

HEADINGS = (
    "",
    "Volume",
    "Aerated",
    "Inhomogeneity",
    "High attenuation",
    "Mean",
    "Grade",
)
LINE = 4.4
MOST_SENTENCES = 12
"""Sentences of the explanation that the page has room for; the report has them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CtPage:
    """What stands on the page; ``pictures`` are PNGs of key slices, all of one size."""

    prediction: CtPrediction
    analysis: CtAnalysis
    patient_name: str
    facts: Sequence[tuple[str, str]]
    references: Sequence[tuple[str, str]]
    pictures: Sequence[bytes]
    made_at: datetime
    language: Language = ENGLISH


def draw_ct_page(page: CtPage) -> bytes:
    """Draw the page as one sheet of A4; the same page always gives the same bytes."""
    sheet = blank_sheet(page.made_at, page.language)
    write_heading(
        sheet,
        page.prediction.model,
        page.patient_name,
        page.facts,
        impression=ct_impression(page.prediction),
        notices=notices(page.prediction.remarks),
    )
    _table(sheet, page.analysis)
    _paragraphs(sheet, [*_patterns(page.analysis), *_words(page)])
    room = BOTTOM - 3 - sheet.pdf.get_y() - LINE * len(page.references)
    _pictures(sheet.pdf, page.pictures, room)
    sheet.pairs(page.references, size=7)
    return bytes(sheet.pdf.output())


def _table(sheet: Sheet, analysis: CtAnalysis) -> None:
    sheet.pdf.set_fill_color(232)
    _row(sheet, HEADINGS, fill=True)
    for row in analysis.measurements:
        _row(sheet, _figures(row), fill=False)
    sheet.pdf.ln(2)


def _figures(row: LungMeasurement) -> tuple[str, ...]:
    if row.percentage is None or row.high_attenuation_percentage is None:
        return title(row.side), "not found", "", "", "", "", ""
    return (
        title(row.side),
        f"{row.volume_ml:.0f} ml",
        f"{row.aerated_ml:.0f} ml",
        share_in_words(row.percentage),
        share_in_words(row.high_attenuation_percentage),
        f"{row.mean_hounsfield:.0f} HU",
        "cannot grade" if row.severity is None else f"{row.severity.grade} of 5",
    )


def _row(sheet: Sheet, words: Sequence[str], *, fill: bool) -> None:
    for text, width in zip(words, COLUMNS, strict=True):
        sheet.cell(sheet.said(text), width, size=9.5, height=6, fill=fill)
    sheet.pdf.ln(6)


def _patterns(analysis: CtAnalysis) -> Iterator[str]:
    """Each pattern with its part of both lungs."""
    for row in analysis.patterns:
        if row.side is Side.BOTH:
            found = "1 region" if row.regions == 1 else f"{row.regions} regions"
            share = share_in_words(row.percentage, 2)
            yield f"{title(row.pattern)}: {row.volume_ml:.1f} ml, {share} of both lungs, {found}."


def _words(page: CtPage) -> Iterator[str]:
    yield conclusion(page.analysis)
    yield from (remark.detail for remark in page.prediction.remarks)
    yield page.prediction.choice
    sentences = page.analysis.explanation
    yield " ".join(sentences[:MOST_SENTENCES])
    if (rest := len(sentences) - MOST_SENTENCES) > 0:
        yield (
            "1 more sentence is in the structured report."
            if rest == 1
            else f"{rest} more sentences are in the structured report."
        )
    said = page.analysis.doubts
    cautions = (caution for caution in page.analysis.cautions if caution not in said)
    yield from (f"Caution: {caution.value}" for caution in cautions)
    yield from page.prediction.limitations[:1]


def _paragraphs(sheet: Sheet, paragraphs: Sequence[str]) -> None:
    for words in paragraphs:
        sheet.paragraph(sheet.said(words), size=8.5, height=LINE)
        sheet.pdf.ln(0.8)
    sheet.pdf.ln(1.5)


def _pictures(pdf: "FPDF", pictures: Sequence[bytes], room: float) -> None:
    """Put the pictures beside each other, as large as width and room allow."""
    gap = 3.0
    side = min((WIDTH - gap * (len(pictures) - 1)) / len(pictures), room)
    left = MARGIN + (WIDTH - side * len(pictures) - gap * (len(pictures) - 1)) / 2
    for number, png in enumerate(pictures):
        pdf.image(
            BytesIO(png),
            x=left + number * (side + gap),
            y=pdf.get_y(),
            w=side,
            h=side,
            keep_aspect_ratio=True,
        )
    pdf.ln(side + 3)
