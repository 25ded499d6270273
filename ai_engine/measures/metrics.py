"""Figures for one label: ranking, decisions, calibration, and how far they can be trusted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import precision_recall_curve

from ai_engine.calibration.resampling import auc_of
from ai_engine.library.card import Metric

Truth = npt.NDArray[np.bool_]
Scores = npt.NDArray[np.float64]
Measure = Callable[[Truth, Scores], float]

BOOTSTRAP_ROUNDS = 1000
CALIBRATION_BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A measured value with its 95 % interval."""

    value: float
    low: float
    high: float

    def as_metric(
        self, name: str, *, label: str, split: str, images: int, group: str = "all"
    ) -> Metric:
        """What a card holds of it: four decimals, of one label on a group of a split's images."""
        return Metric(
            name=name,
            label=label,
            split=split,
            group=group,
            images=images,
            value=round(self.value, 4),
            low=round(self.low, 4),
            high=round(self.high, 4),
        )


def best_f1_threshold(truth: Truth, scores: Scores) -> float:
    """The threshold with the best F1, halfway between two scores (paper 1's calibration).

    Raises
    ------
    ValueError
        If there are no positives.
    """
    if not truth.any():
        raise ValueError("a threshold needs at least one positive image")
    precision, recall, thresholds = precision_recall_curve(truth, scores)
    f1 = 2 * precision[:-1] * recall[:-1] / np.maximum(precision[:-1] + recall[:-1], 1e-12)
    best = int(np.argmax(f1))
    below = thresholds[best - 1] if best else thresholds[best]
    return float((thresholds[best] + below) / 2)


def measures(threshold: float) -> dict[str, Measure]:
    """The measures by name; decisions are made at the threshold."""
    return {
        "auc": auc,
        "average_precision": average_precision,
        "f1": lambda truth, scores: _f1(truth, scores >= threshold),
        "precision": lambda truth, scores: _share(truth, scores >= threshold),
        "recall": lambda truth, scores: _share(scores >= threshold, truth),
        "specificity": lambda truth, scores: _share(scores < threshold, ~truth),
        "calibration_error": calibration_error,
    }


def auc(truth: Truth, scores: Scores) -> float:
    """Area under the ROC curve of both classes, as scikit-learn has it.

    A thousand draws are measured for each figure, and scikit-learn looks at its arguments for a
    hundred times as long as it counts.
    """
    return float(auc_of(np.ones((1, len(truth))), truth, scores)[0])


def average_precision(truth: Truth, scores: Scores) -> float:
    """Area under the curve of precision over recall, in steps, as scikit-learn has it.

    At least one is positive. See `auc` for why it is counted here.
    """
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.diff(scores[order], append=-np.inf))  # of each score's equals
    hits = np.cumsum(truth[order])[last]
    return float(np.diff(hits, prepend=0) @ (hits / (last + 1)) / hits[-1])


def _share(hits: Truth, among: Truth) -> float:
    """How many of some images are hits; 0 where there are none."""
    return float((hits & among).sum() / max(among.sum(), 1))


def _f1(truth: Truth, called: Truth) -> float:
    return float(2 * (truth & called).sum() / max(truth.sum() + called.sum(), 1))


def calibration_error(truth: Truth, scores: Scores) -> float:
    """Expected calibration error over ten bins of equal width (Guo et al., 2017)."""
    bins = np.minimum((scores * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    # A bin's share of the images, times the difference of its means, is that of its sums.
    return float(np.abs(np.bincount(bins, weights=truth - scores)).sum() / len(scores))


def bootstrap(
    measure: Measure,
    truth: Truth,
    scores: Scores,
    patients: Sequence[str],
    *,
    rounds: int = BOOTSTRAP_ROUNDS,
    seed: int = 0,
) -> Interval:
    """A measure with its percentile interval over patients drawn with replacement.

    Images of one patient resemble each other, so patients are drawn, not images. Draws that lack
    positives or negatives are left out: no measure is defined on them.
    """
    rng = np.random.default_rng(seed)
    names = np.array(patients)
    rows = [np.flatnonzero(names == name) for name in np.unique(names)]
    values = []
    for _ in range(rounds):
        drawn = np.concatenate([rows[index] for index in rng.integers(len(rows), size=len(rows))])
        if truth[drawn].any() and not truth[drawn].all():
            values.append(measure(truth[drawn], scores[drawn]))
    value = measure(truth, scores)
    low, high = np.percentile(values, (2.5, 97.5))
    # Calibration error grows with noise, so its draws lie above it; the value itself counts too.
    return Interval(value=value, low=min(float(low), value), high=max(float(high), value))


def wilson(hits: float, count: int) -> Interval:
    """A share with its 95 % interval (Wilson, 1927), which holds near 0 and 1 too.

    ``hits`` may be a fraction where several images of each of ``count`` patients were judged.
    """
    z = 1.96
    share = hits / count
    center = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    spread = np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2)) * z / (1 + z**2 / count)
    return Interval(value=share, low=float(center - spread), high=float(center + spread))
