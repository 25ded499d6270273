"""Thresholds, intervals and probability maps: known values, and what must hold for any cases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, roc_auc_score

from ai_engine.calibration.cases import LabelCases, Minimum
from ai_engine.calibration.fitting import (
    FITS,
    _folds,
    choose_map,
    fit_isotonic,
    fit_platt,
    log_losses,
)
from ai_engine.calibration.objective import F1, Objective, parse_objective
from ai_engine.calibration.probability import LogisticMap, Method, logit, read_map, sigmoid
from ai_engine.calibration.resampling import auc_of, f1_of, figures, patient_draws
from ai_engine.calibration.thresholds import choose_threshold, equivalent_threshold


def made_cases(
    count: int = 400, *, shift: float = 0.0, slope: float = 1.0, seed: int = 1, per_patient: int = 1
) -> LabelCases:
    """Cases whose true log odds are ``slope * logit(score) + shift``."""
    rng = np.random.default_rng(seed)
    scores = sigmoid(rng.normal(0, 2, count))
    truth = rng.random(count) < sigmoid(slope * logit(scores) + shift)
    patients = tuple(f"p{index // per_patient}" for index in range(count))
    return LabelCases(label="Pneumonia", scores=scores, truth=truth, patients=patients)


@st.composite
def any_cases(draw: st.DrawFn) -> LabelCases:
    count = draw(st.integers(4, 60))
    scores = draw(st.lists(st.floats(0, 1), min_size=count, max_size=count))
    truth = draw(st.lists(st.booleans(), min_size=count - 2, max_size=count - 2))
    owners = draw(st.lists(st.integers(0, 20), min_size=count, max_size=count))
    return LabelCases(
        label="x",
        scores=np.array(scores),
        truth=np.array([True, False, *truth]),
        patients=tuple(str(owner) for owner in owners),
    )


def test_cases_whose_columns_differ_in_length_are_no_cases() -> None:
    with pytest.raises(ValueError, match="2 scores, 1 verdicts and 2 patients"):
        LabelCases(label="x", scores=np.zeros(2), truth=np.array([True]), patients=("a", "b"))


def test_too_few_of_either_class_are_said_to_be_missing() -> None:
    cases = LabelCases(
        label="x",
        scores=np.linspace(0, 1, 30),
        truth=np.arange(30) < 4,
        patients=tuple(map(str, range(30))),
    )
    assert Minimum(positives=4).lacking(cases) == ""
    assert "4 with the finding (at least 10 needed)" in Minimum().lacking(cases)


@pytest.mark.parametrize(
    "text", ["balanced", "f1", "prevalence=0.1", "sensitivity=0.95", "specificity=0.9"]
)
def test_objectives_read_what_they_say(text: str) -> None:
    assert str(parse_objective(text)) == text


@pytest.mark.parametrize(
    "text", ["", "f2", "sensitivity", "specificity=1.5", "f1=0.5", "auc=0.9", "balanced=1"]
)
def test_other_objectives_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot be used: say balanced, f1"):
        parse_objective(text)


@pytest.mark.slow
@given(any_cases(), st.floats(0, 1))
@settings(max_examples=60)
def test_unweighted_figures_are_those_of_scikit_learn(cases: LabelCases, threshold: float) -> None:
    ones = np.ones((1, len(cases)))
    called = cases.scores >= threshold
    assert auc_of(ones, cases.truth, cases.scores)[0] == pytest.approx(
        roc_auc_score(cases.truth, cases.scores)
    )
    assert f1_of(ones, cases.truth, called)[0] == pytest.approx(
        f1_score(cases.truth, called, zero_division=0)
    )


def test_draws_take_all_images_of_a_patient_or_none() -> None:
    cases = made_cases(60, per_patient=3)
    draws = patient_draws(cases, rounds=50)
    by_patient = draws.reshape(50, 20, 3)
    assert (by_patient == by_patient[..., :1]).all()
    assert (by_patient[..., 0].sum(axis=1) == 20).all()


@pytest.mark.slow
def test_intervals_hold_the_figure_and_narrow_with_more_cases() -> None:
    few, many = (figures(made_cases(count), 0.5) for count in (60, 3000))
    for found in (few, many):
        for estimate in (found.auc, found.f1, found.sensitivity, found.specificity):
            assert estimate.low <= estimate.value <= estimate.high
    assert many.auc.high - many.auc.low < (few.auc.high - few.auc.low) / 3


def test_images_of_few_patients_make_the_interval_wide() -> None:
    alone = figures(made_cases(300), 0.5)
    rng = np.random.default_rng(0)
    base = made_cases(30)
    rows = np.repeat(np.arange(30), 10)
    copies = LabelCases(
        label="x",
        scores=base.scores[rows] + rng.normal(0, 1e-6, 300),
        truth=base.truth[rows],
        patients=tuple(str(row) for row in rows),
    )
    same = figures(copies, 0.5)
    assert same.auc.high - same.auc.low > 1.5 * (alone.auc.high - alone.auc.low)


def test_figures_of_one_class_are_refused() -> None:
    cases = LabelCases(
        label="Mass", scores=np.zeros(3), truth=np.zeros(3, dtype=bool), patients=("a", "b", "c")
    )
    with pytest.raises(ValueError, match="Mass: figures need cases with and without"):
        figures(cases, 0.5)


@pytest.mark.slow
def test_a_device_whose_scores_are_too_high_gets_a_higher_threshold() -> None:
    cases = made_cases(800, shift=-3)
    chosen = choose_threshold(cases, Objective(), former=0.5)
    assert chosen.value > 0.7
    assert chosen.gain > 0
    assert chosen.wins > 0.9
    assert figures(cases, chosen.value).f1.value > figures(cases, 0.5).f1.value


def test_the_odd_draw_does_not_move_a_threshold() -> None:
    # One patient with the finding scores like a healthy one. Where a draw has that patient often,
    # a low threshold is best; in most draws it is the one between the groups.
    scores = np.array([0.1, 0.3, 0.32, 0.34, 0.36, 0.38, 0.2, 0.9, 0.92, 0.94])
    cases = LabelCases(
        label="Pneumonia",
        scores=scores,
        truth=np.array([False] * 6 + [True] * 4),
        patients=tuple(f"p{number}" for number in range(len(scores))),
    )
    between = (0.38 + 0.9) / 2
    for seed in range(5):
        chosen = choose_threshold(cases, F1, former=0.5, seed=seed)
        # Of its own threshold and the former one it is the part of the way that the draws allow.
        own = logit(np.array([between, 0.5]))
        expected = own[1] + chosen.own * (own[0] - own[1])
        assert logit(np.array([chosen.value]))[0] == pytest.approx(expected)
        assert 0.5 < chosen.value <= between


@pytest.mark.slow
def test_few_cases_go_a_smaller_part_of_the_way_from_the_parents_threshold_than_many() -> None:
    few, many = (
        choose_threshold(made_cases(count, shift=-3), Objective(), former=0.5)
        for count in (40, 2000)
    )
    assert few.own < many.own
    assert many.own > 0.8
    # Other patients would have decided more of the results otherwise.
    assert few.high - few.low > many.high - many.low


@pytest.mark.slow
def test_the_rarer_the_finding_is_said_to_be_the_higher_is_its_threshold() -> None:
    cases = made_cases(1500, seed=4)
    rare, even, frequent = (
        choose_threshold(cases, parse_objective(f"prevalence={share}"), former=0.5).value
        for share in (0.02, 0.3, 0.8)
    )
    assert rare > even > frequent


def test_a_threshold_that_fits_already_is_not_beaten() -> None:
    cases = made_cases(400, seed=3)
    best = choose_threshold(cases, Objective(), former=0.5)
    assert choose_threshold(cases, Objective(), former=best.value).gain <= 0.005


@pytest.mark.slow
@given(any_cases(), st.floats(0.05, 0.95))
@settings(max_examples=60)
def test_targets_are_reached_on_the_cases(cases: LabelCases, target: float) -> None:
    for aim in ("sensitivity", "specificity"):
        chosen = choose_threshold(cases, parse_objective(f"{aim}={target:.3f}"), former=0.5)
        called = cases.scores >= chosen.value
        reached = called[cases.truth] if aim == "sensitivity" else ~called[~cases.truth]
        assert reached.mean() >= round(target, 3) - 1e-9


@pytest.mark.slow
@given(any_cases())
@settings(max_examples=60)
def test_every_map_keeps_the_order_and_stays_within_0_and_1(cases: LabelCases) -> None:
    grid = np.linspace(0, 1, 200)
    for fit in FITS.values():
        mapped = fit(cases.scores, cases.truth).apply(grid)
        rises = np.diff(mapped)
        assert (rises >= 0).all()
        # Steep maps of cases that don't overlap come nearer to 1 than floats can tell apart.
        assert (rises[mapped[1:] < 1 - 1e-9] > 0).all()
        assert (mapped >= 0).all()
        assert (mapped <= 1).all()


@pytest.mark.slow
@given(any_cases())
@settings(max_examples=30)
def test_maps_are_read_back_as_they_were(cases: LabelCases) -> None:
    for fit in FITS.values():
        made = fit(cases.scores, cases.truth)
        assert read_map(made.as_dict()) == made


def test_platt_scaling_finds_the_odds_that_were_put_in() -> None:
    cases = made_cases(20000, slope=0.5, shift=-1)
    found = fit_platt(cases.scores, cases.truth)
    assert isinstance(found, LogisticMap)
    assert found.slope == pytest.approx(0.5, abs=0.05)
    assert found.offset == pytest.approx(-1, abs=0.08)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("slope", "shift", "expected"),
    [(1.0, 0.0, {Method.NONE, Method.TEMPERATURE}), (0.3, 0.0, {Method.TEMPERATURE}),
     (0.4, -2.0, {Method.PLATT})],
)  # fmt: skip
def test_the_map_is_chosen_by_what_is_wrong_with_the_probabilities(
    slope: float, shift: float, expected: set[Method]
) -> None:
    cases = made_cases(4000, slope=slope, shift=shift)
    chosen, losses = choose_map(cases)
    assert chosen.method in expected
    assert set(losses) == set(Method)
    mapped = log_losses(cases.truth, chosen.apply(cases.scores))
    assert mapped.mean() <= losses[Method.NONE] + 1e-9


@pytest.mark.slow
def test_a_step_is_seen_only_by_isotonic_regression() -> None:
    rng = np.random.default_rng(2)
    scores = rng.random(4000)
    truth = rng.random(4000) < np.where(scores > 0.3, 0.6, 0.05)
    cases = LabelCases(label="x", scores=scores, truth=truth, patients=tuple(map(str, range(4000))))
    chosen, _ = choose_map(cases)
    assert chosen.method is Method.ISOTONIC
    assert chosen.apply(np.array([0.6]))[0] == pytest.approx(0.6, abs=0.05)


def test_a_threshold_carried_over_calls_as_many_images_positive() -> None:
    rng = np.random.default_rng(5)
    scores = rng.beta(2, 5, 90)
    others = np.clip(scores**3 + rng.normal(0, 0.001, 90), 0, 1)
    for former in (0.2, 0.3, 0.4):
        carried = equivalent_threshold(former, scores=scores, others=others)
        assert carried is not None
        assert (others >= carried).sum() == (scores >= former).sum()
        # Weights that rank alike call the same images positive, though their scores differ.
        same = equivalent_threshold(former, scores=scores, others=scores**3)
        assert same is not None
        assert np.array_equal(scores**3 >= same, scores >= former)


@pytest.mark.parametrize("former", [0.0, 0.04, 0.97, 1.0])
def test_a_threshold_that_hardly_divides_is_not_carried_over(former: float) -> None:
    scores = np.linspace(0, 1, 101)
    assert equivalent_threshold(former, scores=scores, others=scores) is None


def test_isotonic_rates_count_every_case_however_many_share_a_score() -> None:
    # 9 of 10 at 0.3 and none of 2 at 0.6 are pooled to 9 of 12 at their mean score, 0.35.
    scores = np.array([0.3] * 10 + [0.6] * 2)
    truth = np.array([True] * 9 + [False] * 3)
    assert fit_isotonic(scores, truth).apply(np.array([0.35])) == pytest.approx([0.75])


def test_folds_part_the_patients_and_share_the_sick_ones() -> None:
    cases = made_cases(200, per_patient=2)
    folds = list(_folds(cases, seed=0))
    assert (np.sum(folds, axis=0) == 1).all()
    for fold in folds:
        inside = {cases.patients[index] for index in np.flatnonzero(fold)}
        outside = {cases.patients[index] for index in np.flatnonzero(~fold)}
        assert not inside & outside
        assert cases.truth[fold].mean() == pytest.approx(cases.truth.mean(), abs=0.1)
