"""Where attention lies outside the lungs, no object draws a region, and every object says so."""

from dataclasses import replace

import numpy as np
import pytest

from ai_engine.prediction import Prediction, Remark, RemarkKind
from sr_templates.encapsulated_report import page_of
from sr_templates.measurement_report import build_measurement_report
from sr_templates.notices import notices
from sr_templates.report_page import draw_page
from sr_templates.secondary_capture import build_overlays
from sr_templates.segmentation import build_segmentation
from sr_templates.subject import image_subjects
from tests.unit.sr_templates.builders import (
    IMAGE,
    a_context,
    a_finding,
    a_heat_map,
    a_prediction,
    a_source,
    an_image,
    some_pixels,
)
from tests.unit.sr_templates.test_presentation_state import states

pytestmark = pytest.mark.slow

DETAIL = "The strongest attention for pneumonia lies outside the lungs."


def remark(kind: RemarkKind = RemarkKind.OUTSIDE_LUNGS, uid: str = IMAGE) -> Remark:
    return Remark(kind=kind, sop_instance_uid=uid, detail=DETAIL)


def outside(kind: RemarkKind = RemarkKind.OUTSIDE_LUNGS) -> Prediction:
    nowhere = np.zeros((96, 96), dtype=np.float32)
    shown = replace(a_heat_map(), within=nowhere)
    return a_prediction(an_image(a_finding(heat_map=shown)), remarks=(remark(kind),))


def test_the_report_keeps_the_finding_and_codes_the_remark_without_a_region() -> None:
    report = build_measurement_report(outside(), [a_source()], a_context())
    values = {str(element.value) for element in report.iterall() if element.VR != "SQ"}
    assert "SCOORD" not in values
    assert {"R-OUTSIDE-LUNGS", DETAIL, "Positive"} <= values
    in_lung = build_measurement_report(a_prediction(), [a_source()], a_context())
    assert "SCOORD" in str(in_lung), "a finding in a lung has its region"


def test_no_segment_and_no_outline_is_made_of_it() -> None:
    assert build_segmentation(outside(), a_source(), a_context()) == []
    (state,) = states(outside())
    (annotation,) = state.GraphicAnnotationSequence
    assert "GraphicObjectSequence" not in annotation
    summary = annotation.TextObjectSequence[0].UnformattedTextValue
    assert "location not reliable" in summary


def test_the_overlay_has_a_band_that_says_why_and_no_outline() -> None:
    said = (remark(),)
    plain, doubted, outlined = (
        build_overlays(made, a_source(), some_pixels(), a_context())[0].pixel_array
        for made in (a_prediction(), outside(), a_prediction(remarks=said))
    )
    assert amber_rows(doubted) > amber_rows(plain)
    assert amber_rows(doubted) == amber_rows(outlined)
    assert white(doubted) < white(outlined), "the same words, and no outline"


def amber_rows(picture: np.ndarray) -> int:
    near = np.abs(picture.astype(int) - (255, 190, 11)).sum(axis=2) < 10
    return int((near.mean(axis=1) > 0.3).sum())


def white(picture: np.ndarray) -> int:
    return int((np.abs(picture.astype(int) - (244, 244, 240)).sum(axis=2) < 6).sum())


@pytest.mark.parametrize("kind", [RemarkKind.OUTSIDE_LUNGS, RemarkKind.LUNGS_UNKNOWN])
def test_the_page_says_it_in_whole_sentences(kind: RemarkKind) -> None:
    (subject,) = image_subjects(outside(kind), a_source())
    page = page_of(subject, some_pixels(), a_context())
    ((heading, words),) = page.remarks
    assert (heading.lower(), words) == (kind.value, DETAIL)
    assert draw_page(page) != draw_page(replace(page, remarks=()))


def test_a_picture_shows_what_is_said_of_its_own_image_only() -> None:
    assert notices([remark(uid="1.2.3")], IMAGE) == ()
    assert len(notices([remark()], IMAGE)) == 1
    everywhere = remark(RemarkKind.TRANSFER_INTERRUPTED, uid="1.2.3")
    assert len(notices([everywhere], IMAGE)) == 1
