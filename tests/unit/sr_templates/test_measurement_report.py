"""The report is TID 1500, complete and unverified, and says what was and was not analysed."""

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import highdicom as hd
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import (
    Comprehensive3DSRStorage,
    EnhancedCTImageStorage,
    RTDoseStorage,
)

from ai_engine.prediction import Prediction, Refusal, RefusalReason
from sr_templates import codes
from sr_templates.errors import EvidenceError
from sr_templates.measurement_report import build_measurement_report
from sr_templates.qualitative_evaluations import TRIED
from sr_templates.requested_procedure import RequestedProcedure
from sr_templates.requesting import add_request
from sr_templates.uids import device_uid
from sr_templates.validation import problems
from tests.unit.sr_templates.builders import (
    IMAGE,
    STUDY,
    a_context,
    a_finding,
    a_heat_map,
    a_model,
    a_negative,
    a_prediction,
    a_source,
    an_image,
    raw_source,
)

SECOND = f"{STUDY}.1.2"


def a_report(prediction: Prediction | None = None, *sources: Dataset, **kwargs: Any) -> Dataset:
    return build_measurement_report(
        prediction or a_prediction(), list(sources) or [a_source()], a_context(), **kwargs
    )


def a_refusal(reason: RefusalReason = RefusalReason.NOT_FRONTAL_CHEST, **changes: str) -> Refusal:
    values = {"sop_instance_uid": SECOND, "detail": "body part is not the chest"}
    return Refusal(reason=reason, **{**values, **changes})


def refused(reason: RefusalReason, **changes: str) -> Prediction:
    refusal = a_refusal(reason, sop_instance_uid=IMAGE, **changes)
    return Prediction(model=a_model(), images=(), refusals=(refusal,))


def bytes_of(report: Dataset) -> bytes:
    buffer = io.BytesIO()
    report.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def written_and_read(report: Dataset) -> Dataset:
    return dcmread(io.BytesIO(bytes_of(report)))


def content_of(report: Dataset) -> hd.sr.MeasurementReport:
    return hd.sr.Comprehensive3DSR.from_dataset(written_and_read(report)).content


def children(parent: Dataset, *names: Any) -> list[Dataset]:
    """Follow concept names down from ``parent`` and return the items at the last."""
    items = [parent]
    for name in names:
        items = [
            child
            for item in items
            for child in item.get("ContentSequence", [])
            if child.ConceptNameCodeSequence[0].get("CodeValue") == name.value
        ]
    return items


def comments(report: Dataset) -> list[str]:
    return [
        item.TextValue for item in children(report, codes.QUALITATIVE_EVALUATIONS, codes.COMMENT)
    ]


def values_of(report: Dataset, *names: Any) -> list[str]:
    return [item.ConceptCodeSequence[0].CodeMeaning for item in children(report, *names)]


def test_a_report_is_complete_unverified_and_in_the_sources_study() -> None:
    report, source = a_report(), a_source()
    assert report.SOPClassUID == Comprehensive3DSRStorage
    assert (report.CompletionFlag, report.VerificationFlag) == ("COMPLETE", "UNVERIFIED")
    assert (report.Modality, report.SeriesNumber, report.InstanceNumber) == ("SR", 9000, 1)
    for keyword in ("StudyInstanceUID", "PatientID", "PatientName", "AccessionNumber", "StudyID"):
        assert report[keyword].value == source[keyword].value
    assert report.SeriesInstanceUID != source.SeriesInstanceUID
    assert report.SeriesDescription == "AI report (research): Chest radiograph"


def test_the_same_prediction_gives_the_same_bytes() -> None:
    assert bytes_of(a_report()) == bytes_of(a_report())


@pytest.mark.slow
def test_every_report_passes_the_gate_and_survives_writing_and_reading() -> None:
    report = a_report()
    assert problems(report, [a_source()]) == ()
    again = written_and_read(report)
    assert problems(again, [a_source()]) == ()
    assert bytes_of(again) == bytes_of(report)


def test_a_positive_localised_finding_has_one_planar_group() -> None:
    (group,) = content_of(a_report()).get_planar_roi_measurement_groups()
    assert group.tracking_identifier == "Pneumonia"
    assert group.finding_type == codes.concept(a_finding().code)
    assert group.finding_sites[0].value.meaning == "Lung"
    probability, threshold = group.get_measurements()
    assert (probability.name.meaning, probability.value) == ("Probability of pneumonia", 87.3)
    assert (threshold.name.meaning, threshold.value) == ("Threshold Value", 50.0)
    assert probability.unit.value == "%"
    assert group.roi.graphic_type == hd.sr.GraphicTypeValues.POLYLINE
    # The blob is at (50, 120) on the image, and falls to half at a radius of 25.5 pixels.
    assert group.roi.value.max(axis=0) == pytest.approx([75.5, 145.5], abs=3)
    assert group.roi.value.min(axis=0) == pytest.approx([24.5, 94.5], abs=3)


