"""The circuit breaker of a destination."""

from dicom_node.domain.circuit import Circuit
from dicom_node.domain.delivery import RetryPolicy

CLOSED = Circuit(policy=RetryPolicy())
CHANCE = 0.5


def test_a_destination_that_is_away_is_left_alone_longer_and_longer() -> None:
    circuit, waits = CLOSED, []
    for _ in range(4):
        circuit = circuit.away(100, CHANCE)
        waits.append(circuit.remaining(100))
    assert waits == [5, 10, 20, 40]
    assert circuit.is_open
    assert circuit.is_down


def test_one_refused_delivery_says_nothing_of_the_others_and_three_do() -> None:
    twice = CLOSED.refused(0, CHANCE).refused(0, CHANCE)
    assert not twice.is_open
    assert not twice.is_down
    thrice = twice.refused(0, CHANCE)
    assert thrice.is_down
    assert thrice.remaining(0) == 5
    assert thrice.refused(0, CHANCE).remaining(0) == 10


def test_an_association_that_was_lost_once_is_probed_at_once() -> None:
    lost = CLOSED.lost(100, CHANCE)
    assert lost.is_open
    assert lost.remaining(100) == 0
    assert not lost.is_down, "it may be one object that the peer breaks off at"
    again = lost.answered().lost(100, CHANCE)
    assert again.is_down
    assert again.remaining(100) == 5


def test_an_answered_probe_lets_one_delivery_show_how_things_stand() -> None:
    down = CLOSED.away(0, CHANCE).away(0, CHANCE)
    half = down.answered()
    assert not half.is_open
    assert half.is_down
    assert half.away(0, CHANCE).remaining(0) == 20, "nothing is forgotten by an echo alone"
    assert half.worked() == CLOSED
