"""Figures at a threshold with intervals over patients drawn with replacement.

A draw is a weight for each case: how often its patient was drawn. With weights every figure of
every draw comes out of a few matrix products, and none of them needs a loop.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ai_engine.calibration.cases import LabelCases, Scores, Truth

Weights = npt.NDArray[np.float64]
Values = npt.NDArray[np.float64]

ROUNDS = 1000
_LEVELS = (2.5, 97.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure with its 95 % percentile interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a threshold achieves on some cases, and how well the scores rank them."""

    auc: Estimate
    f1: Estimate
    sensitivity: Estimate
    specificity: Estimate


def patient_draws(cases: LabelCases, *, rounds: int = ROUNDS, seed: int = 0) -> Weights:
    """Draw patients with replacement: how often each case is in each draw, (rounds, cases)."""
    numbers = cases.patient_numbers
    patients = int(numbers.max()) + 1
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(patients, np.full(patients, 1 / patients), size=rounds)
    return np.asarray(drawn[:, numbers], dtype=np.float64)


def f1_of(weights: Weights, truth: Truth, called: Truth) -> Values:
    """F1 of each draw; 0 where nothing is or is called positive."""
    hits = weights @ (truth & called)
    return np.asarray(2 * hits / np.maximum(weights @ truth + weights @ called, 1e-12))


def share_of(weights: Weights, hits: Truth, among: Truth) -> Values:
    """Which part of ``among`` is ``hits`` in each draw; not a number where there is none."""
    total = weights @ among
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((weights @ (hits & among)) / total)


def auc_of(weights: Weights, truth: Truth, scores: Scores) -> Values:
    """Area under the ROC curve of each draw (Mann and Whitney's statistic, ties count half)."""
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))
    positive = np.add.reduceat(weights[:, order] * truth[order], starts, axis=1)
    negative = np.add.reduceat(weights[:, order] * ~truth[order], starts, axis=1)
    below = np.cumsum(negative, axis=1) - negative / 2
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((positive * below).sum(axis=1) / pairs)


def figures(cases: LabelCases, threshold: float, *, rounds: int = ROUNDS, seed: int = 0) -> Figures:
    """Measure what a threshold on the scores achieves.

    Draws without positives or without negatives are left out of the figures that need them.

    Raises
    ------
    ValueError
        When the cases lack a class: then no figure is defined.
    """
    if not cases.positives or not cases.negatives:
        raise ValueError(f"{cases.label}: figures need cases with and without the finding")
    draws = patient_draws(cases, rounds=rounds, seed=seed)
    weights = np.vstack([np.ones(len(cases)), draws])
    called = cases.scores >= threshold
    return Figures(
        auc=estimate(auc_of(weights, cases.truth, cases.scores)),
        f1=estimate(f1_of(weights, cases.truth, called)),
        sensitivity=estimate(share_of(weights, called, cases.truth)),
        specificity=estimate(share_of(weights, ~called, ~cases.truth)),
    )


def estimate(values: Values) -> Estimate:
    """A figure with its interval: the first value is the figure itself, the others its draws."""
    low, high = np.nanpercentile(values[1:], _LEVELS)
    return Estimate(value=float(values[0]), low=float(low), high=float(high))
