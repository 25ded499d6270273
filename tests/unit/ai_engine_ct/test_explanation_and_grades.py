"""Grades, slice ranges and sentences."""

import pytest

from ai_engine.ct.explanation import explain, slice_ranges
from ai_engine.ct.inhomogeneity import severity
from ai_engine.ct.patterns import Shape, decide
from ai_engine.ct.results import Pattern, Severity, Side, SliceRange

NONE: frozenset[Pattern] = frozenset()
GLASS = frozenset({Pattern.GROUND_GLASS})
UNDECIDED = frozenset({Pattern.UNDECIDED})


@pytest.mark.parametrize(
    ("percentage", "grade"),
    [(0.0, 1), (2.0, 1), (2.1, 2), (25.0, 2), (25.1, 3), (50.0, 3), (60.0, 4), (75.1, 5)],
)
def test_grades_are_those_of_the_paper(percentage: float, grade: int) -> None:
    assert severity(percentage).grade == grade
    assert severity(percentage) is tuple(Severity)[grade - 1]


def test_the_paper_s_example_is_told_in_its_words() -> None:
    """Paper 5, Fig. 7: 39 slices, ground-glass on 14 to 20 and 26 to 28."""
    patterns = [NONE] * 13 + [GLASS] * 7 + [NONE] * 5 + [GLASS] * 3 + [NONE] * 11
    glass = "Areas of inhomogeneity of the ground-glass type are determined on slices"
    end = "and are highlighted with a red outline."
    assert explain(slice_ranges(patterns), len(patterns)) == (
        "There are 39 slices in total, counted from the head.",
        "Areas of inhomogeneity were not found on slices 1-13.",
        f"{glass} 14-20 {end}",
        "Areas of inhomogeneity were not found on slices 21-25.",
        f"{glass} 26-28 {end}",
        "Areas of inhomogeneity were not found on slices 29-39.",
    )


def test_what_was_not_decided_is_said_so() -> None:
    both = UNDECIDED | GLASS
    lines = explain(slice_ranges([UNDECIDED, both]), 2)
    assert "whose type was not decided are determined on slice 1 and" in lines[1]
    assert "ground-glass type, and others whose type was not decided, are" in lines[2]


def test_ranges_keep_the_patterns_order() -> None:
    mixed = frozenset({Pattern.NODULE, Pattern.GROUND_GLASS})
    assert slice_ranges([mixed]) == (
        SliceRange(first=1, last=1, patterns=(Pattern.GROUND_GLASS, Pattern.NODULE)),
    )


def test_every_side_and_pattern_has_a_code_of_its_own() -> None:
    codes = [entry.code for entry in (*Side, *Pattern)]
    assert len({(code.value, code.scheme) for code in codes}) == len(codes)


def test_mixed_densities_are_not_decided() -> None:
    mixed = Shape(
        volume_ml=20.0,
        mean_hounsfield=-280.0,
        dense_part=0.45,
        axes=(60.0, 40.0, 30.0),
        aerated_shell=0.9,
    )
    assert decide(mixed, small_lung=False) is Pattern.UNDECIDED


def test_a_dense_spot_amid_vessels_is_no_nodule() -> None:
    spot = Shape(
        volume_ml=0.5,
        mean_hounsfield=-50.0,
        dense_part=0.8,
        axes=(11.0, 10.0, 9.0),
        aerated_shell=0.5,
    )
    assert decide(spot, small_lung=False) is Pattern.UNDECIDED
