"""What evidence of a CT study says, and the rules of viewers that it keeps."""

import dataclasses
from collections.abc import Iterator
from copy import deepcopy

import highdicom as hd
import numpy as np
import pytest
from pydicom import Dataset
from pydicom.sr.coding import Code

from ai_engine.ct.refusal import CtRefusalReason
from sr_templates.codes import CHEST_CT, code_item
from sr_templates.ct.codes import REFUSAL_REASONS
from sr_templates.ct.encapsulated_report import build_ct_page
from sr_templates.ct.key_object_selection import build_key_slice_selection
from sr_templates.ct.measurement_report import build_ct_report
from sr_templates.ct.secondary_capture import build_key_slices
from sr_templates.ct.segmentation import build_ct_segmentation
from sr_templates.errors import EvidenceError
from sr_templates.validation import problems
from tests.unit.sr_templates.builders import a_context
from tests.unit.sr_templates_ct.builders import Study, a_study, pixels_of

pytestmark = pytest.mark.slow

RED = (255, 45, 35)


@pytest.fixture(scope="module")
def study() -> Study:
    return a_study()


@pytest.fixture(scope="module")
def report(study: Study) -> Dataset:
    return build_ct_report(study.prediction, study.datasets, a_context(), segmented=True)


@pytest.fixture(scope="module")
def segmentation(study: Study) -> Dataset:
    (made,) = build_ct_segmentation(study.prediction, study.datasets, a_context())
    return made


def code(item: Dataset) -> str:
    return str(item.ConceptNameCodeSequence[0].CodeValue)


def meaning(item: Dataset) -> str:
    return str(item.ConceptNameCodeSequence[0].CodeMeaning)


def groups(report: Dataset) -> list[Dataset]:
    imaging = next(item for item in report.ContentSequence if code(item) == "126010")
    return [item for item in imaging.ContentSequence if code(item) == "125007"]


def evaluations(report: Dataset) -> list[Dataset]:
    return list(report.ContentSequence[-1].ContentSequence)


def texts(report: Dataset) -> list[str]:
    return [item.TextValue for item in evaluations(report) if item.ValueType == "TEXT"]


def numbers(group: Dataset) -> dict[str, tuple[float, str]]:
    return {
        meaning(item): (
            float(item.MeasuredValueSequence[0].NumericValue),
            item.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodeValue,
        )
        for item in group.ContentSequence
        if item.ValueType == "NUM"
    }


def tracked(group: Dataset) -> str:
    return str(next(item.TextValue for item in group.ContentSequence if code(item) == "112039"))


def test_the_report_has_a_group_for_each_lung_and_pattern(study: Study, report: Dataset) -> None:
    by_name = {tracked(group): numbers(group) for group in groups(report)}
    assert list(by_name) == ["Right lung", "Left lung", "Ground-glass", "Nodule"]
    right, _, _ = study.prediction.analysis.measurements
    assert by_name["Right lung"]["Volume"] == (round(right.volume_ml, 2), "ml")
    assert by_name["Right lung"]["Inhomogeneity of right lung"] == (
        round(right.percentage, 2),
        "%",
    )
    assert set(by_name["Ground-glass"]) == {
        "Volume",
        "Ground-glass in right lung",
        "Ground-glass in both lungs",
        "Number of regions",
    }


def test_groups_refer_to_the_segments_that_the_segmentation_has(
    report: Dataset, segmentation: Dataset
) -> None:
    described = {item.SegmentNumber: item for item in segmentation.SegmentSequence}
    for group in groups(report):
        (segment,) = [item for item in group.ContentSequence if code(item) == "121191"]
        reference = segment.ReferencedSOPSequence[0]
        assert reference.ReferencedSOPInstanceUID == segmentation.SOPInstanceUID
        item = described[reference.ReferencedSegmentNumber]
        uid = next(each.UID for each in group.ContentSequence if each.ValueType == "UIDREF")
        assert (item.TrackingUID, item.TrackingID) == (uid, tracked(group))


def drawn_by_ohif(report: Dataset) -> Iterator[tuple[str, Dataset]]:
    """What OHIF 3.12 takes as a group's first coordinates; without any it stops."""
    for group in groups(report):
        items = list(group.ContentSequence)
        coordinates = [item for item in items if item.ValueType == "SCOORD"] or [
            item.ContentSequence[0]
            for item in items
            # A number with another only child is passed over, without its value being shown.
            if item.ValueType == "NUM" and len(item.get("ContentSequence") or []) == 1
        ]
        yield tracked(group), coordinates[0]


@pytest.mark.parametrize("segmented", [True, False])
def test_every_group_has_an_outline_that_viewers_draw(study: Study, segmented: bool) -> None:
    made = build_ct_report(study.prediction, study.datasets, a_context(), segmented=segmented)
    assert problems(made, study.datasets) == ()
    slices = {each.SOPInstanceUID for each in study.datasets}
    for name, item in drawn_by_ohif(made):
        points = np.array(item.GraphicData).reshape(-1, 2)
        assert item.GraphicType == "POLYLINE", name
        assert np.array_equal(points[0], points[-1])
        assert points.min() >= 0
        assert points.max() <= 128
        image = item.ContentSequence[0].ReferencedSOPSequence[0]
        assert image.ReferencedSOPInstanceUID in slices


