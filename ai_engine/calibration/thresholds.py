"""Choosing a threshold, and whether a chosen one is really better than the one in use."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ai_engine.calibration.cases import LabelCases
from ai_engine.calibration.objective import Aim, Objective
from ai_engine.calibration.probability import logit, sigmoid
from ai_engine.calibration.resampling import Values, Weights, patient_draws

DRAWS = 300
"""Draws that a threshold is chosen over."""

_CALLS_NEEDED = 5

NEEDED_WINS = 0.95
"""In this part of the draws a new threshold must do at least as well on patients left out."""

SPREAD_OF_DEVICES = 1.0
"""How far devices' best thresholds lie apart: a standard deviation of the log odds.

A device's own is drawn towards its parent's the more, the less its cases tell within that."""

BAND = (5.0, 95.0)
"""Percentiles of the draws' thresholds between which a result is called uncertain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenThreshold:
    """A threshold, how it compared with the former one, and how sure it is.

    ``gain`` is the mean difference of the objective's figure on patients left out of a draw,
    ``wins`` the part of the draws in which the new threshold did at least as well. ``own`` is the
    part of the way from the former threshold to the device's own best one that was gone. Between
    ``low`` and ``high`` other patients would have led to another decision: nine of ten draws have
    their threshold there.
    """

    value: float
    gain: float
    wins: float
    own: float
    low: float
    high: float


def choose_threshold(
    cases: LabelCases, objective: Objective, *, former: float, seed: int = 0
) -> ChosenThreshold:
    """Choose a threshold by an objective.

    It is the median of the best thresholds of many draws of patients, since the single best one
    follows chance in few cases (paper 1's Table III has thresholds of 0.001 and 0.979), drawn
    towards the former one: by the spread of the draws against that between devices, as in a
    hierarchical model of two normal distributions (Gelman et al., Bayesian Data Analysis, 5.4).
    For a sensitivity or specificity it is the threshold that reaches the target on the cases and
    costs the other least.

    Parameters
    ----------
    cases
        At least one with the finding and one without.
    objective
        What to achieve.
    former
        The threshold in use, to compare with: the parent's.
    seed
        Decides the draws.
    """
    candidates = _between(cases.scores)
    draws = patient_draws(cases, rounds=DRAWS, seed=seed)
    best = _best(draws, cases, candidates, objective)
    if objective.aim.is_asked_for:
        own = 1.0
        value = float(_best(np.ones((1, len(cases))), cases, candidates, objective)[0])
    else:
        own = _share_of_own(best)
        best = _drawn_towards(best, former, own)
        value = float(np.median(best))
    low, high = (float(edge) for edge in np.percentile(best, BAND))
    left_out = (draws == 0).astype(np.float64)
    merits = _merit_by_draw(left_out, cases, best, objective)
    formers = _merit_by_draw(left_out, cases, np.full(DRAWS, former), objective)
    gains = (merits - formers)[(left_out @ cases.truth > 0) & (left_out @ ~cases.truth > 0)]
    return ChosenThreshold(
        value=value,
        gain=float(gains.mean()) if gains.size else 0.0,
        wins=float(np.mean(gains >= 0)) if gains.size else 0.0,
        own=own,
        low=low,
        high=high,
    )


def _share_of_own(best: Values) -> float:
    """How much the draws agree: 1 where all have one threshold, 0 where they tell nothing."""
    low, middle, high = np.percentile(logit(best), (16, 50, 84))
    spread = max(high - middle, middle - low)
    return float(SPREAD_OF_DEVICES**2 / (SPREAD_OF_DEVICES**2 + spread**2))


def _drawn_towards(best: Values, former: float, own: float) -> Values:
    """Thresholds that have gone a part of their way from the former one, in log odds."""
    start = logit(np.array([former]))
    return np.asarray(sigmoid(start + own * (logit(best) - start)))


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
    sensitivity = hits / np.maximum(positives, 1e-12)
    specificity = 1 - alarms / np.maximum(negatives, 1e-12)
    if not objective.aim.is_asked_for:
        merit = _merit(objective, sensitivity, specificity, _share(objective, positives, negatives))
        return _middle_of_best(merit, candidates)
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


def _share(objective: Objective, positives: Values, negatives: Values) -> Values | float:
    """Which part of the images have the finding, as the objective sees it."""
    if objective.aim is Aim.PREVALENCE:
        return objective.target
    return np.asarray(positives / np.maximum(positives + negatives, 1e-12))


def _merit(
    objective: Objective, sensitivity: Values, specificity: Values, share: Values | float
) -> Values:
    """The figure that an objective wants high; a target is compared by F1."""
    if objective.aim is Aim.BALANCED:
        return np.asarray((sensitivity + specificity) / 2)
    hits, alarms = sensitivity * share, (1 - specificity) * (1 - share)
    return np.asarray(2 * hits / np.maximum(share + hits + alarms, 1e-12))


def _merit_by_draw(
    weights: Weights, cases: LabelCases, thresholds: Values, objective: Objective
) -> Values:
    """The objective's figure of each draw's threshold on each draw's cases."""
    called = cases.scores[np.newaxis] >= thresholds[:, np.newaxis]
    positives, negatives = weights @ cases.truth, weights @ ~cases.truth
    sensitivity = (weights * (called & cases.truth)).sum(axis=1) / np.maximum(positives, 1e-12)
    specificity = 1 - (weights * (called & ~cases.truth)).sum(axis=1) / np.maximum(negatives, 1e-12)
    return _merit(objective, sensitivity, specificity, _share(objective, positives, negatives))
