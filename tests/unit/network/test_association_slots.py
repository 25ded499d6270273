"""Receivers count their associations together."""

from dicom_node.network.slots import AssociationSlots


def test_the_limit_is_for_all_receivers_together() -> None:
    counts = [0, 0]
    first, second = (AssociationSlots(counts, index, 3) for index in range(2))
    first.enter()
    second.enter()
    second.enter()
    assert not first.exceeded()

    first.enter()

    assert first.exceeded()
    assert second.exceeded()
    assert not second.exceeded(by=1)
    second.leave()
    assert not first.exceeded()


def test_a_receiver_knows_when_another_has_less_to_do() -> None:
    counts = [0, 0]
    first, second = (AssociationSlots(counts, index, 9) for index in range(2))
    first.enter()
    first.enter()
    second.enter()

    assert first.lead() == 1
    assert second.lead() == 0