@pytest.mark.parametrize("segmented", [True, False])
def test_outlines_on_a_multi_frame_object_say_on_which_frame(segmented: bool) -> None:
    """One object holds all slices: its frames run from the feet to the head."""
    study = a_study(multiframe=True)
    made = build_ct_report(study.prediction, study.datasets, a_context(), segmented=segmented)
    assert problems(made, study.datasets) == ()
    assert study.prediction.analysis is not None
    frames = [outline.reference.frame_number for outline in study.prediction.analysis.outlines]
    drawn = [item.ContentSequence[0].ReferencedSOPSequence[0] for _, item in drawn_by_ohif(made)]
    assert [image.ReferencedFrameNumber for image in drawn] == frames
    assert {image.ReferencedSOPInstanceUID for image in drawn} == {study.datasets[0].SOPInstanceUID}


def test_the_region_of_an_enhanced_object_is_that_of_its_frames() -> None:
    study = a_study(multiframe=True)
    (source,) = deepcopy(study.datasets)
    del source.BodyPartExamined
    region = code_item(Code("816094009", "SCT", "Chest"))
    source.SharedFunctionalGroupsSequence[0].FrameAnatomySequence = [Dataset()]
    source.SharedFunctionalGroupsSequence[0].FrameAnatomySequence[0].AnatomicRegionSequence = [
        region
    ]
    report = build_ct_report(study.prediction, (source,), a_context(), segmented=True)
    procedure = next(item for item in report.ContentSequence if code(item) == "121058")
    assert procedure.ConceptCodeSequence[0].CodeMeaning == CHEST_CT.meaning


def test_all_evidence_comes_of_a_multi_frame_object(study: Study) -> None:
    whole = a_study(multiframe=True)
    given, pixels = (whole.prediction, whole.datasets), pixels_of(whole)
    for made in (
        *build_ct_segmentation(*given, a_context()),
        *build_key_slice_selection(*given, a_context()),
        *build_key_slices(*given, pixels, a_context()),
        *build_ct_page(*given, pixels, a_context()),
    ):
        assert problems(made, whole.datasets) == ()
    single = study.prediction.analysis
    assert single is not None
    assert whole.prediction.analysis is not None
    assert whole.prediction.analysis.measurements == single.measurements


def test_the_report_explains_which_slices_show_what(study: Study, report: Dataset) -> None:
    said = texts(report)
    assert said[0].startswith("Analysed: the only series of slices (60 axial slices 4 mm apart")
    assert "There are 60 slices in total, counted from the head." in said
    assert any("ground-glass" in each and "red outline" in each for each in said)
    assert any(each.startswith("Limitation: A classical method") for each in said)
    assert "Demonstration - not for clinical use." in said
    grades = [item for item in evaluations(report) if meaning(item) == "Severity, right lung"]
    assert grades[0].ConceptCodeSequence[0].CodeMeaning == "Grade 2: 2 to 25 %"


def test_highdicom_reads_the_measurements_back(report: Dataset) -> None:
    read = hd.sr.Comprehensive3DSR.from_dataset(report)
    found = read.content.get_volumetric_roi_measurement_groups()
    assert [str(group.tracking_identifier) for group in found] == [
        "Right lung",
        "Left lung",
        "Ground-glass",
        "Nodule",
    ]


def test_highdicom_reads_the_masks_back(study: Study, segmentation: Dataset) -> None:
    assert problems(segmentation, study.datasets) == ()
    read = hd.seg.Segmentation.from_dataset(segmentation)
    lung = read.get_volume(segment_numbers=[1], combine_segments=True)
    right, _, _ = study.prediction.analysis.measurements
    # Slices without the segment are not in the object, so the volume is cut to its extent.
    millilitres = lung.array.sum() * 4.0 * 2.6 * 2.6 / 1000
    assert millilitres == pytest.approx(right.volume_ml, rel=1e-6)


def test_key_slices_show_the_inhomogeneity_in_red(study: Study) -> None:
    captures = build_key_slices(study.prediction, study.datasets, pixels_of(study), a_context())
    assert [each.ImageComments.split(",")[0] for each in captures] == ["Nodule", "Ground-glass"]
    for capture in captures:
        assert problems(capture, study.datasets) == ()
        assert (capture.pixel_array == RED).all(axis=2).any()
    selection = build_key_slice_selection(study.prediction, study.datasets, a_context())
    assert problems(selection[0], study.datasets) == ()


def test_the_page_is_one_sheet_and_always_the_same(study: Study) -> None:
    def pdf() -> bytes:
        (made,) = build_ct_page(study.prediction, study.datasets, pixels_of(study), a_context())
        assert problems(made, study.datasets) == ()
        assert made.DocumentTitle == "AI report: Lung inhomogeneity on chest CT (classical)"
        return bytes(made.EncapsulatedDocument)

    first = pdf()
    assert first.count(b"/Type /Page\n") == 1
    assert first.count(b"/Subtype /Image") == 2
    assert pdf() == first