def test_a_probability_is_equivalent_to_the_standards_in_its_group() -> None:
    numbers = children(a_report(), codes.IMAGING_MEASUREMENTS, codes.MEASUREMENT_GROUP)
    name = numbers[0].ContentSequence[-4].ConceptNameCodeSequence[0]
    assert name.CodingSchemeDesignator == codes.PRIVATE_SCHEME
    assert name.EquivalentCodeSequence[0].CodeMeaning == "Probability"


@pytest.mark.slow
def test_two_areas_of_one_finding_are_two_groups_with_names_of_their_own() -> None:
    finding = a_finding(heat_map=a_heat_map((0.3, 0.5), (0.7, 0.5)))
    report = a_report(a_prediction(an_image(finding)))
    groups = content_of(report).get_planar_roi_measurement_groups()
    assert [g.tracking_identifier for g in groups] == ["Pneumonia", "Pneumonia (area 2)"]
    assert len({g.tracking_uid for g in groups}) == 2
    assert problems(report) == ()


def test_a_positive_finding_that_is_not_localised_has_no_group() -> None:
    report = a_report(a_prediction(an_image(a_finding(heat_map=None))))
    assert content_of(report).get_planar_roi_measurement_groups() == []
    assert values_of(report, codes.QUALITATIVE_EVALUATIONS, codes.concept(a_finding().code)) == [
        "Positive"
    ]


def test_every_label_of_every_image_has_its_verdict_with_numbers_and_image() -> None:
    images = (an_image(), an_image(a_finding(probability=0.1), a_negative(), uid=SECOND))
    sources = (a_source(), a_source(SOPInstanceUID=SECOND))
    report = a_report(a_prediction(*images), *sources)
    verdicts = children(
        report, codes.QUALITATIVE_EVALUATIONS, codes.concept(a_finding().code)
    ) + children(report, codes.QUALITATIVE_EVALUATIONS, codes.concept(a_negative().code))
    found = [
        (
            verdict.ConceptCodeSequence[0].CodeMeaning,
            *[
                float(item.MeasuredValueSequence[0].NumericValue)
                for item in verdict.ContentSequence[:2]
            ],
            verdict.ContentSequence[2].ReferencedSOPSequence[0].ReferencedSOPInstanceUID,
        )
        for verdict in verdicts
    ]
    assert found == [
        ("Positive", 87.3, 50.0, IMAGE),
        ("Negative", 10.0, 50.0, SECOND),
        ("Negative", 20.0, 45.0, IMAGE),
        ("Negative", 20.0, 45.0, SECOND),
    ]


def test_a_negative_result_is_a_result() -> None:
    report = a_report(a_prediction(an_image(a_negative())))
    assert values_of(report, codes.QUALITATIVE_EVALUATIONS, codes.SUMMARY) == [
        "All algorithms succeeded; without findings"
    ]
    assert comments(report)[:2] == ["1 image analysed.", "No finding above threshold."]
    assert content_of(report).get_planar_roi_measurement_groups() == []
    assert problems(report) == ()


def test_a_partly_analysed_study_says_so_and_why() -> None:
    prediction = a_prediction(refusals=(a_refusal(),))
    report = a_report(prediction, a_source(), a_source(SOPInstanceUID=SECOND))
    assert values_of(report, codes.QUALITATIVE_EVALUATIONS, codes.SUMMARY) == [
        "Not all algorithms succeeded; with findings"
    ]
    assert comments(report)[0] == "Partly analysed: 1 image analysed, 1 image not analysed."
    assert "Not analysed: not a frontal chest radiograph." in comments(report)
    assert len(content_of(report).get_planar_roi_measurement_groups()) == 1


@pytest.mark.parametrize("reason", list(RefusalReason))
def test_a_refused_study_says_why_in_code_and_in_words(reason: RefusalReason) -> None:
    report = a_report(refused(reason))
    container = (codes.QUALITATIVE_EVALUATIONS, codes.SUMMARY_OF_ANALYSES)
    assert values_of(report, codes.QUALITATIVE_EVALUATIONS, codes.SUMMARY) == [
        "No algorithms succeeded; without findings"
    ]
    expected = "Failed" if reason in TRIED else "Not Attempted"
    assert values_of(report, *container) == [expected]
    assert values_of(report, *container, codes.REASON) == [codes.REFUSAL_REASONS[reason].meaning]
    (words,) = children(report, *container, codes.COMMENT)
    assert words.TextValue == f"{reason.value}: body part is not the chest"
    assert problems(report, [a_source()]) == ()


