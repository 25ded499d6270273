"""Overlays are valid colour Secondary Captures that say where they come from."""

import io
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import (
    EnhancedCTImageStorage,
    ExplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
)

from ai_engine.prediction import Prediction, Refusal, RefusalReason
from sr_templates.errors import EvidenceError
from sr_templates.measurement_report import build_measurement_report
from sr_templates.secondary_capture import build_overlays, pixel_aspect
from sr_templates.source_attributes import SourceAttributes
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


def captures(prediction: Prediction | None = None, **source: Any) -> list[Dataset]:
    return build_overlays(
        prediction or a_prediction(), a_source(**source), some_pixels(), a_context()
    )


def test_each_positive_finding_has_one_capture_most_probable_first() -> None:
    effusion = a_finding(label="effusion", title="Pleural effusion", probability=0.95)
    found = captures(a_prediction(an_image(a_finding(), a_negative(), effusion)))
    assert [capture.ImageComments.split(":")[0] for capture in found] == [
        "Pleural effusion",
        "Pneumonia",
    ]
    assert [capture.InstanceNumber for capture in found] == [1, 2]
    assert len({capture.SOPInstanceUID for capture in found}) == 2
    assert len({capture.SeriesInstanceUID for capture in found}) == 1


def test_a_negative_image_has_one_capture_that_says_so() -> None:
    (capture,) = captures(a_prediction(an_image(a_negative())))
    assert capture.ImageComments.startswith("No finding above threshold")
    # Nothing but greys in the middle, where the image is.
    middle = capture.pixel_array[300:-100, 100:-100]
    assert np.ptp(middle.astype(int), axis=2).max() == 0


def test_a_refused_image_has_no_capture() -> None:
    refusal = Refusal(
        sop_instance_uid=IMAGE, reason=RefusalReason.NOT_FRONTAL_CHEST, detail="lateral"
    )
    assert captures(Prediction(model=a_model(), images=(), refusals=(refusal,))) == []


def test_an_image_that_the_prediction_does_not_name_is_an_error() -> None:
    with pytest.raises(EvidenceError, match="does not speak of this image"):
        captures(SOPInstanceUID=f"{STUDY}.1.9")


def test_a_capture_is_derived_secondary_burned_in_and_names_its_source() -> None:
    (capture,) = captures()
    assert capture.SOPClassUID == SecondaryCaptureImageStorage
    assert capture.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert (capture.ConversionType, list(capture.ImageType)) == ("WSD", ["DERIVED", "SECONDARY"])
    assert capture.BurnedInAnnotation == "YES"
    assert capture.DerivationCodeSequence[0].CodeMeaning == "Spatial resampling"
    (source,) = capture.SourceImageSequence
    assert source.ReferencedSOPInstanceUID == IMAGE
    assert source.PurposeOfReferenceCodeSequence[0].CodeValue == "121322"
    assert capture.ContentQualification == "RESEARCH"
    assert capture.PatientID == "P-1"
    assert capture.SeriesNumber == 9001


def test_nothing_of_the_sources_grey_scale_is_left_over() -> None:
    (capture,) = captures(
        WindowCenter="2048",
        WindowWidth="4096",
        RescaleSlope="1",
        RescaleIntercept="-1024",
        PhotometricInterpretation="MONOCHROME1",
        PresentationLUTShape="INVERSE",
        PixelRepresentation=1,
    )
    assert (capture.PhotometricInterpretation, capture.PixelRepresentation) == ("RGB", 0)
    assert problems(capture, [a_source()]) == ()


def test_a_capture_survives_writing_and_reading() -> None:
    (capture,) = captures()
    buffer = io.BytesIO()
    capture.save_as(buffer, enforce_file_format=True)
    buffer.seek(0)
    again = dcmread(buffer)
    assert problems(again, [a_source()]) == ()
    assert again.pixel_array.shape == (capture.Rows, capture.Columns, 3)
    assert max(again.pixel_array.shape) <= a_context().max_overlay_side


def test_the_same_prediction_gives_the_same_capture() -> None:
    (one,), (other,) = captures(), captures()
    assert one == other


def test_captures_of_several_images_are_numbered_through() -> None:
    second = f"{STUDY}.1.2"
    prediction = a_prediction(an_image(), an_image(uid=second))
    numbers = [
        capture.InstanceNumber
        for uid in (IMAGE, second)
        for capture in captures(prediction, SOPInstanceUID=uid)
    ]
    assert numbers == [1, 2]


def test_report_and_captures_are_two_series_of_one_study() -> None:
    report = build_measurement_report(a_prediction(), [a_source()], a_context())
    (capture,) = captures()
    assert report.StudyInstanceUID == capture.StudyInstanceUID
    assert report.SeriesInstanceUID != capture.SeriesInstanceUID
    assert report.SeriesNumber < capture.SeriesNumber


def test_one_frame_of_several_is_drawn_and_named() -> None:
    source = {"SOPClassUID": EnhancedCTImageStorage, "NumberOfFrames": 5}
    prediction = a_prediction(an_image(frame=2), an_image(frame=4))
    (capture,) = build_overlays(
        prediction, a_source(**source), some_pixels(), a_context(), frame_number=4
    )
    assert capture.SourceImageSequence[0].ReferencedFrameNumber == 4
    assert capture.InstanceNumber == 2
    assert len(captures(prediction, **source)) == 2


@pytest.mark.parametrize(
    ("attributes", "image_laterality", "has_laterality"),
    [
        ({}, None, False),
        ({"ImageLaterality": "U"}, "U", False),
        ({"BodyPartExamined": "HIP", "Laterality": "R"}, "R", False),
        ({"BodyPartExamined": "HIP"}, None, True),
        ({"BodyPartExamined": None}, None, True),
    ],
)
def test_laterality_is_said_where_it_is_known_and_empty_where_it_is_not(
    attributes: dict[str, Any], image_laterality: str | None, has_laterality: bool
) -> None:
    (capture,) = captures(**attributes)
    assert capture.get("ImageLaterality") == image_laterality
    assert ("Laterality" in capture) is has_laterality


def test_patient_orientation_is_kept_or_empty() -> None:
    assert list(captures()[0].PatientOrientation) == ["L", "F"]
    assert captures(PatientOrientation=None)[0]["PatientOrientation"].is_empty


def test_a_lossy_source_stays_lossy() -> None:
    (capture,) = captures(LossyImageCompression="01", LossyImageCompressionRatio="10")
    assert capture.LossyImageCompression == "01"
    assert "LossyImageCompression" not in captures()[0]


@pytest.mark.parametrize(
    ("attributes", "aspect"),
    [
        ({}, 1.0),
        ({"ImagerPixelSpacing": ["0.4", "0.2"]}, 2.0),
        ({"ImagerPixelSpacing": None, "PixelAspectRatio": ["1", "2"]}, 0.5),
        ({"PixelSpacing": ["0.4", "0.2"], "PixelAspectRatio": ["1", "1"]}, 2.0),
        ({"PixelSpacing": ["0.2", "20"]}, 1.0),
        ({"ImagerPixelSpacing": ["0.000", "0.000"]}, 1.0),
        ({"ImagerPixelSpacing": None}, 1.0),
    ],
)
def test_the_shape_of_a_pixel_is_read_from_what_the_header_states(
    attributes: dict[str, Any], aspect: float
) -> None:
    assert pixel_aspect(SourceAttributes(a_source(**attributes))) == pytest.approx(aspect)
