"""Shift, image quality and agreement: known values, and what must hold for any sample."""

from datetime import date

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from ai_engine.drift.agreement import cohens_kappa, rate, rates_over_time
from ai_engine.drift.shift import population_stability_index, shift
from ai_engine.prediction import ImageQuality, Region
from ai_engine.preprocessing.quality import image_quality
from ai_engine.preprocessing.radiograph import Radiograph

SAMPLES = st.lists(st.floats(0, 1), min_size=20, max_size=80).map(np.array)


def test_two_halves_against_one_have_the_index_worked_out_by_hand() -> None:
    reference = np.array([0.0] * 50 + [1.0] * 50)
    recent = np.array([0.0] * 20 + [1.0] * 80)
    expected = (0.2 - 0.5) * np.log(0.2 / 0.5) + (0.8 - 0.5) * np.log(0.8 / 0.5)
    assert population_stability_index(reference, recent) == pytest.approx(expected)


def test_a_value_on_an_edge_belongs_to_the_bin_above_it() -> None:
    reference = np.arange(1.0, 22.0)  # the edge of two bins is the median, 11
    recent = np.array([1.0] * 10 + [11.0] * 10)
    before, after = np.array([10, 11]) / 21, np.array([0.5, 0.5])
    expected = ((after - before) * np.log(after / before)).sum()
    assert population_stability_index(reference, recent, bins=2) == pytest.approx(expected)


@given(SAMPLES, SAMPLES)
@pytest.mark.slow
def test_the_index_is_zero_for_the_same_sample_and_never_negative(
    one: np.ndarray, other: np.ndarray
) -> None:
    assert population_stability_index(one, one) == pytest.approx(0)
    assert population_stability_index(one, other) >= 0


def test_a_shifted_device_is_told_from_an_unchanged_one() -> None:
    rng = np.random.default_rng(4)
    before, same, moved = rng.normal(0, 1, 500), rng.normal(0, 1, 300), rng.normal(0.8, 1, 300)
    unchanged, changed = shift(before, same), shift(before, moved)
    assert unchanged is not None
    assert changed is not None
    assert unchanged.psi < 0.1
    assert unchanged.p_value > 0.05
    assert changed.psi > 0.25
    assert changed.p_value < 1e-6
    assert changed.ks == pytest.approx(0.31, abs=0.06)


def test_a_handful_of_values_says_nothing() -> None:
    assert shift(np.zeros(19), np.ones(500)) is None


def test_wilsons_interval_has_its_published_values() -> None:
    # Newcombe (1998), table I: 81 of 263 and 0 of 20.
    some, none = rate(81, 263), rate(0, 20)
    assert some is not None
    assert (some.low, some.high) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert none is not None
    assert (none.low, none.high) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert rate(0, 0) is None


@pytest.mark.slow
@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_rates_interval_holds_it(counted: tuple[int, int]) -> None:
    found = rate(*counted)
    assert found is not None
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_decisions_fall_into_periods_that_stay_where_they_are() -> None:
    monday = date(2026, 3, 2)
    made = [(monday, True), (date(2026, 3, 8), False), (date(2026, 3, 23), True)]
    periods = rates_over_time(made, days=7)
    assert [(each.start, each.rate.hits, each.rate.among) for each in periods] == [
        (date(2026, 3, 2), 1, 2),
        (date(2026, 3, 23), 1, 1),
    ]
    assert rates_over_time(made[1:], days=7)[0].start == monday
    assert rates_over_time([]) == ()


@pytest.mark.slow
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=60))
def test_kappa_is_scikit_learns_where_that_is_defined(pairs: list[tuple[bool, bool]]) -> None:
    first, second = ([pair[side] for pair in pairs] for side in (0, 1))
    if len({*first, *second}) == 2:
        assert cohens_kappa(first, second) == pytest.approx(cohen_kappa_score(first, second))
    else:
        assert cohens_kappa(first, second) is None


def test_kappa_of_cohens_kind_of_table() -> None:
    # 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no: observed 0.7, by chance 0.5.
    first = [True] * 25 + [False] * 25
    second = [True] * 20 + [False] * 5 + [True] * 10 + [False] * 15
    assert cohens_kappa(first, second) == pytest.approx(0.4)
    with pytest.raises(ValueError, match="pairs of decisions"):
        cohens_kappa([True], [])


def quality(pixels: np.ndarray) -> ImageQuality:
    rows, columns = pixels.shape
    content = Region(left=0, top=0, right=columns, bottom=rows)
    return image_quality(
        Radiograph(sop_instance_uid="1", pixels=pixels.astype(np.float32), content=content)
    )


def test_each_quality_figure_follows_what_it_is_named_for() -> None:
    rng = np.random.default_rng(1)
    plain = np.clip(cv2.GaussianBlur(rng.random((512, 512)), (0, 0), 6) * 8 - 3.5, 0, 1)
    base = quality(plain)
    assert quality(plain * 0.5).contrast == pytest.approx(base.contrast / 2, rel=0.02)
    assert quality(plain * 0.5 + 0.4).exposure == pytest.approx(base.exposure / 2 + 0.4, rel=0.02)
    noisy = quality(np.clip(plain + rng.normal(0, 0.05, plain.shape), 0, 1))
    assert noisy.noise > 5 * base.noise
    assert noisy.noise == pytest.approx(0.05, abs=0.015)
    assert quality(cv2.GaussianBlur(plain, (0, 0), 8)).sharpness < 0.9 * base.sharpness


def test_quality_looks_only_at_the_exposed_part() -> None:
    rng = np.random.default_rng(1)
    exposed = rng.random((300, 300)).astype(np.float32)
    framed = np.zeros((400, 500), dtype=np.float32)
    framed[50:350, 100:400] = exposed
    region = Region(left=100, top=50, right=400, bottom=350)
    inside = image_quality(Radiograph(sop_instance_uid="1", pixels=framed, content=region))
    assert inside == quality(exposed)
