"""Segmentations hold the report's regions, pixel by pixel, on any radiograph."""

import io
from typing import Any

import cv2
import highdicom as hd
import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    EnhancedCTImageStorage,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSNearLossless,
    SegmentationStorage,
)

from ai_engine.prediction import Prediction, Refusal, RefusalReason
from sr_templates.errors import EvidenceError
from sr_templates.measurement_report import build_measurement_report
from sr_templates.segmentation import build_segmentation
from sr_templates.validation import problems
from tests.unit.sr_templates.builders import (
    IMAGE,
    a_context,
    a_finding,
    a_heat_map,
    a_model,
    a_negative,
    a_prediction,
    a_source,
    an_image,
)

TWO_AREAS = a_heat_map((0.35, 0.6), (0.7, 0.3))
GEOMETRY = {
    "SOPClassUID": CTImageStorage,
    "FrameOfReferenceUID": "1.2.3.4",
    "ImagePositionPatient": [1, 2, 3],
    "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
    "PixelSpacing": [0.5, 0.7],
    "SliceThickness": 2,
}


def segmentations(prediction: Prediction | None = None, **source: Any) -> list[Dataset]:
    return build_segmentation(prediction or a_prediction(), a_source(**source), a_context())


def read_again(dataset: Dataset) -> hd.seg.Segmentation:
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    buffer.seek(0)
    return hd.seg.segread(buffer)


def report_groups(prediction: Prediction) -> list[Any]:
    report = build_measurement_report(prediction, [a_source()], a_context())
    buffer = io.BytesIO()
    report.save_as(buffer, enforce_file_format=True)
    buffer.seek(0)
    return list(hd.sr.srread(buffer).content.get_planar_roi_measurement_groups())


@pytest.mark.slow
def test_each_segment_is_a_region_of_the_report_with_its_tracking_uid() -> None:
    effusion = a_finding(label="effusion", title="Pleural effusion", probability=0.95)
    prediction = a_prediction(an_image(a_finding(heat_map=TWO_AREAS), effusion, a_negative()))
    (segmentation,) = segmentations(prediction)
    groups = report_groups(prediction)
    assert len(groups) == 3
    assert [(item.TrackingID, item.TrackingUID) for item in segmentation.SegmentSequence] == [
        (group.tracking_identifier, group.tracking_uid) for group in groups
    ]


@pytest.mark.slow
def test_a_segments_pixels_are_those_inside_the_reports_polygon() -> None:
    prediction = a_prediction(an_image(a_finding(heat_map=TWO_AREAS)))
    (segmentation,) = segmentations(prediction)
    frames = read_again(segmentation).pixel_array
    for frame, group in zip(frames, report_groups(prediction), strict=True):
        ring = group.roi.value.astype(np.float32)
        inside = np.array(
            [
                [cv2.pointPolygonTest(ring, (x + 0.5, y + 0.5), False) for x in range(160)]
                for y in range(200)
            ]
        )
        assert np.array_equal(frame[inside != 0], inside[inside != 0] > 0)


def test_highdicom_finds_the_segment_by_its_source_image() -> None:
    (segmentation,) = segmentations()
    again = read_again(segmentation)
    assert again.get_pixels_by_source_instance([IMAGE]).shape == (1, 200, 160, 1)
    (segment,) = again.SegmentSequence
    assert segment.SegmentedPropertyTypeCodeSequence[0].CodeValue == "233604007"
    assert segment.SegmentedPropertyCategoryCodeSequence[0].CodeValue == "49755003"
    assert segment.AnatomicRegionSequence[0].CodeMeaning == "Lung"
    algorithm = segment.SegmentationAlgorithmIdentificationSequence[0]
    assert algorithm.AlgorithmName == "chest-radiograph"
    assert "weights sha256 0123456789abcdef" in algorithm.AlgorithmParameters


def test_a_segment_says_that_it_is_not_for_clinical_use_only_where_that_is_so() -> None:
    (research,) = segmentations()
    assert research.SegmentSequence[0].SegmentDescription == (
        "Pneumonia: probability 87 %, threshold 50 %. DEMONSTRATION - NOT FOR CLINICAL USE"
    )
    (product,) = segmentations(a_prediction(model=a_model(research_only=False)))
    assert product.SegmentSequence[0].SegmentDescription.endswith("threshold 50 %")
    assert (research.ContentQualification, product.ContentQualification) == ("RESEARCH", "PRODUCT")


def test_a_radiograph_needs_no_frame_of_reference() -> None:
    (segmentation,) = segmentations()
    assert "FrameOfReferenceUID" not in segmentation
    assert list(segmentation.PatientOrientation) == ["L", "F"]
    assert problems(segmentation, [a_source()]) == ()


