"""A report whose statements contradict each other is held, whichever of them is wrong."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from ai_engine.library.labels import reported_label
from ai_engine.prediction import Refusal, RefusalReason, Remark, RemarkKind
from sr_templates import codes
from sr_templates.ct import codes as ct_codes
from sr_templates.ct.measurement_report import build_ct_report
from sr_templates.measurement_report import build_measurement_report
from sr_templates.validation import problems
from tests.unit.sr_templates.builders import (
    IMAGE,
    STUDY,
    a_context,
    a_finding,
    a_negative,
    a_prediction,
    a_source,
    an_image,
)
from tests.unit.sr_templates_ct.builders import a_study

pytestmark = pytest.mark.slow

Change = Callable[[Dataset], None]
SECOND = f"{STUDY}.1.2"


def items(parent: Dataset) -> list[Dataset]:
    return list(parent.get("ContentSequence") or [])


def named(parent: Dataset, code: Code) -> Dataset:
    return next(
        each for each in items(parent) if each.ConceptNameCodeSequence[0].CodeValue == code.value
    )


def evaluations(report: Dataset) -> Dataset:
    return named(report, codes.QUALITATIVE_EVALUATIONS)


def answered(item: Dataset, answer: Code) -> None:
    item.ConceptCodeSequence = [codes.code_item(answer)]


def verdict(report: Dataset) -> Dataset:
    answers = {codes.POSITIVE.value, codes.NEGATIVE.value}
    return next(
        each
        for each in items(evaluations(report))
        if each.ValueType == "CODE" and each.ConceptCodeSequence[0].CodeValue in answers
    )


def summary_of(code: Code) -> Change:
    return lambda report: answered(named(evaluations(report), codes.SUMMARY), code)


def negative_verdict(report: Dataset) -> None:
    answered(verdict(report), codes.NEGATIVE)


def probability_below(report: Dataset) -> None:
    verdict(report).ContentSequence[0].MeasuredValueSequence[0].NumericValue = "12"


def impression_of(words: str) -> Change:
    def change(report: Dataset) -> None:
        named(report, codes.IMPRESSION).TextValue = words

    return change


def region_of_another_image(report: Dataset) -> None:
    group = named(named(report, codes.IMAGING_MEASUREMENTS), codes.MEASUREMENT_GROUP)
    region = named(group, codes.IMAGE_REGION)
    region.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID = SECOND


def a_report(change: Change = lambda _report: None) -> Dataset:
    """Return the report of a finding on one of two images."""
    prediction = a_prediction(
        an_image(a_finding()), replace(an_image(a_negative()), sop_instance_uid=SECOND)
    )
    sources = [a_source(), a_source(SOPInstanceUID=SECOND)]
    report = build_measurement_report(prediction, sources, a_context())
    change(report)
    return report


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            summary_of(codes.ALL_SUCCEEDED_WITHOUT_FINDINGS),
            "the summary says 'All algorithms succeeded; without findings', verdicts and regions "
            "the contrary",
        ),
        (summary_of(codes.NONE_SUCCEEDED), "the summary says that none succeeded, beside results"),
        (negative_verdict, "a verdict is not what its probability and threshold say"),
        (probability_below, "a verdict is not what its probability and threshold say"),
        (negative_verdict, "a region has no finding that is affirmed of its image"),
        (region_of_another_image, "a region has no finding that is affirmed of its image"),
        (
            impression_of("AI result, not verified: no finding above threshold."),
            "words say that nothing was found beside something that was found",
        ),
    ],
)
def test_a_radiographs_report_that_contradicts_itself_is_held(change: Change, problem: str) -> None:
    assert problem in problems(a_report(change))


def test_a_summary_with_findings_beside_none_is_held() -> None:
    report = build_measurement_report(
        a_prediction(an_image(a_negative())), [a_source()], a_context()
    )
    assert problems(report) == ()
    summary_of(codes.ALL_SUCCEEDED_WITH_FINDINGS)(report)
    assert any("the contrary" in each for each in problems(report))


def test_a_refusal_or_a_broken_transfer_beside_all_succeeded_is_held() -> None:
    refused = (Refusal(sop_instance_uid=SECOND, reason=RefusalReason.TOO_SMALL, detail="16 by 16"),)
    interrupted = (
        Remark(
            kind=RemarkKind.TRANSFER_INTERRUPTED, sop_instance_uid=IMAGE, detail="It broke off."
        ),
    )
    sources = [a_source(), a_source(SOPInstanceUID=SECOND)]
    for prediction in (a_prediction(refusals=refused), a_prediction(remarks=interrupted)):
        report = build_measurement_report(prediction, sources, a_context())
        assert problems(report) == ()
        summary_of(codes.ALL_SUCCEEDED_WITH_FINDINGS)(report)
        assert "the summary says that all succeeded, beside what was refused or is doubtful" in (
            problems(report)
        )


@pytest.mark.parametrize("label", ["Normal", "No_Finding"])
def test_an_image_that_is_called_normal_and_diseased_is_held(label: str) -> None:
    normal = reported_label(label, threshold=0.5)
    both = an_image(
        a_finding(),
        a_finding(label=label, title=normal.title, code=normal.code, heat_map=None),
    )
    report = build_measurement_report(a_prediction(both), [a_source()], a_context())
    assert "an image is said to be normal, and to have a finding" in problems(report)


def a_ct_report(*, diseased: bool, change: Change = lambda _report: None) -> Dataset:
    study = a_study(diseased=diseased)
    report = build_ct_report(study.prediction, list(study.datasets), a_context(), segmented=False)
    change(report)
    return report


def grade_of_both(code: Code) -> Change:
    severity = next(
        code for side, code in ct_codes.SEVERITY_OF.items() if side.value == "both lungs"
    )
    return lambda report: answered(named(evaluations(report), severity), code)


def healthy_words(report: Dataset) -> None:
    comment = named(evaluations(report), codes.COMMENT)
    comment.TextValue = "No inhomogeneity measured in 4000 ml of aerated lung."


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            healthy_words,
            "words say that nothing was found beside something that was found",
        ),
        (
            grade_of_both(Code("ct-grade-5", codes.PRIVATE_SCHEME, "Grade 5: over 75 %")),
            "a grade is not what its share says",
        ),
        (
            summary_of(codes.ALL_SUCCEEDED_WITHOUT_FINDINGS),
            "the summary says 'All algorithms succeeded; without findings', verdicts and regions "
            "the contrary",
        ),
    ],
)
def test_a_cts_report_that_contradicts_itself_is_held(change: Change, problem: str) -> None:
    assert problem in problems(a_ct_report(diseased=True, change=change))


@pytest.mark.parametrize("diseased", [True, False])
def test_what_is_said_of_a_ct_agrees(diseased: bool) -> None:
    assert problems(a_ct_report(diseased=diseased)) == ()


def test_no_grade_beside_all_succeeded_is_held() -> None:
    report = a_ct_report(diseased=True, change=grade_of_both(ct_codes.CANNOT_GRADE))
    summary_of(codes.ALL_SUCCEEDED_WITH_FINDINGS)(report)
    assert "the summary says that all succeeded, beside what was refused or is doubtful" in (
        problems(report)
    )
