"""Probabilities are in whole per cent, but never on the wrong side of their threshold."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sr_templates.percent import percent, percentage

SHARES = st.floats(min_value=0, max_value=1, width=32)


@pytest.mark.parametrize(
    ("share", "beside", "words"),
    [
        (0.834774, 0.5, "83 %"),
        (0.4321, 0.432, "43.21 %"),
        (0.5, 0.5, "50 %"),
        (0.9987, 0.5, "> 99 %"),
        (1.0, 0.5, "100 %"),
        (0.001, 0.5, "< 1 %"),
        (0.0, 0.5, "0 %"),
        (0.001, None, "< 1 %"),
        (0.505, 0.495, "50.5 %"),
        (0.495, 0.505, "49.5 %"),
        (0.49999997, 0.5, "49.999997 %"),
        (0.999996, 0.9999, "> 99.99 %"),
        (0.00001, 0.0002, "< 0.01 %"),
    ],
)
def test_a_share_is_written_for_people(share: float, beside: float | None, words: str) -> None:
    assert percent(share, beside) == words


@given(SHARES, SHARES)
def test_a_number_in_a_report_says_the_same_of_its_threshold_as_the_share_does(
    share: float, threshold: float
) -> None:
    number, limit = percentage(share, threshold), percentage(threshold, share)
    if abs(share - threshold) > 1e-9 or share == threshold:
        assert (number >= limit) == (share >= threshold)


@given(SHARES, SHARES)
@example(5.11437333455822e-12, 0.0)
def test_a_number_in_a_report_is_certain_only_where_the_share_is(
    share: float, threshold: float
) -> None:
    number = percentage(share, threshold)
    if 1e-9 < share < 1 - 1e-9:
        assert 0 < number < 100
    else:
        # As near as ten digits behind the point write it.
        assert number == pytest.approx(100 * share, abs=1e-9)


@given(SHARES, SHARES)
def test_two_shares_that_differ_are_never_written_alike(share: float, threshold: float) -> None:
    if abs(share - threshold) > 1e-9:
        assert percent(share, threshold) != percent(threshold, share)


def test_a_number_in_a_report_has_no_more_digits_than_it_needs() -> None:
    assert (percentage(0.834774, 0.5), percentage(0.5, 0.834774)) == (83.5, 50.0)
