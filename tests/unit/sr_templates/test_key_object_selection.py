"""Key objects point at images with findings, and at results that an expert rejects."""

import io
from typing import Any

import highdicom as hd
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from sr_templates import codes
from sr_templates.errors import EvidenceError
from sr_templates.key_object_selection import build_key_object_selection, build_rejection
from sr_templates.measurement_report import build_measurement_report
from sr_templates.secondary_capture import build_overlays
from sr_templates.validation import problems
from tests.unit.sr_templates.builders import (
    IMAGE,
    STUDY,
    a_context,
    a_finding,
    a_model,
    a_negative,
    a_prediction,
    a_source,
    an_image,
    some_pixels,
)

SECOND = f"{STUDY}.1.2"


def results() -> list[Dataset]:
    report = build_measurement_report(a_prediction(), [a_source()], a_context())
    return [report, *build_overlays(a_prediction(), a_source(), some_pixels(), a_context())]


def selected(document: Dataset) -> list[str]:
    return [
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for item in document.ContentSequence
        if "ReferencedSOPSequence" in item
    ]


def texts(document: Dataset) -> list[str]:
    return [item.TextValue for item in document.ContentSequence if item.ValueType == "TEXT"]


def test_only_images_with_positive_findings_are_of_interest() -> None:
    sources = [a_source(), a_source(SOPInstanceUID=SECOND)]
    prediction = a_prediction(an_image(a_negative()), an_image(uid=SECOND))
    (document,) = build_key_object_selection(prediction, sources, a_context())
    assert document.ConceptNameCodeSequence[0].CodeMeaning == "Of Interest"
    assert selected(document) == [SECOND]
    assert problems(document, sources) == ()


def test_the_description_says_why_and_warns() -> None:
    prediction = a_prediction(an_image(), an_image(a_finding(probability=0.95), uid=SECOND))
    sources = [a_source(), a_source(SOPInstanceUID=SECOND)]
    (document,) = build_key_object_selection(prediction, sources, a_context())
    assert (
        "AI findings, not verified: Pneumonia, probability 95 %."
        " DEMONSTRATION - NOT FOR CLINICAL USE"
    ) in texts(document)


def test_a_negative_study_has_no_selection() -> None:
    prediction = a_prediction(an_image(a_negative()))
    assert build_key_object_selection(prediction, [a_source()], a_context()) == []


def test_highdicom_reads_the_selection_and_resolves_it() -> None:
    (document,) = build_key_object_selection(a_prediction(), [a_source()], a_context())
    buffer = io.BytesIO()
    document.save_as(buffer, enforce_file_format=True)
    buffer.seek(0)
    again = hd.ko.KeyObjectSelectionDocument.from_dataset(dcmread(buffer))
    assert again.resolve_reference(IMAGE) == (STUDY, f"{STUDY}.1", IMAGE)


def test_each_statement_of_a_selection_is_shown_with_its_name() -> None:
    (chosen,) = build_key_object_selection(a_prediction(), [a_source()], a_context())
    rejection = build_rejection(results(), a_model(), a_context())
    # What is CONTINUOUS, viewers write as one text without the names.
    assert {chosen.ContinuityOfContent, rejection.ContinuityOfContent} == {"SEPARATE"}


@pytest.mark.slow
def test_the_same_inputs_give_the_same_documents_each_in_its_series() -> None:
    one, other = (
        build_key_object_selection(a_prediction(), [a_source()], a_context())[0] for _ in range(2)
    )
    assert one == other
    rejection = build_rejection(results(), a_model(), a_context())
    assert rejection == build_rejection(results(), a_model(), a_context())
    assert (one.SeriesNumber, rejection.SeriesNumber) == (9006, 9007)
    assert one.SeriesInstanceUID != rejection.SeriesInstanceUID


@pytest.mark.slow
def test_a_rejection_names_objects_reason_comment_and_person() -> None:
    rejected = results()
    document = build_rejection(
        [*rejected, rejected[0]],
        a_model(),
        a_context(),
        comment="Nipple shadow",
        rejected_by="Roe^Richard",
    )
    assert document.ConceptNameCodeSequence[0].CodeValue == "113001"
    modifier = document.ContentSequence[0]
    assert modifier.ConceptCodeSequence[0].CodeValue == codes.OTHER_FAILURE.value
    assert selected(document) == [one.SOPInstanceUID for one in rejected]
    assert "Nipple shadow" in texts(document)
    people = [item.PersonName for item in document.ContentSequence if item.ValueType == "PNAME"]
    assert people == ["Roe^Richard"]
    assert problems(document, rejected) == ()


@pytest.mark.slow
def test_rejections_for_other_reasons_are_other_objects() -> None:
    uids = {
        build_rejection(results(), a_model(), a_context(), **changes).SOPInstanceUID
        for changes in ({}, {"comment": "Nipple shadow"}, {"reason": codes.FAILED})
    }
    assert len(uids) == 3


def test_what_cannot_be_rejected_in_one_document_is_an_error() -> None:
    with pytest.raises(EvidenceError, match="nothing to reject"):
        build_rejection([], a_model(), a_context())
    with pytest.raises(EvidenceError, match="several studies"):
        build_rejection([a_source(), a_source(StudyInstanceUID="1.2.3")], a_model(), a_context())


def drop_evidence(document: Dataset) -> None:
    study = document.CurrentRequestedProcedureEvidenceSequence[0]
    study.ReferencedSeriesSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID = "1.2"


def drop_references(document: Dataset) -> None:
    document.ContentSequence = [
        item for item in document.ContentSequence if "ReferencedSOPSequence" not in item
    ]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            drop_evidence,
            "the selection and its evidence sequence do not list the same instances",
        ),
        (drop_references, "nothing is selected"),
    ],
)
def test_a_selection_with_a_fault_is_held_with_one_sentence(change: Any, problem: str) -> None:
    (document,) = build_key_object_selection(a_prediction(), [a_source()], a_context())
    change(document)
    assert problem in problems(document)
