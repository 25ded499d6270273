"""Receivers count their associations and connections together, and no peer takes all places."""

from collections.abc import MutableSequence

import pytest

from dicom_node.network import slots
from dicom_node.network.slots import AssociationSlots, Place, SlotCounts, SlotLimits


def array(_type_code: str, length: int) -> MutableSequence[int]:
    return [0] * length


def receivers(limits: SlotLimits) -> tuple[SlotCounts, AssociationSlots, AssociationSlots]:
    """Two receivers that share limits."""
    counts = SlotCounts.make(array, receivers=2, limits=limits)
    first, second = (AssociationSlots(counts, index, limits) for index in range(2))
    return counts, first, second


def entered(receiver: AssociationSlots, address: str = "10.0.0.1") -> Place:
    place = receiver.enter(address)
    assert place is not None
    return place


def roomy(associations: int = 9) -> SlotLimits:
    return SlotLimits.of(associations, of_entity=99, of_address=99, silent=99)


def test_the_limit_is_for_all_receivers_together() -> None:
    _, first, second = receivers(roomy(2))
    held = [entered(first), entered(second)]
    assert all(place.admit("CT") for place in held)

    assert not entered(first).admit("CT")
    assert not entered(second).admit("CT")

    held[0].end()
    assert entered(second).admit("CT")


def test_a_connection_that_asks_for_nothing_takes_no_association_s_place() -> None:
    _, first, _ = receivers(roomy(1))
    for _ in range(8):
        entered(first)

    assert entered(first).admit("CT")


def test_one_application_entity_does_not_take_all_places() -> None:
    _, first, second = receivers(SlotLimits.of(4))
    assert entered(first).admit("CT")
    assert entered(second).admit("CT")

    assert not entered(first).admit("CT")
    assert entered(first).admit("MR")


def test_one_address_does_not_take_all_places_whatever_it_calls_itself() -> None:
    _, first, second = receivers(SlotLimits.of(4))
    for number, receiver in enumerate((first, second, first)):
        assert entered(receiver).admit(f"AE{number}")

    assert not entered(second).admit("AE4")
    assert entered(second, "10.0.0.2").admit("AE4")


def test_an_entity_that_has_ended_its_associations_may_have_others() -> None:
    _, first, _ = receivers(SlotLimits.of(2))
    for _ in range(20):
        place = entered(first)
        assert place.admit("CT")
        place.leave()


def test_the_connection_that_is_silent_for_longest_gives_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slots, "_GRACE_SECONDS", 0.0)
    counts, first, _ = receivers(SlotLimits.of(9, silent=4))
    dropped: list[int] = []
    for number in range(2):
        entered(first).drop = lambda number=number: dropped.append(number)
    other = entered(first, "10.0.0.2")
    other.drop = lambda: dropped.append(99)

    entered(first)
    entered(first)

    assert dropped == [0, 1]
    assert list(counts.silent) == [3, 0]


def test_a_burst_of_connections_is_not_cut_down_before_they_could_speak() -> None:
    _, first, _ = receivers(SlotLimits.of(9, silent=4))
    dropped: list[int] = []
    for number in range(2):
        entered(first).drop = lambda number=number: dropped.append(number)

    assert first.enter("10.0.0.1") is None
    assert first.enter("10.0.0.2") is not None
    assert dropped == []


def test_a_connection_that_was_rejected_gives_way_before_one_that_has_yet_to_speak() -> None:
    _, first, _ = receivers(SlotLimits.of(9, silent=4))
    dropped: list[int] = []
    places = [entered(first) for _ in range(2)]
    for number, place in enumerate(places):
        place.drop = lambda number=number: dropped.append(number)
    places[1].end()
    assert first.enter("10.0.0.1") is None  # its answer is yet to be sent
    places[1].yield_now()

    entered(first)

    assert dropped == [1]


def test_a_place_gives_way_once_the_last_word_is_said_whatever_is_noted_first() -> None:
    """The thread that sends and the one that notes the release are not the same."""
    _, first, _ = receivers(SlotLimits.of(9, silent=4))
    dropped: list[int] = []
    places = [entered(first) for _ in range(2)]
    places[0].drop = lambda: dropped.append(0)
    assert places[0].admit("CT")

    places[0].yield_now()
    places[0].end()
    entered(first)

    assert dropped == [0]


def test_connections_of_all_are_not_without_limit() -> None:
    _, first, second = receivers(roomy(1))
    for number in range(33):
        entered(first if number % 2 else second)

    assert first.enter("10.0.0.9") is None


def test_a_connection_that_stays_when_its_association_is_over_still_counts_as_one() -> None:
    counts, first, _ = receivers(roomy(1))
    place = entered(first)
    assert place.admit("CT")

    place.end()
    place.end()

    assert list(counts.associations) == [0, 0]
    assert list(counts.connections) == [1, 0]
    place.leave()
    assert list(counts.connections) == [0, 0]
    assert list(counts.silent) == [0, 0]


def test_a_receiver_knows_when_another_has_less_to_do() -> None:
    counts, first, second = receivers(roomy())
    assert entered(first).admit("CT")
    entered(first)
    assert entered(second).admit("CT")
    assert first.lead() == 1
    assert second.lead() == 0

    counts.clear(1)  # it has died

    assert first.lead() == 2
    assert list(counts.entities).count(0) == len(counts.entities) - 1


@pytest.mark.parametrize("associations", [1, 2, 3, 32, 64])
def test_the_limits_that_are_not_set_are_shares_of_those_that_are(associations: int) -> None:
    limits = SlotLimits.of(associations)

    assert associations / 2 <= limits.of_entity <= limits.of_address <= associations
    assert limits.of_entity < associations or associations < 2
