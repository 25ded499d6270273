"""A report as pages to read: its words in their order, as an Encapsulated PDF (PS3.3 A.45.1)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from pydicom.dataset import Dataset

from sr_templates import codes
from sr_templates.captions import WARNING_BACKGROUND
from sr_templates.encapsulated_report import FACTS, add_document, add_pdf, fact_of
from sr_templates.evidence_kind import EVIDENCE, EvidenceKind
from sr_templates.forms.words import name_of, words_of
from sr_templates.language.language import ENGLISH, Language, result_language
from sr_templates.overlay import WARNING
from sr_templates.repair import long_string
from sr_templates.report_page import (
    BOTTOM,
    FONT,
    WIDTH,
    Sheet,
    blank_sheet,
)
from sr_templates.source_attributes import SourceAttributes
from sr_templates.uids import derived_uid

# Modules of structured reports that documents do not have (PS3.3 C.17.1 to C.17.3).
_REPORT_ONLY = (
    "CompletionFlag",
    "ConceptNameCodeSequence",
    "ContentSequence",
    "ContentTemplateSequence",
    "ContinuityOfContent",
    "CurrentRequestedProcedureEvidenceSequence",
    "ParticipantSequence",
    "PerformedProcedureCodeSequence",
    "PreliminaryFlag",
    "ReferencedPerformedProcedureStepSequence",
    "ReferencedRequestSequence",
    "RelationshipType",
    "ValueType",
    "VerifyingObserverSequence",
)
_INDENT, _LINE, _SIZE = 5.0, 4.6, 9.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    depth: int
    words: str
    is_heading: bool = False
    is_said: bool = False


def printable(report: Dataset) -> Dataset:
    """Return a document with the report's words, of its patient, study and equipment."""
    made = Dataset()
    for element in report:
        if (
            element.keyword not in _REPORT_ONLY
            and element.keyword != "PredecessorDocumentsSequence"
        ):
            made.add(element)
    spec, base = EVIDENCE[EvidenceKind.PDF], EVIDENCE[EvidenceKind.SR]
    made.SeriesInstanceUID = derived_uid("printable series", str(report.SeriesInstanceUID))
    made.SeriesNumber = int(report.SeriesNumber or 0) + spec.series_offset - base.series_offset
    made.Modality = spec.modality
    made.SourceInstanceSequence = _evidence(report)
    add_document(made, title="")
    made.DocumentTitle = long_string(str(report.get("SeriesDescription") or "AI report"))
    add_pdf(made, _pages(report))
    return made


def _evidence(report: Dataset) -> list[Dataset]:
    return [
        reference
        for study in report.get("CurrentRequestedProcedureEvidenceSequence") or []
        for series in study.ReferencedSeriesSequence
        for reference in series.ReferencedSOPSequence
    ]


def _pages(report: Dataset) -> bytes:
    attributes = SourceAttributes(report)
    language = _language_of(report)
    sheet = blank_sheet(_made_at(report), language)
    if report.get("ContentQualification") != "PRODUCT":
        sheet.pdf.set_fill_color(*WARNING_BACKGROUND)
        sheet.line(sheet.said(WARNING), size=11, height=9, align="C", fill=True)
    sheet.line(sheet.written(name_of(report)), size=17, height=11)
    sheet.line(sheet.said(_standing(report)), size=9, height=6)
    name = sheet.name("".join(attributes.values("PatientName")[:1]))
    facts = [(heading, fact_of(attributes, keyword, language)) for heading, keyword in FACTS]
    sheet.pairs([("Patient", name), *facts], size=9)
    for line in _lines(report, 0):
        _write(sheet, line)
    return bytes(sheet.pdf.output())


def _language_of(report: Dataset) -> Language:
    """Return the language that the report says it is in (TID 1204)."""
    for item in report.get("ContentSequence") or []:
        if _is_language(item):
            return result_language(str(item.ConceptCodeSequence[0].CodeValue))
    return ENGLISH


def _is_language(item: Dataset) -> bool:
    names = item.get("ConceptNameCodeSequence") or []
    return any(each.get("CodeValue") == codes.LANGUAGE_OF_CONTENT.value for each in names)


def _standing(report: Dataset) -> str:
    if report.get("VerificationFlag") == "VERIFIED":
        return "Verified by a physician"
    return "Not verified by a physician"


def _made_at(report: Dataset) -> datetime:
    text = f"{report.get('ContentDate', '')}{str(report.get('ContentTime', ''))[:6]}"
    return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)


def _lines(item: Dataset, depth: int) -> Iterator[_Line]:
    for child in item.get("ContentSequence") or []:
        name, words = name_of(child), words_of(child)
        if child.get("ValueType") == "CONTAINER":
            yield _Line(depth=depth, words=name, is_heading=True)
            yield from _of_container(child, depth + 1)
        elif words:
            yield _Line(depth=depth, words=f"{name}: {words}")
            yield from _lines(child, depth + 1)


def _of_container(container: Dataset, depth: int) -> Iterator[_Line]:
    """Count images instead of naming them: their UIDs are nothing to read."""
    images = [
        each for each in container.get("ContentSequence") or [] if each.get("ValueType") == "IMAGE"
    ]
    if images:
        count = len(images)
        yield _Line(depth=depth, words="1 image" if count == 1 else f"{count} images", is_said=True)
    yield from _lines(container, depth)


def _write(sheet: Sheet, line: _Line) -> None:
    """Write a line, over several where it is long, and on a new page where this one is full.

    A report's words are in its language; only what is counted here is said in it.
    """
    pdf = sheet.pdf
    pdf.set_font(FONT, size=_SIZE + 1 if line.is_heading else _SIZE)
    indent = _INDENT * min(line.depth, 8)
    words = sheet.said(line.words) if line.is_said else sheet.written(line.words)
    rows = pdf.multi_cell(WIDTH - indent, _LINE, words, dry_run=True, output="LINES")
    for row in cast("list[str]", rows):
        if pdf.get_y() + _LINE > BOTTOM:
            pdf.add_page()
        pdf.set_x(pdf.l_margin + indent)
        pdf.cell(WIDTH - indent, _LINE, row)
        pdf.ln(_LINE)
    if line.is_heading:
        pdf.ln(0.6)
