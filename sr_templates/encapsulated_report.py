"""Encapsulated PDF (PS3.3 A.45.1): a page for whoever reads neither reports nor layers."""

from dataclasses import replace
from datetime import date

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.uid import EncapsulatedPDFStorage

from ai_engine.prediction import ModelIdentity, Prediction, RemarkKind
from sr_templates import codes
from sr_templates.character_set import declare
from sr_templates.context import EvidenceContext
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.impression import impression
from sr_templates.language.language import ENGLISH, Language, result_language
from sr_templates.notices import IMAGE_NOTICES, NOTICES, notices
from sr_templates.overlay import as_png, draw_overlay
from sr_templates.repair import long_string
from sr_templates.report_page import Page, draw_page
from sr_templates.secondary_capture import pixel_aspect
from sr_templates.source_attributes import SourceAttributes
from sr_templates.source_image import uid_of
from sr_templates.subject import Subject, image_subjects

PICTURE_SIDE = 1024
OF_THE_STUDY = frozenset({*NOTICES, RemarkKind.TELLS_ABNORMAL})
"""Remarks that stand on the page of every image."""

FACTS = (
    ("Patient ID", "PatientID"),
    ("Birth date", "PatientBirthDate"),
    ("Sex", "PatientSex"),
    ("Study date", "StudyDate"),
    ("Accession number", "AccessionNumber"),
)


def build_encapsulated_report(
    prediction: Prediction,
    source: Dataset,
    pixels: npt.NDArray[np.float32],
    context: EvidenceContext,
    *,
    frame_number: int | None = None,
) -> list[Dataset]:
    """Make a page for each analysed image or frame: every verdict, and the strongest as a picture.

    Parameters
    ----------
    prediction
        What the model says about the study; the image is found in it by its SOP Instance UID.
    source
        The image's header.
    pixels
        The image (or its frame) ready for display: shape (rows, columns), float32, 0 black to 1
        white.
    context
        Who makes the object and when.
    frame_number
        Which frame ``pixels`` is, where the prediction speaks of several frames of one instance.

    Raises
    ------
    EvidenceError
        The prediction does not speak of this image, or the image's UIDs are not valid.
    """
    return [
        _document(subject, pixels, context)
        for subject in image_subjects(prediction, source, frame_number)
    ]


def _document(
    subject: Subject, pixels: npt.NDArray[np.float32], context: EvidenceContext
) -> Dataset:
    document = subject.new_object(EvidenceKind.PDF, EncapsulatedPDFStorage, context)
    _add_document(document, subject)
    add_pdf(document, draw_page(page_of(subject, pixels, context)))
    declare(document, subject.attributes.character_set)
    return document


def _add_document(document: Dataset, subject: Subject) -> None:
    document.SourceInstanceSequence = [subject.source_reference()]
    add_document(document, title=subject.prediction.model.title)


def add_document(document: Dataset, *, title: str) -> None:
    """SC Equipment and Encapsulated Document modules (PS3.3 C.8.6.1, C.24.2), without the PDF."""
    document.ConversionType = "WSD"
    document.AcquisitionDateTime = None
    # The page names the patient.
    document.BurnedInAnnotation = "YES"
    document.RecognizableVisualFeatures = "NO"
    document.DocumentTitle = long_string(f"AI report: {title}")
    document.ConceptNameCodeSequence = [codes.code_item(codes.IMAGING_REPORT)]
    document.VerificationFlag = "UNVERIFIED"
    document.MIMETypeOfEncapsulatedDocument = "application/pdf"


def add_pdf(document: Dataset, pdf: bytes) -> None:
    """Put the PDF in, padded to an even length (PS3.3 C.24.2)."""
    document.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    document.EncapsulatedDocumentLength = len(pdf)


def page_of(subject: Subject, pixels: npt.NDArray[np.float32], context: EvidenceContext) -> Page:
    """Give what stands on the page of one image."""
    attributes = subject.attributes
    language = result_language(context.rendition.language.value)
    overlay = draw_overlay(
        pixels,
        subject.image,
        next(iter(subject.image.positive), None),
        subject.prediction.model,
        max_side=PICTURE_SIDE,
        pixel_aspect=pixel_aspect(attributes),
        notices=notices(subject.prediction.remarks, subject.image.sop_instance_uid),
        rendition=replace(context.rendition, beside=False),
    )
    return Page(
        model=subject.prediction.model,
        impression=impression(subject.prediction),
        image=subject.image,
        patient_name="".join(attributes.values("PatientName")[:1]),
        facts=[(heading, fact_of(attributes, keyword, language)) for heading, keyword in FACTS],
        references=_references(subject, context),
        remarks=_remarks(subject),
        picture=as_png(overlay),
        made_at=context.content_datetime,
        language=language,
    )


def fact_of(attributes: SourceAttributes, keyword: str, language: Language = ENGLISH) -> str:
    """Give a header's value, dates as the language writes them: in English as 1960-01-02."""
    text = "".join(attributes.values(keyword)[:1])
    if not keyword.endswith("Date") or not text:
        return text
    day = f"{text[:4]}-{text[4:6]}-{text[6:]}"
    try:
        return language.day(date.fromisoformat(day))
    except ValueError:
        return day


def model_reference(model: ModelIdentity) -> tuple[str, str]:
    """Which model the page is by."""
    return "Model", f"{model.name} {model.version}, {model.manufacturer}"


def made_reference(context: EvidenceContext) -> tuple[str, str]:
    """When and by what the page was made."""
    language, moment = result_language(context.rendition.language.value), context.content_datetime
    written = f"{language.day(moment.date())} {moment:%H:%M:%S %z}"
    return "Made", language.filled("{when} by {what}", when=written, what=context.model_name)


def _remarks(subject: Subject) -> list[tuple[str, str]]:
    """What must be known of this image, and of every result of the study; what is doubtful first.

    What the model can tell is said with the study's first image, and holds for every page.
    """
    remarks = [
        remark
        for remark in subject.prediction.remarks
        if remark.sop_instance_uid == subject.image.sop_instance_uid or remark.kind in OF_THE_STUDY
    ]
    remarks.sort(key=lambda remark: remark.kind not in NOTICES.keys() | IMAGE_NOTICES.keys())
    return [
        (remark.kind.value[:1].upper() + remark.kind.value[1:], remark.detail) for remark in remarks
    ]


def _references(subject: Subject, context: EvidenceContext) -> list[tuple[str, str]]:
    model, frame = subject.prediction.model, subject.image.frame_number
    language = result_language(context.rendition.language.value)
    place = "" if frame is None else f", {language.said(f'frame {frame}')}"
    return [
        model_reference(model),
        ("Weights SHA-256", model.weights_digest),
        ("Calibration", language.said(subject.prediction.calibration)),
        made_reference(context),
        ("Study", uid_of(subject.source, "StudyInstanceUID")),
        ("Image", uid_of(subject.source, "SOPInstanceUID") + place),
    ]
