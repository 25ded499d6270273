"""A report in another form says the same, or what it no longer says is named."""

from collections.abc import Iterator

import pytest
from pydicom.dataset import Dataset

from sr_templates.ct.measurement_report import build_ct_report
from sr_templates.evidence_kind import EVIDENCE, EvidenceKind
from sr_templates.forms.form import (
    BASIC_TEXT,
    COMPREHENSIVE,
    COMPREHENSIVE_3D,
    ENHANCED,
    FORMS,
    PDF,
    ReportForm,
)
from sr_templates.forms.references import SentAs, sources_of
from sr_templates.forms.report import in_form, led_elsewhere
from sr_templates.forms.tree import misfits, reduced_children
from sr_templates.key_object_selection import build_rejection
from sr_templates.measurement_report import build_measurement_report
from sr_templates.report_reading import reported_findings
from sr_templates.validation import problems
from tests.unit.sr_templates.builders import (
    a_context,
    a_finding,
    a_model,
    a_negative,
    a_prediction,
    a_source,
    an_image,
)
from tests.unit.sr_templates_ct.builders import a_study

pytestmark = pytest.mark.slow

EARLIER = SentAs(
    sop_class_uid=COMPREHENSIVE.sop_class_uid,
    sop_instance_uid="2.25.77",
    series_instance_uid="2.25.78",
)


@pytest.fixture(scope="module")
def report() -> Dataset:
    prediction = a_prediction(an_image(a_finding(), a_negative()))
    return build_measurement_report(prediction, [a_source()], a_context())


@pytest.fixture(scope="module")
def ct_report() -> Dataset:
    study = a_study()
    return build_ct_report(study.prediction, study.datasets, a_context(), segmented=False)


def items(parent: Dataset) -> Iterator[Dataset]:
    for item in parent.get("ContentSequence") or []:
        yield item
        yield from items(item)


def test_the_forms_are_the_reports_sop_classes_in_the_order_of_preference() -> None:
    classes = tuple(form.sop_class_uid for form in FORMS)
    assert EVIDENCE[EvidenceKind.SR].sop_classes == classes


@pytest.mark.parametrize("form", [COMPREHENSIVE, ENHANCED], ids=lambda form: form.name)
@pytest.mark.parametrize("of", ["report", "ct_report"])
def test_two_dimensional_measurements_lose_nothing(
    form: ReportForm, of: str, request: pytest.FixtureRequest
) -> None:
    report = request.getfixturevalue(of)
    other = in_form(report, form, {})
    assert other.losses == ()
    assert other.dataset.ContentSequence == report.ContentSequence
    assert reported_findings(other.dataset) == reported_findings(report)
    assert problems(other.dataset, sources_of(report)) == ()


def test_basic_text_has_the_words_of_numbers_and_the_images_of_outlines(report: Dataset) -> None:
    other = in_form(report, BASIC_TEXT, {})
    said = {
        item.ConceptNameCodeSequence[0].CodeMeaning: item.get("TextValue")
        for item in items(other.dataset)
    }
    assert {"NUM", "SCOORD"}.isdisjoint(item.ValueType for item in items(other.dataset))
    assert said["Probability of pneumonia"] == "87.3 %"
    assert said["Pneumonia"] == "Positive"
    assert said["Abnormal"] == "Negative"
    assert other.losses == (
        "coded values and numbers, which are words instead",
        "outlines, of which the images are named",
    )
    assert problems(other.dataset, sources_of(report)) == ()


def test_a_finding_in_basic_text_keeps_the_image_it_was_inferred_from(report: Dataset) -> None:
    other = in_form(report, BASIC_TEXT, {})
    (finding,) = (
        item
        for item in items(other.dataset)
        if item.ConceptNameCodeSequence[0].CodeMeaning == "Pneumonia"
        and item.ValueType == "TEXT"
        and item.RelationshipType == "CONTAINS"
    )
    assert "INFERRED FROM" in {child.RelationshipType for child in finding.ContentSequence}


def test_a_printed_report_is_a_document_in_a_series_of_its_own(report: Dataset) -> None:
    other = in_form(report, PDF, {})
    assert other.dataset.Modality == "DOC"
    assert other.dataset.SeriesInstanceUID != report.SeriesInstanceUID
    assert other.dataset.SeriesNumber != report.SeriesNumber
    assert "ContentSequence" not in other.dataset
    assert problems(other.dataset, sources_of(report)) == ()
    assert in_form(report, PDF, {}).dataset == other.dataset


def test_every_form_is_an_object_of_its_own_and_always_the_same(report: Dataset) -> None:
    uids = [in_form(report, form, {}).dataset.SOPInstanceUID for form in FORMS[1:]]
    assert len({report.SOPInstanceUID, *uids}) == len(FORMS)
    assert [in_form(report, form, {}).dataset.SOPInstanceUID for form in FORMS[1:]] == uids
    assert report.SOPClassUID == COMPREHENSIVE_3D.sop_class_uid


def test_a_successor_names_what_went_in_the_place_of_its_predecessor(report: Dataset) -> None:
    later = build_measurement_report(
        a_prediction(an_image(a_finding(probability=0.95))),
        [a_source()],
        a_context(),
        predecessors=[report],
    )
    sent = {str(report.SOPInstanceUID): EARLIER}
    other = in_form(later, COMPREHENSIVE, sent).dataset
    (study,) = other.PredecessorDocumentsSequence
    (series,) = study.ReferencedSeriesSequence
    (reference,) = series.ReferencedSOPSequence
    assert series.SeriesInstanceUID == EARLIER.series_instance_uid
    assert reference.ReferencedSOPInstanceUID == EARLIER.sop_instance_uid
    assert reference.ReferencedSOPClassUID == EARLIER.sop_class_uid
    assert other.SOPInstanceUID != in_form(later, COMPREHENSIVE, {}).dataset.SOPInstanceUID
    assert problems(other, sources_of(later)) == ()


def test_a_rejection_speaks_of_what_its_receiver_has(report: Dataset) -> None:
    note = build_rejection([report], a_model(), a_context())
    led = led_elsewhere(note, {str(report.SOPInstanceUID): EARLIER})
    assert led is not None
    assert led.SOPInstanceUID != note.SOPInstanceUID
    named = {
        str(reference.ReferencedSOPInstanceUID)
        for item in items(led)
        for reference in item.get("ReferencedSOPSequence") or []
    }
    assert named == {EARLIER.sop_instance_uid}
    assert problems(led, sources_of(note)) == ()


def test_what_refers_to_nothing_that_was_replaced_stays_what_it_is(report: Dataset) -> None:
    assert led_elsewhere(report, {"2.25.1": EARLIER}) is None


def test_the_gate_knows_what_a_form_may_not_hold(report: Dataset) -> None:
    claimed = in_form(report, ENHANCED, {}).dataset
    claimed.SOPClassUID = BASIC_TEXT.sop_class_uid
    found = problems(claimed, sources_of(report))
    assert "Basic Text SR does not allow CONTAINER CONTAINS NUM" in found
    assert list(misfits(report, COMPREHENSIVE_3D)) == []


def test_a_number_without_a_value_says_so() -> None:
    root, item = Dataset(), Dataset()
    item.ValueType, item.RelationshipType = "NUM", "CONTAINS"
    name = Dataset()
    name.CodeMeaning = "Volume"
    item.ConceptNameCodeSequence = [name]
    item.MeasuredValueSequence = []
    root.ValueType, root.ContentSequence = "CONTAINER", [item]
    (made,), _ = reduced_children(root, BASIC_TEXT)
    assert made.TextValue == "not measured"
