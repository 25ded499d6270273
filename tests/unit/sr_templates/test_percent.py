"""Probabilities are in whole per cent, but never on the wrong side of their threshold."""

import pytest
from hypothesis import given
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


def test_a_number_in_a_report_has_no_more_digits_than_it_needs() -> None:
    assert (percentage(0.834774, 0.5), percentage(0.5, 0.834774)) == (83.5, 50.0)
