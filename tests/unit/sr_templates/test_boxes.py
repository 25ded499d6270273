"""A detector's boxes in every kind of evidence: the same polygon, UID and probability."""

import numpy as np
import pytest
from pydicom.dataset import Dataset

from ai_engine.prediction import Finding, FoundBox, Prediction, Region
from sr_templates.drawn_boxes import FRAME, with_boxes
from sr_templates.measurement_report import build_measurement_report
from sr_templates.presentation_state import build_presentation_state
from sr_templates.regions import places_of
from sr_templates.report_reading import reported_regions
from sr_templates.secondary_capture import build_overlays
from sr_templates.segmentation import build_segmentation
from sr_templates.validation import problems
from tests.unit.sr_templates.builders import (
    a_context,
    a_finding,
    a_prediction,
    a_source,
    an_image,
    some_pixels,
)

FIRST = Region(left=20, top=60, right=70.25, bottom=130)
SECOND = Region(left=90, top=50, right=170, bottom=110)
CORNERS = [(20, 60), (70.25, 60), (70.25, 130), (20, 130), (20, 60)]


def boxed(**changes: object) -> Finding:
    boxes = (FoundBox(region=FIRST, probability=0.87), FoundBox(region=SECOND, probability=0.61))
    return a_finding(heat_map=None, probability=0.87, boxes=boxes, **changes)


def prediction() -> Prediction:
    return a_prediction(an_image(boxed()))


def numbers(group: Dataset) -> list[float]:
    return [
        float(item.MeasuredValueSequence[0].NumericValue)
        for item in group.ContentSequence
        if item.ValueType == "NUM"
    ]


def test_each_box_is_a_group_of_its_own_with_its_own_probability() -> None:
    report = build_measurement_report(prediction(), [a_source()], a_context())
    assert problems(report, [a_source()]) == ()
    first, second = reported_regions(report)
    assert first.points.tolist() == [list(point) for point in CORNERS]
    # Cut at the image's edge: the image has 160 columns.
    assert second.points[:, 0].max() == 160
    assert first.tracking_uid != second.tracking_uid
    assert (first.tracking_identifier, second.tracking_identifier) == (
        "Pneumonia",
        "Pneumonia (area 2)",
    )
    container = next(
        item
        for item in report.ContentSequence
        if item.ConceptNameCodeSequence[0].CodeValue == "126010"
    )
    assert [numbers(group) for group in container.ContentSequence] == [[87, 50], [61, 50]]


def test_a_presentation_state_and_a_segmentation_have_the_reports_boxes() -> None:
    report = build_measurement_report(prediction(), [a_source()], a_context())
    uids = [region.tracking_uid for region in reported_regions(report)]
    source = a_source(PhotometricInterpretation="MONOCHROME2", BitsStored=8)
    (state,) = build_presentation_state(prediction(), source, a_context())
    annotation = state.GraphicAnnotationSequence[0]
    assert [item.TrackingUID for item in annotation.GraphicObjectSequence] == uids
    words = [item.UnformattedTextValue for item in annotation.TextObjectSequence]
    assert words[1:3] == ["Pneumonia 87 %", "Pneumonia 61 %"]
    (segmentation,) = build_segmentation(prediction(), a_source(), a_context())
    assert [item.TrackingUID for item in segmentation.SegmentSequence] == uids
    descriptions = [item.SegmentDescription for item in segmentation.SegmentSequence]
    assert descriptions[1].startswith("Pneumonia: probability 61 %, threshold 50 %")
    for made in (state, segmentation):
        assert problems(made, [source]) == ()


def test_the_overlay_says_that_it_shows_boxes() -> None:
    (capture,) = build_overlays(prediction(), a_source(), some_pixels(), a_context())
    assert capture.DerivationDescription == "The model's boxes drawn over the image, with captions"
    assert problems(capture, [a_source()]) == ()


def test_frames_are_drawn_where_the_boxes_lie_and_nothing_inside_them() -> None:
    body = np.full((400, 320, 3), 90, np.uint8)
    drawn = with_boxes(body, boxed(), rows=200, columns=160)
    assert (drawn[190, 40] == FRAME).all()  # the left edge, twice as large as on the source
    assert (drawn[150:250, 50:130] == 90).all()
    assert (body == 90).all()


@pytest.mark.parametrize("box", [(-30, 5, -2, 9), (5, 200, 9, 260), (40, 40, 40, 60)])
def test_a_box_outside_of_the_image_is_no_place(box: tuple[float, ...]) -> None:
    region = Region(left=box[0], top=box[1], right=box[2], bottom=box[3])
    finding = boxed()
    moved = a_finding(heat_map=None, boxes=(FoundBox(region=region, probability=0.9),))
    assert places_of(moved, rows=200, columns=160) == ()
    assert len(places_of(finding, rows=200, columns=160)) == 2
