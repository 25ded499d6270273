"""A body part that no tag names is what the pixels show, where a network told it from others."""

from dataclasses import replace

import pytest

from dicom_node.domain.route import AppearanceCheck, Route
from dicom_node.domain.route_matching import doubtful_instances, matching_routes, told_refusal_of
from tests.unit.builders import an_instance

CHEST = Route(
    name="chest",
    model="chest-radiograph",
    modalities=frozenset({"DX", "CR"}),
    body_parts=frozenset({"CHEST"}),
    untagged_body_part=True,
    pixels_decide=True,
)
HAND = Route(
    name="hand", model="hand", modalities=frozenset({"DX"}), body_parts=frozenset({"HAND"})
)
CT = Route(
    name="ct",
    model="ct",
    modalities=frozenset({"CT"}),
    body_parts=frozenset({"CHEST"}),
    untagged_body_part=True,
)
A_HAND = AppearanceCheck(body_part="HAND", words="X-ray of the hand", is_typed=True)
UNTAGGED = an_instance("1.1", body_part_examined=None)


def routes_of(*routes: Route, look: AppearanceCheck) -> list[str]:
    return [one.route.name for one in matching_routes(routes, [UNTAGGED], {"1.1": look})]


def test_an_untagged_hand_goes_to_the_model_of_hands_alone() -> None:
    assert routes_of(CHEST, HAND, look=A_HAND) == ["hand"]
    (match,) = matching_routes([CHEST, HAND], [UNTAGGED], {"1.1": A_HAND})
    assert match.doubts == ()  # no tag said anything that pixels could contradict


def test_without_a_model_of_hands_it_is_told_what_it_shows() -> None:
    assert routes_of(CHEST, look=A_HAND) == []
    told = told_refusal_of([CHEST], [UNTAGGED], {"1.1": A_HAND})
    assert told == (
        "X-ray of the hand; no model for it; chest: no body part in the header, and the pixels "
        "show: X-ray of the hand"
    )


@pytest.mark.parametrize("part", ["WRIST", "FINGER"])
def test_parts_are_matched_by_the_words_that_tags_are(part: str) -> None:
    assert routes_of(CHEST, HAND, look=replace(A_HAND, body_part=part)) == ["hand"]


def test_what_nobody_is_certain_of_is_left_to_the_guard() -> None:
    assert routes_of(CHEST, HAND, look=AppearanceCheck(words="no frontal chest")) == ["chest"]


def test_what_is_no_radiograph_goes_nowhere() -> None:
    photograph = AppearanceCheck(words="No radiograph", is_typed=True)
    assert routes_of(CHEST, HAND, look=photograph) == []


def test_a_tag_that_names_the_hand_needs_no_pixels_for_its_own_route() -> None:
    tagged = an_instance("1.1", body_part_examined="HAND")
    assert [one.route.name for one in matching_routes([CHEST, HAND], [tagged])] == ["hand"]


def test_pixels_are_asked_of_untagged_radiographs_and_of_no_slice() -> None:
    slices = an_instance("1.2", modality="CT", body_part_examined=None, sop_class_uid="1.2.840.1")
    assert doubtful_instances([CHEST, CT], [UNTAGGED, slices]) == (UNTAGGED,)
    assert doubtful_instances([replace(CHEST, pixels_decide=False)], [UNTAGGED]) == ()
    assert doubtful_instances([CHEST], [an_instance("1.3", body_part_examined="CHEST")]) == ()
