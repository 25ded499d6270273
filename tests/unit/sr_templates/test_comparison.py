"""A report puts its result beside the patient's last one: figures beside figures."""

from dataclasses import replace

import pytest
from pydicom.dataset import Dataset

from sr_templates.ct.measurement_report import build_ct_report
from sr_templates.earlier_result import EarlierFinding, EarlierReport, EarlierResult
from sr_templates.forms.form import FORMS, PDF, ReportForm
from sr_templates.forms.references import sources_of
from sr_templates.forms.report import in_form
from sr_templates.measurement_report import build_measurement_report
from sr_templates.validation import problems
from tests.unit.sr_templates.builders import (
    a_context,
    a_finding,
    a_negative,
    a_prediction,
    a_source,
    an_image,
)
from tests.unit.sr_templates.test_forms import items
from tests.unit.sr_templates.test_verified_report import texts_of
from tests.unit.sr_templates_ct.builders import a_study

pytestmark = pytest.mark.slow

FOUND, ABSENT = a_finding(probability=0.81), a_negative()
EARLIER = EarlierResult(
    report=EarlierReport(
        study_instance_uid="2.25.1",
        series_instance_uid="2.25.2",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.88.34",
        sop_instance_uid="2.25.3",
    ),
    study_date="20250105",
    comparable=True,
    findings={
        FOUND.label: EarlierFinding(probability=0.6, present=True),
        ABSENT.label: EarlierFinding(probability=0.2, present=False),
    },
)


def report_with(earlier: EarlierResult) -> Dataset:
    prediction = a_prediction(an_image(FOUND, ABSENT))
    return build_measurement_report(prediction, [a_source()], a_context(), earlier=earlier)


def compared(report: Dataset) -> list[Dataset]:
    return [each for each in items(report) if named(each) == "prior-compared"]


def named(item: Dataset) -> str:
    return str(item.ConceptNameCodeSequence[0].CodeValue)


def figures(item: Dataset) -> dict[str, float]:
    return {
        named(each): float(each.MeasuredValueSequence[0].NumericValue)
        for each in item.ContentSequence
        if each.ValueType == "NUM"
    }


def test_a_finding_stands_beside_what_was_verified_of_it() -> None:
    report = report_with(EARLIER)
    assert problems(report, [a_source()]) == ()
    (item,) = compared(report)  # what is absent now and was absent then needs no line
    assert item.ConceptCodeSequence[0].CodeValue == FOUND.code.value
    assert figures(item) == {"prior-value": 60.0, "prior-difference": 21.0}
    children = {named(each): each for each in item.ContentSequence}
    assert children["C2348792"].TextValue == "2025-01-05"
    assert children["prior-verified"].ConceptCodeSequence[0].CodeMeaning == "Positive"
    reference = children["122075"].ReferencedSOPSequence[0]
    assert reference.ReferencedSOPInstanceUID == "2.25.3"
    (other,) = report.PertinentOtherEvidenceSequence
    assert other.StudyInstanceUID == "2.25.1"
    assert (
        f"Compared with the verified result of 2025-01-05: {FOUND.title} 60.0 % then, present by "
        "the reader, 81.0 % now (+21.0 percentage points)."
    ) in texts_of(report)


def test_a_study_whose_identifiers_are_none_is_not_referred_to() -> None:
    odd = replace(EARLIER, report=replace(EARLIER.report, study_instance_uid="1.02.x"))
    report = report_with(odd)
    assert compared(report) == []
    assert problems(report, [a_source()]) == ()


def test_what_is_gone_is_said_too() -> None:
    gone = replace(EARLIER, findings={ABSENT.label: EarlierFinding(probability=0.9, present=True)})
    (item,) = compared(report_with(gone))
    assert figures(item)["prior-difference"] < 0


def test_figures_of_another_model_are_not_compared() -> None:
    report = report_with(replace(EARLIER, comparable=False))
    (item,) = compared(report)
    assert figures(item) == {"prior-value": 60.0}
    (words,) = [each for each in texts_of(report) if each.startswith("Compared")]
    assert words.endswith("figures are not compared.")


def test_percentages_of_lungs_stand_beside_verified_ones() -> None:
    study = a_study()
    analysis = study.prediction.analysis
    assert analysis is not None
    (both,) = [each for each in analysis.measurements if each.side.value == "both lungs"]
    assert both.percentage is not None
    earlier = replace(EARLIER, findings={}, shares={"both lungs": 1.5})
    report = build_ct_report(
        study.prediction, study.datasets, a_context(), segmented=False, earlier=earlier
    )
    assert problems(report, study.datasets) == ()
    (item,) = compared(report)
    now = round(both.percentage, 1)
    assert figures(item) == {
        "prior-value": 1.5,
        "prior-difference": pytest.approx(now - 1.5, abs=0.01),
    }
    assert any("Inhomogeneity of both lungs 1.5 % then" in each for each in texts_of(report))


@pytest.mark.parametrize(
    "form", [each for each in FORMS if each is not PDF], ids=lambda form: form.name
)
def test_a_comparison_fits_every_form_of_a_report(form: ReportForm) -> None:
    report = report_with(EARLIER)
    made = in_form(report, form, {}).dataset if form is not FORMS[0] else report
    assert problems(made, sources_of(report)) == ()
    assert any("Compared with the verified result" in text for text in texts_of(made))