def test_an_instance_without_pixels_is_referred_to_as_no_image() -> None:
    source = a_source(SOPClassUID=RTDoseStorage, Rows=None, Columns=None, Modality="RTDOSE")
    report = a_report(refused(RefusalReason.NO_PIXELS), source)
    path = (codes.QUALITATIVE_EVALUATIONS, codes.SUMMARY_OF_ANALYSES, codes.SOURCE_OF_MEASUREMENT)
    assert [item.ValueType for item in children(report, *path)] == ["COMPOSITE"]
    assert problems(report, [source]) == ()


def test_the_algorithm_is_identified_in_groups_and_where_there_are_none() -> None:
    negative = a_prediction(an_image(a_negative()), calibration="device 7, 2026-03")
    for report in (a_report(), a_report(negative), a_report(refused(RefusalReason.TOO_SMALL))):
        names = [
            item.TextValue
            for item in children(report, codes.QUALITATIVE_EVALUATIONS)[0].ContentSequence
            if item.ConceptNameCodeSequence[0].CodeValue in ("111001", "111003")
        ]
        assert names == ["chest-radiograph", "1.2.0"]
    parameters = [
        item.TextValue
        for item in children(a_report(negative), codes.QUALITATIVE_EVALUATIONS)[0].ContentSequence
        if item.ConceptNameCodeSequence[0].CodeValue == "111002"
    ]
    assert parameters == [
        f"weights sha256 {a_model().weights_digest}",
        "calibration device 7, 2026-03",
        "threshold abnormal 0.4500",
    ]


def test_the_algorithm_is_contributing_equipment_with_its_own_device_uid() -> None:
    (item,) = a_report().ContributingEquipmentSequence
    purpose = item.PurposeOfReferenceCodeSequence[0]
    assert purpose.CodeMeaning == "Processing Algorithm"
    assert purpose.EquivalentCodeSequence[0].CodeValue == "109102"
    assert item.DeviceUID == device_uid(a_model())
    assert list(item.SoftwareVersions) == ["1.2.0", a_model().weights_digest]
    assert (item.Manufacturer, item.ManufacturerModelName) == (
        "AI node project",
        "chest-radiograph",
    )


@pytest.mark.parametrize(("is_research", "qualification"), [(True, "RESEARCH"), (False, "PRODUCT")])
def test_content_is_qualified_as_the_model_is(is_research: bool, qualification: str) -> None:
    report = a_report(a_prediction(model=a_model(research_only=is_research)))
    assert report.ContentQualification == qualification
    warned = any("not for clinical use" in comment for comment in comments(report))
    assert warned is is_research
    assert ("research" in report.SeriesDescription) is is_research


def test_the_observer_is_the_model_as_a_device() -> None:
    subject = content_of(a_report()).get_observer_contexts()[0]
    assert subject.observer_type.meaning == "Device"
    assert subject.observer_identifying_attributes.uid == device_uid(a_model())


@pytest.mark.parametrize(
    ("attributes", "meaning"),
    [
        ({}, "Plain X-ray of chest"),
        ({"BodyPartExamined": None}, "XR unspecified body region"),
        ({"BodyPartExamined": "TORAX"}, "Plain X-ray of chest"),
        ({"Modality": "CT"}, "CT Chest"),
        ({"Modality": "CT", "BodyPartExamined": "Thorax"}, "CT Chest"),
        ({"Modality": "CT", "BodyPartExamined": None}, "CT unspecified body region"),
        ({"Modality": "CT", "BodyPartExamined": "HEAD"}, "CT unspecified body region"),
        ({"Modality": "US"}, "Imaging procedure"),
    ],
)
def test_the_imaging_procedure_is_reported(attributes: dict[str, Any], meaning: str) -> None:
    report = a_report(None, a_source(**attributes))
    assert values_of(report, codes.PROCEDURE_REPORTED) == [meaning]


def test_a_coded_procedure_of_the_study_is_reported_as_it_is() -> None:
    procedure = codes.code_item(Code("36643-5", "LN", "XR Chest 2 Views"))
    report = a_report(None, a_source(ProcedureCodeSequence=[procedure]))
    assert values_of(report, codes.PROCEDURE_REPORTED) == ["XR Chest 2 Views"]


