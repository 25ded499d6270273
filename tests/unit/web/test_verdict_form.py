"""From the study view's form to a verdict."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from ai_engine.prediction import Region
from dicom_node.domain.review.queue import UnusableVerdictError
from dicom_node.domain.review.review import Judgement, Laterality, Reviewer, ReviewerRole
from dicom_node.domain.review.verdicts import check_verdict, truths_of
from dicom_node.errors import InvalidFieldsError
from dicom_node.web.review.verdict_form import verdict
from dicom_node.workflow.testing.review_fakes import fake_details

_WHO = Reviewer(user_name="ada", person_name="Ada", organisation="Test", role=ReviewerRole.VERIFIER)
_DETAILS = fake_details()
_IMAGE = _DETAILS.images[0].sop_instance_uid
_ROW = {"label.0": "opacity", "image.0": _IMAGE, "frame.0": "", "judgement.0": "changed"}


def test_agreeing_confirms_every_positive_finding_and_nothing_else() -> None:
    said = verdict({"overall": "agree", **_ROW}, _DETAILS, _WHO)
    assert [(each.label, each.judgement) for each in said.findings] == [
        ("opacity", Judgement.CONFIRMED)
    ]


def test_a_correction_says_what_where_and_which_side() -> None:
    form = {
        "overall": "correct",
        **_ROW,
        "changed_to.0": "effusion",
        "laterality.0": "L",
        "box.0": "10,20.5,110,220",
        "comment.0": "  at the\tbase ",
        "label.7": "nodule",
        "image.7": _IMAGE,
        "judgement.7": "added",
    }
    first, second = verdict(form, _DETAILS, _WHO).findings
    assert (first.changed_to, first.laterality) == ("effusion", Laterality.LEFT)
    assert first.box == Region(left=10, top=20.5, right=110, bottom=220)
    assert first.comment == "at the base"
    assert (second.label, second.judgement) == ("nodule", Judgement.ADDED)


def test_what_a_finding_would_be_counts_only_where_it_is_changed() -> None:
    form = {"overall": "correct", **_ROW, "judgement.0": "rejected", "changed_to.0": "effusion"}
    assert verdict(form, _DETAILS, _WHO).findings[0].changed_to == ""


def test_rejecting_the_result_says_nothing_of_findings() -> None:
    said = verdict({"overall": "reject", "comment": "rotated", **_ROW}, _DETAILS, _WHO)
    assert (said.rejected, said.findings, said.comment) == (True, (), "rotated")


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({}, "say first"),
        ({"overall": "maybe"}, "say first"),
        ({"overall": "correct", **_ROW, "judgement.0": "perhaps"}, "opacity cannot be read"),
        ({"overall": "correct", **_ROW, "laterality.0": "X"}, "opacity cannot be read"),
        ({"overall": "correct", **_ROW, "box.0": "1,2,3"}, "four numbers"),
        ({"overall": "correct", **_ROW, "box.0": "9,2,3,4"}, "width and height"),
        ({"overall": "correct", **_ROW, "box.0": "-inf,2,inf,4"}, "width and height"),
    ],
)
def test_what_cannot_be_read_is_said_in_words(form: Mapping[str, str], words: str) -> None:
    with pytest.raises(UnusableVerdictError, match=words):
        verdict(form, _DETAILS, _WHO)


def test_comments_that_are_too_long_are_named_and_not_cut() -> None:
    row = {**_ROW, "comment.0": "y" * 1025}
    form = {"overall": "correct", "comment": "x" * 1025, **row}
    with pytest.raises(InvalidFieldsError) as refused:
        verdict(form, _DETAILS, _WHO)
    assert set(refused.value.fields) == {"comment", "comment.0"}
    longest = verdict({"overall": "agree", "comment": " " + "x" * 1024}, _DETAILS, _WHO)
    assert longest.comment == "x" * 1024, "spaces at the ends are no part of it"


def test_the_only_frame_of_an_image_is_the_image() -> None:
    form = {
        "overall": "correct",
        **_ROW,
        "frame.0": "1",
        "label.7": "effusion",
        "image.7": _IMAGE,
        "frame.7": "1",
        "judgement.7": "added",
        "box.7": "1,2,3,4",
        "label.8": "other",
        "image.8": _IMAGE,
        "frame.8": "1",
        "judgement.8": "added",
        "comment.8": "a rib",
    }
    said = verdict(form, _DETAILS, _WHO)
    check_verdict(said, _DETAILS.findings)
    assert [each.frame_number for each in said.findings] == [None, None, None]
    added = {each.label: each for each in truths_of(_DETAILS.findings, said)}["effusion"]
    assert (added.frame_number, added.value, added.explicit) == (None, True, True)


def test_a_frame_that_the_model_judged_stays() -> None:
    image = replace(_DETAILS.images[0], number_of_frames=9)
    findings = tuple(replace(each, frame_number=7) for each in _DETAILS.findings)
    details = replace(_DETAILS, images=(image,), findings=findings)
    added = {"label.7": "effusion", "image.7": _IMAGE, "frame.7": "7", "judgement.7": "added"}
    form = {"overall": "correct", **_ROW, "frame.0": "7", "judgement.0": "confirmed", **added}
    said = verdict(form, details, _WHO)
    check_verdict(said, findings)
    assert [each.frame_number for each in said.findings] == [7, 7]
    assert all(each.value for each in truths_of(findings, said))
    elsewhere = verdict({**form, "frame.7": "8"}, details, _WHO)
    check_verdict(elsewhere, findings)
    places = {(each.frame_number, each.label): each for each in truths_of(findings, elsewhere)}
    assert places[8, "effusion"].value is True
    assert places[7, "effusion"].value is False
