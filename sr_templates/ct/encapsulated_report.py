"""Encapsulated PDF (PS3.3 A.45.1) of a CT study: a page for whoever reads no reports."""

from collections.abc import Sequence

from pydicom.dataset import Dataset
from pydicom.uid import EncapsulatedPDFStorage

from ai_engine.ct.prediction import CtPrediction
from ai_engine.ct.results import KeySlice
from sr_templates import codes
from sr_templates.character_set import declare
from sr_templates.context import EvidenceContext
from sr_templates.ct.overlay import outlined
from sr_templates.ct.report_page import CtPage, draw_ct_page
from sr_templates.ct.secondary_capture import PixelsOf
from sr_templates.ct.subject import CtSubject, ct_subject
from sr_templates.encapsulated_report import (
    FACTS,
    add_document,
    add_pdf,
    fact_of,
    made_reference,
    model_reference,
)
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.language.language import result_language
from sr_templates.overlay import as_png
from sr_templates.source_image import uid_of

MOST_PICTURES = 3
PICTURE_SIDE = 640


def build_ct_page(
    prediction: CtPrediction,
    sources: Sequence[Dataset],
    pixels_of: PixelsOf,
    context: EvidenceContext,
) -> list[Dataset]:
    """Make a page with each lung's figures, the explanation and the first key slices.

    Parameters
    ----------
    prediction
        The measurements of one series.
    sources
        Headers of the study's images.
    pixels_of
        Gives the slices to draw on.
    context
        Who makes the object and when.

    Returns
    -------
    list[Dataset]
        One document, or none where no series was analysed.

    Raises
    ------
    EvidenceError
        The sources are none or of several studies, have invalid UIDs, or lack an image of the
        prediction.
    """
    if prediction.analysis is None:
        return []
    subject = ct_subject(prediction, sources)
    shown = subject.analysis.key_slices[:MOST_PICTURES]
    document = subject.new_object(EvidenceKind.PDF, EncapsulatedPDFStorage, context)
    document.SourceInstanceSequence = [_source(subject, key) for key in shown]
    add_document(document, title=prediction.model.title)
    language = result_language(context.rendition.language.value)
    page = CtPage(
        prediction=prediction,
        analysis=subject.analysis,
        patient_name="".join(subject.attributes.values("PatientName")[:1]),
        facts=[
            (heading, fact_of(subject.attributes, keyword, language)) for heading, keyword in FACTS
        ],
        references=_references(subject, context),
        pictures=[_picture(subject, key, pixels_of) for key in shown],
        made_at=context.content_datetime,
        language=language,
    )
    add_pdf(document, draw_ct_page(page))
    declare(document, subject.attributes.character_set)
    return [document]


def _source(subject: CtSubject, key: KeySlice) -> Dataset:
    item = subject.reference(key.reference)
    item.PurposeOfReferenceCodeSequence = [codes.code_item(codes.SOURCE_IMAGE)]
    return item


def _picture(subject: CtSubject, key: KeySlice, pixels_of: PixelsOf) -> bytes:
    pixels = pixels_of(key.reference)
    _, height, width = subject.analysis.geometry.spacing
    down, across = pixels.shape[0] * height, pixels.shape[1] * width
    scale = PICTURE_SIDE / max(down, across)
    shape = max(1, round(down * scale)), max(1, round(across * scale))
    return as_png(outlined(pixels, key, shape, analysis=subject.analysis))


def _references(subject: CtSubject, context: EvidenceContext) -> list[tuple[str, str]]:
    model = subject.prediction.model
    language = result_language(context.rendition.language.value)
    return [
        ("Pictures", language.said(_legend(subject.analysis.key_slices[:MOST_PICTURES]))),
        model_reference(model),
        ("SHA-256", model.weights_digest),
        ("Settings", language.said("; ".join(subject.prediction.parameters))),
        made_reference(context),
        ("Study", uid_of(subject.first, "StudyInstanceUID")),
        ("Series", uid_of(subject.first, "SeriesInstanceUID")),
    ]


def _legend(shown: Sequence[KeySlice]) -> str:
    """Say which slices are shown, and what their colours mean."""
    numbers = ", ".join(str(key.number) for key in shown)
    one = f"slice {numbers} from the head"
    several = f"slices {numbers} from the head"
    colours = "red inhomogeneity, blue lungs" if any(key.areas for key in shown) else "blue lungs"
    return f"{one if len(shown) == 1 else several}; {colours}"
