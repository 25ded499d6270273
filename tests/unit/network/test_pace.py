"""A destination is near where its address says that it may be, and its answers that it is."""

import pytest

from dicom_node.network.pace import Pace, is_of_this_network

_OVERLAY = 3_300_000  # bytes
_DAY = 86_400.0
_IN_A_ROW = 8
_FAST, _SLOW = 0.03, 0.3  # seconds: a link of a gigabit, one of a hundred megabits


class Watch:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def pace(watch: Watch) -> Pace:
    made = Pace(watch)
    made.reached("192.168.4.7")
    return made


@pytest.mark.parametrize(
    ("address", "is_inside"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("10.1.2.3", True),
        ("172.31.0.9", True),
        ("172.32.0.9", False),
        ("192.168.4.7", True),
        ("fd12:3456::1", True),
        ("fe80::1%eth0", True),
        ("::ffff:10.0.0.5", True),
        ("::ffff:8.8.8.8", False),
        ("8.8.8.8", False),
        ("2a00:1450:4001::1", False),
        ("pacs.example", False),
        ("", False),
    ],
)
def test_an_address_says_whether_the_internet_lies_between(address: str, is_inside: bool) -> None:
    assert is_of_this_network(address) is is_inside


def test_nobody_is_near_who_was_never_reached() -> None:
    assert not Pace().is_near


def test_one_of_this_network_is_near_until_eight_in_a_row_were_slow(pace: Pace) -> None:
    assert pace.is_near
    for _ in range(_IN_A_ROW - 1):
        pace.took(_OVERLAY, _SLOW)
        assert pace.is_near, "it may have been the machine"
    pace.took(_OVERLAY, _SLOW)
    assert not pace.is_near


def test_one_that_was_fast_among_eight_shows_what_the_way_there_can(pace: Pace) -> None:
    for _ in range(4):
        for seconds in (*[_SLOW] * (_IN_A_ROW - 1), _FAST):
            pace.took(_OVERLAY, seconds)
    assert pace.is_near


def test_small_objects_say_nothing_of_the_way(pace: Pace) -> None:
    for _ in range(2 * _IN_A_ROW):
        pace.took(20_000, _SLOW)
    assert pace.is_near


def test_a_slow_one_is_tried_again_after_a_day(pace: Pace, watch: Watch) -> None:
    for _ in range(_IN_A_ROW):
        pace.took(_OVERLAY, _SLOW)
    watch.seconds += _DAY - 1
    assert not pace.is_near
    watch.seconds += 2
    assert pace.is_near
    for _ in range(_IN_A_ROW):
        pace.took(_OVERLAY, _SLOW)
    assert not pace.is_near


def test_at_another_address_all_is_new(pace: Pace) -> None:
    for _ in range(_IN_A_ROW):
        pace.took(_OVERLAY, _SLOW)
    pace.reached("192.168.4.7")
    assert not pace.is_near
    pace.reached("192.168.4.8")
    assert pace.is_near
    pace.reached("8.8.8.8")
    assert not pace.is_near


def test_an_answer_within_one_tick_of_the_clock_is_fast(pace: Pace) -> None:
    pace.took(_OVERLAY, 0.0)
    assert pace.is_near


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_this_host_is_near_however_busy_it_is(address: str) -> None:
    pace = Pace()
    pace.reached(address)
    for _ in range(_IN_A_ROW):
        pace.took(_OVERLAY, _SLOW)
    assert pace.is_near