def test_a_slice_keeps_its_plane() -> None:
    (segmentation,) = segmentations(**GEOMETRY)
    assert segmentation.FrameOfReferenceUID == "1.2.3.4"
    shared = segmentation.SharedFunctionalGroupsSequence[0]
    assert list(shared.PixelMeasuresSequence[0].PixelSpacing) == [0.5, 0.7]
    frame = segmentation.PerFrameFunctionalGroupsSequence[0]
    assert list(frame.PlanePositionSequence[0].ImagePositionPatient) == [1, 2, 3]


@pytest.mark.parametrize("missing", ["FrameOfReferenceUID", "PixelSpacing", "ImagePositionPatient"])
def test_a_plane_that_is_stated_in_part_is_left_out(missing: str) -> None:
    (segmentation,) = segmentations(**{**GEOMETRY, missing: None})
    assert "FrameOfReferenceUID" not in segmentation
    assert problems(segmentation) == ()


@pytest.mark.slow
def test_each_frame_of_several_has_its_own_segmentation() -> None:
    prediction = a_prediction(an_image(frame=2), an_image(frame=4))
    source = a_source(SOPClassUID=EnhancedCTImageStorage, NumberOfFrames=5)
    found = build_segmentation(prediction, source, a_context())
    assert [one.InstanceNumber for one in found] == [1, 2]
    (fourth,) = build_segmentation(prediction, source, a_context(), frame_number=4)
    derivation = fourth.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence[0]
    assert derivation.SourceImageSequence[0].ReferencedFrameNumber == 4
    assert fourth == found[1]


@pytest.mark.parametrize("finding", [a_negative(), a_finding(heat_map=None)])
def test_there_is_none_where_nothing_is_localised(finding: Any) -> None:
    assert segmentations(a_prediction(an_image(finding))) == []


def test_a_refused_image_has_no_segmentation_and_an_unknown_one_is_an_error() -> None:
    refusal = Refusal(
        sop_instance_uid=IMAGE, reason=RefusalReason.NOT_FRONTAL_CHEST, detail="lateral"
    )
    assert segmentations(Prediction(model=a_model(), images=(), refusals=(refusal,))) == []
    with pytest.raises(EvidenceError, match="does not speak of this image"):
        segmentations(SOPInstanceUID="1.2.3.4.5")


def test_a_lossy_source_stays_lossy() -> None:
    (lossy,) = segmentations(LossyImageCompression="01", LossyImageCompressionRatio="10")
    assert (lossy.LossyImageCompression, lossy.LossyImageCompressionRatio) == ("01", 10)
    assert segmentations()[0].LossyImageCompression == "00"


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless])
def test_a_source_is_lossy_by_its_transfer_syntax_whatever_its_header_says(syntax: UID) -> None:
    source = a_source(LossyImageCompression="00")
    source.file_meta = FileMetaDataset()
    source.file_meta.TransferSyntaxUID = syntax
    (lossy,) = build_segmentation(a_prediction(), source, a_context())
    assert lossy.LossyImageCompression == "01"


def test_the_same_prediction_gives_the_same_segmentation_in_its_own_series() -> None:
    (one,), (other,) = segmentations(), segmentations()
    assert one == other
    assert (one.SOPClassUID, one.Modality, one.SeriesNumber) == (SegmentationStorage, "SEG", 9002)


def drop_tracking(segmentation: Dataset) -> None:
    del segmentation.SegmentSequence[0].TrackingUID


def drop_derivation(segmentation: Dataset) -> None:
    del segmentation.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence


def number_from_two(segmentation: Dataset) -> None:
    segmentation.SegmentSequence[0].SegmentNumber = 2


def shorten(segmentation: Dataset) -> None:
    segmentation.PixelData = segmentation.PixelData[:-2]


def claim_frames(segmentation: Dataset) -> None:
    segmentation.NumberOfFrames = 2


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (drop_tracking, "a segment has no tracking UID, or shares one"),
        (drop_derivation, "a frame does not say which image it is derived from"),
        (number_from_two, "the segments are not numbered from 1 without gaps"),
        (number_from_two, "the frames do not show the segments that are described"),
        (shorten, "the pixel data is not as long as rows, columns and frames say"),
        (claim_frames, "Number of Frames (0028,0008) is not the number of functional groups"),
    ],
)
def test_a_segmentation_with_a_fault_is_held_with_one_sentence(change: Any, problem: str) -> None:
    (segmentation,) = segmentations()
    change(segmentation)
    assert problem in problems(segmentation)


def test_a_projection_states_the_spacing_on_its_detector() -> None:
    (made,) = build_segmentation(a_prediction(), a_source(), a_context())
    (measures,) = made.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence
    assert [float(value) for value in measures.PixelSpacing] == [0.2, 0.2]
    assert "FrameOfReferenceUID" not in made


def test_a_source_without_any_spacing_gets_none_because_viewers_fail_on_it() -> None:
    with pytest.raises(EvidenceError, match="no pixel spacing"):
        build_segmentation(a_prediction(), a_source(ImagerPixelSpacing=None), a_context())
