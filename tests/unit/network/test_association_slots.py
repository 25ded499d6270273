"""Receivers count their associations and connections together."""

from dicom_node.network.slots import AssociationSlots, SlotCounts


def slots(limit: int) -> tuple[SlotCounts, AssociationSlots, AssociationSlots]:
    """Two receivers that share a limit."""
    counts = SlotCounts(associations=[0, 0], connections=[0, 0])
    first, second = (AssociationSlots(counts, index, limit) for index in range(2))
    return counts, first, second


def test_the_limit_is_for_all_receivers_together() -> None:
    _, first, second = slots(3)
    first.enter()
    second.enter()
    second.enter()
    assert not first.exceeded()

    first.enter()

    assert first.exceeded()
    assert second.exceeded()
    assert second.crowded(by=0)
    assert not second.crowded(by=1)
    second.end()
    assert not first.exceeded()


def test_a_connection_that_stays_when_its_association_is_over_still_counts_as_one() -> None:
    _, first, second = slots(1)
    first.enter()
    first.end()
    second.enter()
    assert not second.exceeded()
    assert second.crowded(by=0)

    first.leave()

    assert not second.crowded(by=0)


def test_a_receiver_knows_when_another_has_less_to_do() -> None:
    counts, first, second = slots(9)
    first.enter()
    first.enter()
    second.enter()
    assert first.lead() == 1
    assert second.lead() == 0

    counts.clear(1)  # it has died

    assert first.lead() == 2
    assert not first.crowded(by=-7)