def test_the_image_library_describes_every_image_by_what_its_header_states() -> None:
    bare = a_source(
        SOPInstanceUID=SECOND,
        PatientOrientation=None,
        ImagerPixelSpacing=None,
        BodyPartExamined=None,
        AcquisitionTime="120003",
    )
    first = a_source(AcquisitionTime="120001", FrameOfReferenceUID="1.2.3.9")
    prediction = a_prediction(refusals=(a_refusal(),))
    library = children(
        a_report(prediction, first, bare), codes.IMAGE_LIBRARY, codes.IMAGE_LIBRARY_GROUP
    )[0]
    common, entries = described(library)
    assert common == ["Modality", "Study Date", "Study Time", *ROWS_AND_COLUMNS]
    assert entries == [
        [
            *("Patient Orientation Row", "Patient Orientation Column"),
            *("Acquisition Time", "Frame of Reference UID"),
            *("Horizontal Pixel Spacing", "Vertical Pixel Spacing"),
        ],
        ["Acquisition Time"],
    ]


def test_what_all_images_say_alike_is_said_once_of_the_group() -> None:
    images = [a_source(SOPInstanceUID=f"{STUDY}.1.{number}") for number in range(1, 5)]
    library = children(a_report(None, *images), codes.IMAGE_LIBRARY, codes.IMAGE_LIBRARY_GROUP)[0]
    common, entries = described(library)
    assert {"Modality", *ROWS_AND_COLUMNS} <= set(common)
    assert entries == [[], [], [], []]


ROWS_AND_COLUMNS = ("Pixel Data Rows", "Pixel Data Columns")


def described(group: Dataset) -> tuple[list[str], list[list[str]]]:
    """Return what descriptors the group has, and what each of its images has besides."""
    items = list(group.ContentSequence)
    entries = [each for each in items if each.ValueType == "IMAGE"]
    common = [each for each in items if each.ValueType != "IMAGE"]
    assert items == [*common, *entries], "what is common comes first (TID 1600)"
    names = [
        [each.ConceptNameCodeSequence[0].CodeMeaning for each in of]
        for of in (common, *(list(entry.get("ContentSequence") or []) for entry in entries))
    ]
    return names[0], names[1:]


def test_evidence_lists_every_source_once_by_series() -> None:
    other_series = a_source(SOPInstanceUID=SECOND, SeriesInstanceUID=f"{STUDY}.2")
    prediction = a_prediction(refusals=(a_refusal(),))
    report = a_report(prediction, a_source(), a_source(), other_series)
    (study,) = report.CurrentRequestedProcedureEvidenceSequence
    listed = {
        series.SeriesInstanceUID: [i.ReferencedSOPInstanceUID for i in series.ReferencedSOPSequence]
        for series in study.ReferencedSeriesSequence
    }
    assert listed == {f"{STUDY}.1": [IMAGE], f"{STUDY}.2": [SECOND]}


def test_a_successor_names_its_predecessor_and_stays_in_its_series() -> None:
    first = a_report()
    prediction = a_prediction(an_image(), an_image(uid=SECOND))
    second = a_report(prediction, a_source(), a_source(SOPInstanceUID=SECOND), predecessors=[first])
    assert second.SeriesInstanceUID == first.SeriesInstanceUID
    assert second.SOPInstanceUID != first.SOPInstanceUID
    assert second.InstanceNumber == 2
    (study,) = second.PredecessorDocumentsSequence
    reference = study.ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
    assert reference.ReferencedSOPInstanceUID == first.SOPInstanceUID
    assert problems(second, [a_source()]) == ()


def test_another_models_report_is_in_another_series() -> None:
    other = a_report(a_prediction(model=a_model(name="other")))
    assert other.SeriesInstanceUID != a_report().SeriesInstanceUID


def test_a_study_without_a_request_refers_to_none() -> None:
    assert a_report().ReferencedRequestSequence[0].AccessionNumber == "A-1"
    report = a_report(None, a_source(AccessionNumber=None))
    assert "ReferencedRequestSequence" not in report
    assert problems(report) == ()


