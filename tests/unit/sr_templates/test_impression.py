"""A result in one sentence: the same at the top of report, overlay and page."""

from dataclasses import replace

import pytest

from ai_engine.prediction import Prediction, Refusal, RefusalReason, Remark, RemarkKind
from sr_templates import captions, codes
from sr_templates.impression import impression
from sr_templates.measurement_report import build_measurement_report
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
)

SECOND = f"{STUDY}.1.2"
TOO_SMALL = Refusal(sop_instance_uid=SECOND, reason=RefusalReason.TOO_SMALL, detail="")
INTERRUPTED = Remark(kind=RemarkKind.TRANSFER_INTERRUPTED, sop_instance_uid=IMAGE, detail="It did.")


@pytest.mark.parametrize(
    ("prediction", "words"),
    [
        (a_prediction(), "AI result, not verified: Pneumonia (probability 87 %)."),
        (
            a_prediction(an_image(a_negative())),
            "AI result, not verified: no finding above threshold.",
        ),
        (
            a_prediction(
                an_image(a_finding()),
                replace(an_image(a_finding(probability=0.9)), sop_instance_uid=SECOND),
                replace(an_image(a_negative()), sop_instance_uid=f"{STUDY}.1.3"),
            ),
            "AI result, not verified: Pneumonia (probability 90 %), on 2 of 3 images.",
        ),
        (
            a_prediction(
                an_image(
                    a_finding(), a_finding(label="effusion", title="Effusion", probability=0.501)
                ),
                refusals=(TOO_SMALL,),
                remarks=(INTERRUPTED,),
            ),
            "AI result, not verified: Pneumonia (probability 87 %), Effusion (probability 50.1 %); "
            "1 image not analysed; images may be missing.",
        ),
        (
            Prediction(model=a_model(), images=(), refusals=(TOO_SMALL,)),
            "No result: 1 image not analysed (image is too small).",
        ),
    ],
)
def test_a_sentence_says_what_was_found_on_how_much(prediction: Prediction, words: str) -> None:
    assert impression(prediction) == words


def test_it_stands_at_the_top_of_the_report() -> None:
    report = build_measurement_report(a_prediction(), [a_source()], a_context())
    contained = [each for each in report.ContentSequence if each.RelationshipType == "CONTAINS"]
    assert contained[0].ConceptNameCodeSequence[0].CodeValue == codes.IMPRESSION.value
    assert contained[0].TextValue == impression(a_prediction())


def test_on_a_picture_it_is_broken_between_words_and_whole() -> None:
    words = "AI result, not verified: " + "a finding of some length, " * 8
    lines = captions.paragraph(words, width=480, size=20)
    assert len(lines) > 1
    assert " ".join(line.left for line in lines) == words.strip()
    font = captions.face(20)
    assert all(font.getlength(line.left) < 480 for line in lines)
