"""The gate holds back what receivers reject, lose or misfile."""

from collections.abc import Callable

import pytest
from pydicom.dataset import Dataset

from sr_templates.measurement_report import build_measurement_report
from sr_templates.secondary_capture import build_overlays
from sr_templates.validation import problems
from tests.unit.sr_templates.builders import a_context, a_prediction, a_source, some_pixels


def a_report() -> Dataset:
    return build_measurement_report(a_prediction(), [a_source()], a_context())


def a_capture() -> Dataset:
    return build_overlays(a_prediction(), a_source(), some_pixels(), a_context())[0]


def container(report: Dataset, value: str) -> Dataset:
    return next(
        item
        for item in report.ContentSequence
        if item.ConceptNameCodeSequence[0].CodeValue == value
    )


def a_group(report: Dataset) -> Dataset:
    return container(report, "126010").ContentSequence[0]


def without(keyword: str) -> Callable[[Dataset], None]:
    return lambda dataset: delattr(dataset, keyword)


def with_invalid(keyword: str, value: str) -> Callable[[Dataset], None]:
    def change(dataset: Dataset) -> None:
        # Behind pydicom's back, as a faulty builder or a damaged file would.
        dataset[keyword]._value = value

    return change


def keep_only(parent: Dataset, is_kept: Callable[[Dataset], bool]) -> None:
    parent.ContentSequence = [item for item in parent.ContentSequence if is_kept(item)]


def drop_evidence(report: Dataset) -> None:
    study = report.CurrentRequestedProcedureEvidenceSequence[0]
    study.ReferencedSeriesSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID = "1.2"


def drop_measurements(report: Dataset) -> None:
    keep_only(report, lambda item: item.ConceptNameCodeSequence[0].CodeValue != "126010")


def drop_region(report: Dataset) -> None:
    keep_only(a_group(report), lambda item: item.ValueType != "SCOORD")


def drop_tracking(report: Dataset) -> None:
    keep_only(a_group(report), lambda item: item.ValueType != "UIDREF")


def repeat_group(report: Dataset) -> None:
    container(report, "126010").ContentSequence.append(a_group(report))


def drop_name(report: Dataset) -> None:
    del a_group(report).ContentSequence[0].ConceptNameCodeSequence


def change_template(report: Dataset) -> None:
    report.ContentTemplateSequence[0].TemplateIdentifier = "2000"


def test_what_the_templates_build_passes() -> None:
    assert problems(a_report(), [a_source()]) == ()
    assert problems(a_capture(), [a_source()]) == ()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (without("CompletionFlag"), "Completion Flag (0040,A491) has no value (type 1)"),
        (without("PatientBirthDate"), "Patient's Birth Date (0010,0030) is missing (type 2)"),
        (with_invalid("PatientAge", "62"), "Patient's Age (0010,1010) is not valid as AS"),
        (with_invalid("SOPInstanceUID", "1.02"), "SOP Instance UID (0008,0018) is not a valid UID"),
        (change_template, "the root of the report is not TID 1500"),
        (drop_measurements, "the report has no Imaging Measurements"),
        (drop_region, "a measurement group has no region, or several: viewers fail on it"),
        (drop_tracking, "a measurement group's first UIDREF is not its tracking UID"),
        (repeat_group, "two measurement groups share a tracking UID"),
        (drop_name, "a content item has no concept name, which stops viewers"),
        (
            drop_evidence,
            "the report refers to instances that its evidence sequence does not list",
        ),
    ],
)
def test_a_report_with_a_fault_is_held_with_one_sentence(
    change: Callable[[Dataset], None], problem: str
) -> None:
    report = a_report()
    change(report)
    assert problem in problems(report, [a_source()])


def add_window(capture: Dataset) -> None:
    capture.WindowCenter = "2048"


def shorten_pixels(capture: Dataset) -> None:
    capture.PixelData = capture.PixelData[:-2]


def change_class(capture: Dataset) -> None:
    capture.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (add_window, "Window Center (0028,1050) has no place in an RGB image"),
        (
            shorten_pixels,
            "Pixel Data (7FE0,0010) is not as long as rows, columns and samples say",
        ),
        (without("BurnedInAnnotation"), "Burned In Annotation (0028,0301) has no value (type 1)"),
        (change_class, "SOPClassUID is not of a kind that this gate knows"),
    ],
)
def test_a_capture_with_a_fault_is_held_with_one_sentence(
    change: Callable[[Dataset], None], problem: str
) -> None:
    capture = a_capture()
    change(capture)
    assert problem in problems(capture, [a_source()])


def test_an_object_outside_its_sources_study_is_held() -> None:
    other = a_source(StudyInstanceUID="1.2.3", PatientID="P-2")
    assert problems(a_report(), [other]) == (
        "Study Instance UID (0020,000D) differs from the source image's",
        "Patient ID (0010,0020) differs from the source image's",
    )


def test_a_problem_never_quotes_a_value() -> None:
    report = a_report()
    with_invalid("PatientBirthDate", "SECRET")(report)
    assert "SECRET" not in " ".join(problems(report, [a_source()]))