def test_times_are_in_the_studys_zone_where_it_states_one() -> None:
    report = a_report(None, a_source(TimezoneOffsetFromUTC="+0930"))
    assert (report.TimezoneOffsetFromUTC, report.ContentTime) == ("+0930", "143607.890000")
    unstated = a_report()
    assert "TimezoneOffsetFromUTC" not in unstated
    assert unstated.ContentTime == "050607.890000"
    zone = timezone(timedelta(hours=-5))
    moved = a_context(content_datetime=datetime(2026, 3, 4, 23, 30, tzinfo=UTC).astimezone(zone))
    late = build_measurement_report(a_prediction(), [a_source()], moved)
    assert (late.ContentDate, late.ContentTime) == ("20260304", "183000.000000")


@pytest.mark.slow
def test_frames_are_named_where_the_class_has_frames() -> None:
    source = a_source(SOPClassUID=EnhancedCTImageStorage, Modality="CT", NumberOfFrames=5)
    report = a_report(a_prediction(an_image(frame=3)), source)
    (group,) = content_of(report).get_planar_roi_measurement_groups()
    assert group.tracking_identifier == "Pneumonia (frame 3)"
    image = children(
        report,
        codes.IMAGING_MEASUREMENTS,
        codes.MEASUREMENT_GROUP,
        codes.IMAGE_REGION,
    )[0].ContentSequence[0]
    assert image.ReferencedSOPSequence[0].ReferencedFrameNumber == 3


def test_a_class_without_frames_is_referred_to_without_a_frame_number() -> None:
    report = a_report(a_prediction(an_image(frame=1)), a_source(NumberOfFrames=2))
    assert all(
        "ReferencedFrameNumber" not in item
        for element in report.iterall()
        if element.keyword == "ReferencedSOPSequence"
        for item in element.value
    )


def test_sources_that_do_not_fit_the_prediction_are_named() -> None:
    with pytest.raises(EvidenceError, match="no source image"):
        build_measurement_report(a_prediction(), [], a_context())
    with pytest.raises(EvidenceError, match="2 studies"):
        a_report(None, a_source(), a_source(StudyInstanceUID="1.2.3", SOPInstanceUID=SECOND))
    with pytest.raises(EvidenceError, match="not in the sources"):
        a_report(a_prediction(an_image(uid=SECOND)))
    with pytest.raises(EvidenceError, match=r"StudyInstanceUID .* empty or not printable"):
        a_report(None, raw_source(StudyInstanceUID="1.2\x00.3"))


def test_a_naive_time_and_a_tiny_overlay_are_refused() -> None:
    with pytest.raises(EvidenceError, match="aware"):
        a_context(content_datetime=datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(EvidenceError, match="at least 512"):
        a_context(max_overlay_side=100)
    with pytest.raises(EvidenceError, match="series_number_base"):
        replace(a_context(), series_number_base=0)


def test_an_order_from_a_worklist_is_that_of_images_that_name_none() -> None:
    procedure = RequestedProcedure(
        accession_number="A1",
        requested_procedure_id="R1",
        requested_procedure_description="Chest PA",
        placer_order_number="P1",
        filler_order_number="Bestellung für 1",
    )
    header = add_request(a_source(AccessionNumber=""), procedure)
    report = build_measurement_report(a_prediction(), [header], a_context())
    assert report.AccessionNumber == "A1"
    (request,) = report.ReferencedRequestSequence
    assert (request.AccessionNumber, request.RequestedProcedureID) == ("A1", "R1")
    assert request.RequestedProcedureDescription == "Chest PA"
    assert request.PlacerOrderNumberImagingServiceRequest == "P1"
    assert not request.FillerOrderNumberImagingServiceRequest
    assert problems(report, [header]) == ()
    own = add_request(a_source(AccessionNumber="MINE"), procedure)
    assert own.AccessionNumber == "MINE"
    assert "RequestAttributesSequence" not in own


@pytest.mark.parametrize(
    ("stated", "figures"),
    [
        ("0,143\\0.143", {"0.143"}),
        ("143\\143", set()),
        ("0.000143\\0.000143", set()),
        ("0.143mm\\0.143mm", set()),
    ],
)
def test_a_report_states_the_size_of_a_pixel_in_millimetres_or_none(
    stated: str, figures: set[str]
) -> None:
    source = raw_source(ImagerPixelSpacing=stated)
    report = build_measurement_report(a_prediction(), [source], a_context())
    found = {
        str(item.MeasuredValueSequence[0].NumericValue)
        for item in _items(report)
        if item.get("ValueType") == "NUM"
        and "Pixel Spacing" in item.ConceptNameCodeSequence[0].CodeMeaning
    }
    assert found == figures


def _items(parent: Dataset) -> Iterator[Dataset]:
    for item in parent.get("ContentSequence") or []:
        yield item
        yield from _items(item)
