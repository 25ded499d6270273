"""Choosing a threshold, and whether a chosen one is really better than the one in use."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ai_engine.calibration.cases import LabelCases
from ai_engine.calibration.objective import Aim, Objective
from ai_engine.calibration.resampling import Values, Weights, patient_draws

DRAWS = 300
"""Draws that a threshold is chosen over."""

_CALLS_NEEDED = 5

NEEDED_WINS = 0.9
"""In this part of the draws a new threshold must do at least as well on patients left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenThreshold:
    """A threshold, and how its F1 compared with the former one's on patients left out of a draw.

    ``gain`` is the mean difference, ``wins`` the part of the draws in which the new threshold did
    at least as well.
    """

    value: float
    gain: float
    wins: float


def choose_threshold(
    cases: LabelCases, objective: Objective, *, former: float, seed: int = 0
) -> ChosenThreshold:
    """Choose a threshold by an objective.

    For F1 it is the median of the best thresholds of many draws of patients: the single best one
    follows chance in few cases (paper 1's Table III has thresholds of 0.001 and 0.979). For a
    sensitivity or specificity it is the threshold that reaches the target on the cases and costs
    the other least.

    Parameters
    ----------
    cases
        At least one with the finding and one without.
    objective
        What to achieve.
    former
        The threshold in use, to compare with.
    seed
        Decides the draws.
    """
    candidates = _between(cases.scores)
    draws = patient_draws(cases, rounds=DRAWS, seed=seed)
    best = _best(draws, cases, candidates, objective)
    if objective.aim is Aim.F1:
        value = float(np.median(best))
    else:
        value = float(_best(np.ones((1, len(cases))), cases, candidates, objective)[0])
    left_out = (draws == 0).astype(np.float64)
    gains = _f1_by_draw(left_out, cases, best) - _f1_by_draw(
        left_out, cases, np.full(DRAWS, former)
    )
    gains = gains[(left_out @ cases.truth) > 0]
    if not gains.size:
        return ChosenThreshold(value=value, gain=0.0, wins=0.0)
    return ChosenThreshold(value=value, gain=float(gains.mean()), wins=float(np.mean(gains >= 0)))


def equivalent_threshold(former: float, *, scores: Values, others: Values) -> float | None:
    """Carry a threshold over to other weights: as many of the same images are called positive.

    Needs no verdicts. A threshold belongs to the weights that it was chosen for: others may rank
    better and yet call nearly everything positive at the same one.

    Parameters
    ----------
    former
        The threshold on ``scores``.
    scores, others
        What both weights say of the same images, in (images,).

    Returns
    -------
    The threshold on ``others``, or ``None`` where fewer than five images are called either way.
    """
    positive = int((scores >= former).sum())
    if min(positive, len(scores) - positive) < _CALLS_NEEDED:
        return None
    ranked = np.sort(others)[::-1]
    return float(ranked[positive - 1] + ranked[positive]) / 2


def _between(scores: Values) -> Values:
    """Every threshold that decides differently: below, halfway between, and above the scores."""
    steps = np.unique(scores)
    middle = (steps[1:] + steps[:-1]) / 2
    # A score of exactly 1 is called by every threshold up to 1.
    above = max((steps[-1] + 1) / 2, np.nextafter(steps[-1], np.inf))
    return np.concatenate([[steps[0] / 2], middle, [above]])


def _best(weights: Weights, cases: LabelCases, candidates: Values, objective: Objective) -> Values:
    """The best threshold of each draw."""
    order = np.argsort(cases.scores, kind="stable")
    above = len(cases) - np.searchsorted(cases.scores[order], candidates, side="left")
    hits = _tail_sums(weights[:, order] * cases.truth[order], above)
    alarms = _tail_sums(weights[:, order] * ~cases.truth[order], above)
    positives, negatives = hits[:, :1], alarms[:, :1]
    if objective.aim is Aim.F1:
        merit = 2 * hits / np.maximum(positives + hits + alarms, 1e-12)
        return _middle_of_best(merit, candidates)
    sensitivity = hits / np.maximum(positives, 1e-12)
    specificity = 1 - alarms / np.maximum(negatives, 1e-12)
    slack = 1e-9
    if objective.aim is Aim.SENSITIVITY:
        reached = np.where(sensitivity >= objective.target - slack, specificity, -1.0)
    else:
        reached = np.where(specificity >= objective.target - slack, sensitivity, -1.0)
    return _middle_of_best(reached, candidates)


def _tail_sums(values: Values, counts: npt.NDArray[np.intp]) -> Values:
    """Sums over the last ``counts`` columns; the first count is that of all."""
    sums = np.cumsum(values[:, ::-1], axis=1)
    padded = np.hstack([np.zeros((len(values), 1)), sums])
    return np.asarray(padded[:, counts])


def _middle_of_best(merit: Values, candidates: Values) -> Values:
    """The middle one of the equally good candidates: furthest from either neighbour."""
    good = merit >= merit.max(axis=1, keepdims=True) - 1e-12
    ranks = np.cumsum(good, axis=1)
    wanted = (ranks[:, -1:] + 1) // 2
    return np.asarray(candidates[np.argmax((ranks == wanted) & good, axis=1)])


def _f1_by_draw(weights: Weights, cases: LabelCases, thresholds: Values) -> Values:
    """F1 of each draw's threshold on each draw's cases."""
    called = cases.scores[np.newaxis] >= thresholds[:, np.newaxis]
    hits = (weights * (called & cases.truth)).sum(axis=1)
    both = weights @ cases.truth + (weights * called).sum(axis=1)
    return np.asarray(2 * hits / np.maximum(both, 1e-12))
