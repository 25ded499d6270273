"""Result UIDs are functions of what a result is made from."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_engine.prediction import ModelIdentity
from sr_templates import uids
from sr_templates.repair import is_uid
from tests.unit.sr_templates.builders import (
    IMAGE,
    STUDY,
    a_finding,
    a_model,
    a_prediction,
    an_image,
)


@pytest.mark.slow
@given(st.lists(st.text(), max_size=5), st.lists(st.text(), max_size=5))
def test_derived_uids_are_valid_and_tell_different_parts_apart(
    one: list[str], other: list[str]
) -> None:
    first, second = uids.derived_uid(*one), uids.derived_uid(*other)
    assert is_uid(first)
    assert first.startswith("2.25.")
    assert (first == second) == (one == other)


def test_derived_uids_stay_the_same_over_releases() -> None:
    assert uids.derived_uid("a", "b") == "2.25.83575026169955760605509165353665241241"


@pytest.mark.parametrize(
    "other",
    [
        a_model(name="other"),
        a_model(version="1.2.1"),
        a_model(weights_digest="f" * 64),
    ],
    ids=["name", "version", "weights"],
)
def test_another_model_is_another_device_and_has_another_series(other: ModelIdentity) -> None:
    assert uids.device_uid(other) != uids.device_uid(a_model())
    assert uids.series_uid(STUDY, other, "sr") != uids.series_uid(STUDY, a_model(), "sr")


def test_a_title_or_maker_renamed_is_still_the_same_device() -> None:
    renamed = a_model(title="Chest X-ray", manufacturer="Project")
    assert uids.device_uid(renamed) == uids.device_uid(a_model())


def test_the_order_in_which_inputs_arrive_does_not_matter() -> None:
    prediction = a_prediction()
    one = uids.document_uid(STUDY, prediction, (IMAGE, f"{IMAGE}.2"), "sr")
    other = uids.document_uid(STUDY, prediction, (f"{IMAGE}.2", IMAGE), "sr")
    assert one == other


def test_a_late_image_makes_another_document_in_the_same_series() -> None:
    prediction = a_prediction()
    assert uids.document_uid(STUDY, prediction, (IMAGE,), "sr") != uids.document_uid(
        STUDY, prediction, (IMAGE, f"{IMAGE}.2"), "sr"
    )


def test_another_calibration_or_threshold_makes_another_document() -> None:
    def of(**changes: object) -> str:
        return uids.document_uid(STUDY, a_prediction(**changes), (IMAGE,), "sr")

    moved = an_image(a_finding(threshold=0.6))
    assert len({of(), of(calibration="device 7"), of(images=(moved,))}) == 3


def test_a_successor_of_the_same_inputs_is_another_document() -> None:
    prediction = a_prediction()
    first = uids.document_uid(STUDY, prediction, (IMAGE,), "sr")
    assert uids.document_uid(STUDY, prediction, (IMAGE,), "sr", (first,)) != first


def test_each_finding_frame_and_image_has_its_own_overlay_and_tracking_uid() -> None:
    prediction, finding = a_prediction(), a_finding()
    images = [an_image(), an_image(frame=2), an_image(uid=f"{IMAGE}.2")]
    findings = [finding, replace(finding, label="effusion")]
    pairs = [(image, one) for image in images for one in findings]
    overlays = {uids.image_uid(STUDY, prediction, image, one, "sc") for image, one in pairs}
    tracks = {
        uids.tracking_uid(STUDY, prediction.model, image, one, number)
        for image, one in pairs
        for number in (1, 2)
    }
    assert (len(overlays), len(tracks)) == (6, 12)


def test_a_tracking_uid_outlives_a_new_threshold_so_that_successors_are_compared() -> None:
    image, model = an_image(), a_model()
    before = uids.tracking_uid(STUDY, model, image, a_finding(), 1)
    assert uids.tracking_uid(STUDY, model, image, a_finding(threshold=0.1), 1) == before
