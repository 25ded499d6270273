"""Figures that stand beside each other and differ are never written alike."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_engine.ct.shares import share_in_words
from ai_engine.figures import told_apart

FIGURES = st.integers(min_value=-(10**10), max_value=10**10).map(lambda each: each / 10**8)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((12.3, 12.34), ("12.30", "12.34")),
        ((7.0, 3.5), ("7.0", "3.5")),
        ((5.0, 5.0), ("5.0", "5.0")),
    ],
)
def test_figures_have_as_many_digits_as_tell_them_apart(
    values: tuple[float, ...], words: tuple[str, ...]
) -> None:
    assert told_apart(*values, coarsest=1) == words


@given(st.lists(FIGURES, min_size=2, max_size=3))
def test_what_differs_is_never_written_alike(values: list[float]) -> None:
    assert len(set(told_apart(*values, coarsest=0))) == len(set(values))


@pytest.mark.parametrize(
    ("percentage", "digits", "words"),
    [
        (0.0, 1, "0.0 %"),
        (0.04, 1, "< 0.1 %"),
        (0.004, 2, "< 0.01 %"),
        (5.91, 1, "5.9 %"),
        (99.97, 1, "> 99.9 %"),
        (100.0, 1, "100.0 %"),
    ],
)
def test_a_share_of_lung_that_is_little_is_not_nothing_nor_nearly_all_all(
    percentage: float, digits: int, words: str
) -> None:
    assert share_in_words(percentage, digits) == words