def test_lungs_without_findings_have_one_slice_and_no_selection() -> None:
    healthy = a_study(diseased=False)
    (capture,) = build_key_slices(
        healthy.prediction, healthy.datasets, pixels_of(healthy), a_context()
    )
    assert capture.ImageComments.startswith("No inhomogeneity measured in ")
    assert not (capture.pixel_array == RED).all(axis=2).any()
    assert build_key_slice_selection(healthy.prediction, healthy.datasets, a_context()) == []
    made = build_ct_report(healthy.prediction, healthy.datasets, a_context(), segmented=False)
    summary = evaluations(made)[0].ConceptCodeSequence[0].CodeMeaning
    assert summary == "All algorithms succeeded; without findings"


@pytest.mark.parametrize("segmented", [True, False])
def test_lungs_without_findings_show_no_blank_for_what_is_zero(segmented: bool) -> None:
    """OHIF 3.12 shows a zero as nothing: the lung's name says it, and the evaluations' number."""
    healthy = a_study(diseased=False)
    made = build_ct_report(healthy.prediction, healthy.datasets, a_context(), segmented=segmented)
    assert [tracked(group) for group in groups(made)] == [
        "Right lung: no inhomogeneity measured",
        "Left lung: no inhomogeneity measured",
    ]
    for group in groups(made):
        assert all(value for value, _ in numbers(group).values())
    both = next(each for each in evaluations(made) if meaning(each) == "Severity, both lungs")
    assert numbers(both)["Inhomogeneity of both lungs"] == (0.0, "%")


def test_a_lung_is_a_place_and_no_finding(report: Dataset) -> None:
    lung = next(group for group in groups(report) if tracked(group) == "Right lung")
    named = {meaning(item): item for item in lung.ContentSequence}
    assert "Finding" not in named
    assert named["Finding Site"].ConceptCodeSequence[0].CodeMeaning == "Right lung"
    assert named["Measurement Method"].ConceptCodeSequence[0].CodeValue == "ct-attenuation"


def test_numbers_say_how_they_were_derived(report: Dataset) -> None:
    both = next(each for each in evaluations(report) if meaning(each) == "Severity, both lungs")
    said = {
        meaning(item): [child.ConceptCodeSequence[0].CodeMeaning for child in item.ContentSequence]
        for item in both.ContentSequence
        if item.ValueType == "NUM"
    }
    method = "Attenuation of segmented lungs on CT"
    assert said["Volume"] == ["Calculated", method]
    assert said["Mean Attenuation Coefficient"] == ["Mean", method]


def test_the_impression_says_what_was_measured_and_how_it_is_graded(report: Dataset) -> None:
    (said,) = (item for item in report.ContentSequence if meaning(item) == "Impression")
    assert said.TextValue.startswith("AI result, not verified: inhomogeneity of ")
    assert said.TextValue.endswith("; grade 2 of 5.")
    assert "ground-glass" in said.TextValue


def test_a_series_that_is_refused_gives_a_report_that_says_why() -> None:
    few = a_study(slices=12)
    made = build_ct_report(few.prediction, few.datasets, a_context(), segmented=True)
    assert problems(made, few.datasets) == ()
    (refusal,) = [item for item in evaluations(made) if code(item) == "111065"]
    reason, words, series, image = refusal.ContentSequence
    assert reason.ConceptCodeSequence[0].CodeValue == "R-FEW-SLICES"
    assert words.TextValue == (
        "Not analysed, because too few slices: 12 slices, at least 20 are needed."
    )
    assert few.datasets[0].SeriesInstanceUID == series.UID
    assert image.ValueType == "IMAGE"
    assert build_key_slices(few.prediction, few.datasets, pixels_of(few), a_context()) == []
    assert build_ct_segmentation(few.prediction, few.datasets, a_context()) == []


def test_every_reason_has_a_code() -> None:
    assert set(REFUSAL_REASONS) == set(CtRefusalReason)
    assert len({each.value for each in REFUSAL_REASONS.values()}) == len(CtRefusalReason)


def test_the_same_inputs_name_the_same_objects_and_other_settings_others(study: Study) -> None:
    def uid(**changes: object) -> str:
        prediction = dataclasses.replace(study.prediction, **changes)
        return str(
            build_ct_report(
                prediction, study.datasets[::-1], a_context(), segmented=True
            ).SOPInstanceUID
        )

    assert uid() == uid()
    assert uid(parameters=("other",)) != uid()


def test_a_missing_source_is_refused(study: Study) -> None:
    with pytest.raises(EvidenceError, match="1 instances of the prediction"):
        build_ct_report(study.prediction, study.datasets[1:], a_context(), segmented=True)


def test_patterns_that_were_not_found_have_no_segment(segmentation: Dataset) -> None:
    labels = [item.SegmentLabel for item in segmentation.SegmentSequence]
    assert labels == ["Right lung", "Left lung", "Ground-glass", "Nodule"]
