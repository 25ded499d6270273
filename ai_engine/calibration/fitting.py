"""Fitting probability maps, and choosing one by its log loss on patients left out."""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import scipy

from ai_engine.calibration.cases import LabelCases, Scores, Truth
from ai_engine.calibration.probability import (
    IdentityMap,
    LogisticMap,
    Method,
    PiecewiseMap,
    ProbabilityMap,
    logit,
    sigmoid,
)

FOLDS = 5
SMALLEST_SLOPE = 0.01

_EDGE = 1e-6


def fit_none(_scores: Scores, _truth: Truth) -> ProbabilityMap:
    """Leave probabilities as they are."""
    return IdentityMap()


def fit_temperature(scores: Scores, truth: Truth) -> ProbabilityMap:
    """Temperature scaling: one factor on the log odds."""
    return LogisticMap(slope=temperature_slope(scores, truth), method=Method.TEMPERATURE)


def temperature_slope(scores: Scores, truth: Truth) -> float:
    """The factor on the log odds, one over the temperature."""
    slope, _ = _fit_logistic(scores, truth.astype(np.float64), with_offset=False)
    return slope


def fit_platt(scores: Scores, truth: Truth) -> ProbabilityMap:
    """Platt scaling: factor and offset, towards targets that are a little less than certain."""
    positives, negatives = int(truth.sum()), int((~truth).sum())
    targets = np.where(truth, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    slope, offset = _fit_logistic(scores, targets, with_offset=True)
    return LogisticMap(slope=slope, offset=offset, method=Method.PLATT)


def fit_isotonic(scores: Scores, truth: Truth) -> ProbabilityMap:
    """Centred isotonic regression, with ends that are less than certain."""
    order = np.argsort(scores, kind="stable")
    sorted_scores, start, counts = np.unique(scores[order], return_index=True, return_counts=True)
    means = np.add.reduceat(truth[order].astype(np.float64), start) / counts
    fit = scipy.optimize.isotonic_regression(means, weights=counts)
    blocks = np.asarray(fit.blocks)[:-1]
    sizes = np.add.reduceat(counts, blocks)
    centres = np.add.reduceat(sorted_scores * counts, blocks) / sizes
    rates = np.array(fit.x[blocks])
    # Rates that differ by rounding alone are one block: no float lies between them to rise through.
    alike = np.concatenate([[0], np.cumsum(np.diff(rates) > _EDGE)])
    total = np.bincount(alike, weights=sizes)
    centres = np.bincount(alike, weights=centres * sizes) / total
    rates = np.bincount(alike, weights=rates * sizes) / total
    sizes = total
    # Only the first rate can be 0 and only the last 1: half a case keeps either from certainty,
    # and neither may reach its neighbour.
    second, last_but_one = (rates[1], rates[-2]) if len(rates) > 1 else (1.0, 0.0)
    rates[0] = max(rates[0], min(0.5 / (sizes[0] + 1), second / 2))
    rates[-1] = min(rates[-1], max(1 - 0.5 / (sizes[-1] + 1), (1 + last_but_one) / 2))
    return _through(centres, rates)


FITS: dict[Method, Callable[[Scores, Truth], ProbabilityMap]] = {
    Method.NONE: fit_none,
    Method.TEMPERATURE: fit_temperature,
    Method.PLATT: fit_platt,
    Method.ISOTONIC: fit_isotonic,
}


def choose_map(cases: LabelCases, *, seed: int = 0) -> tuple[ProbabilityMap, dict[Method, float]]:
    """Choose a method by cross-validated log loss, and fit it on all cases.

    Of the methods within one standard error of the best, the simplest is taken (Breiman et al.,
    1984): with few cases a flexible map wins by chance too often.

    Returns
    -------
    tuple
        The map, and the mean log loss of each method on patients left out.
    """
    folds = list(_folds(cases, seed))
    losses = {method: _left_out_losses(cases, fit, folds) for method, fit in FITS.items()}
    means = {method: float(loss.mean()) for method, loss in losses.items()}
    best = min(means, key=lambda method: means[method])
    chosen = next(method for method in Method if _as_good(losses[method], losses[best]))
    return FITS[chosen](cases.scores, cases.truth), means


def log_losses(truth: Truth, probabilities: Scores) -> Scores:
    """Negative logarithm of the probability given to what was true, for each case."""
    given = np.where(truth, probabilities, 1 - probabilities)
    return np.asarray(-np.log(np.clip(given, _EDGE, 1)))


def _as_good(losses: Scores, best: Scores) -> bool:
    """Whether some losses lie within one standard error of the best method's."""
    worse = losses - best
    return bool(worse.mean() <= worse.std() / np.sqrt(len(worse)))


def _left_out_losses(
    cases: LabelCases,
    fit: Callable[[Scores, Truth], ProbabilityMap],
    folds: list[npt.NDArray[np.bool_]],
) -> Scores:
    mapped = np.empty(len(cases))
    for left_out in folds:
        kept = ~left_out
        made = fit(cases.scores[kept], cases.truth[kept])
        mapped[left_out] = made.apply(cases.scores[left_out])
    return log_losses(cases.truth, mapped)


def _folds(cases: LabelCases, seed: int) -> Iterator[npt.NDArray[np.bool_]]:
    """Split patients into folds with about as many positive patients in each."""
    numbers = cases.patient_numbers
    patients = int(numbers.max()) + 1
    sick = np.bincount(numbers, weights=cases.truth, minlength=patients) > 0
    rng = np.random.default_rng(seed)
    fold_of = np.empty(patients, dtype=np.intp)
    for group in (np.flatnonzero(sick), np.flatnonzero(~sick)):
        fold_of[rng.permutation(group)] = np.arange(len(group)) % FOLDS
    for fold in np.unique(fold_of):
        yield fold_of[numbers] == fold


def _fit_logistic(scores: Scores, targets: Scores, *, with_offset: bool) -> tuple[float, float]:
    odds = logit(scores)

    def loss(values: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        slope, offset = values[0], values[1] if with_offset else 0.0
        linear = slope * odds + offset
        value = float(np.mean(np.logaddexp(0, linear) - targets * linear))
        residual = sigmoid(linear) - targets
        gradient = [float(np.mean(residual * odds)), float(np.mean(residual))]
        return value, np.array(gradient if with_offset else gradient[:1])

    start = [1.0, 0.0] if with_offset else [1.0]
    bounds = [(SMALLEST_SLOPE, 20.0), (-20.0, 20.0)]
    found = scipy.optimize.minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=bounds[: len(start)]
    )
    return float(found.x[0]), float(found.x[1]) if with_offset else 0.0


def _through(scores: Scores, rates: Scores) -> PiecewiseMap:
    """A map through points with 0 to 0 and 1 to 1 as its ends."""
    inside = (scores > 0) & (scores < 1)
    return PiecewiseMap(
        scores=(0.0, *(float(score) for score in scores[inside]), 1.0),
        rates=(0.0, *(float(rate) for rate in rates[inside]), 1.0),
    )
