"""How well two masks agree."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ai_engine.measures.metrics import BOOTSTRAP_ROUNDS, Interval

Mask = npt.NDArray[np.bool_]


def dice(made: Mask, truth: Mask) -> float:
    """Twice the common area over the sum of both (Dice, 1945); 1 where both are empty."""
    both = int(made.sum() + truth.sum())
    return 2 * int((made & truth).sum()) / both if both else 1.0


def intersection_over_union(made: Mask, truth: Mask) -> float:
    """The common area over the joint one (Jaccard, 1912); 1 where both are empty."""
    joint = int((made | truth).sum())
    return int((made & truth).sum()) / joint if joint else 1.0


def mean_interval(
    values: Sequence[float],
    *,
    patients: Sequence[str] | None = None,
    rounds: int = BOOTSTRAP_ROUNDS,
    seed: int = 0,
) -> Interval:
    """The mean over images, with its 95 % percentile interval over images drawn again.

    ``patients`` are those of the images, where several may be of one: then patients are drawn, with
    all that they have, since images of one resemble each other.
    """
    found = np.asarray(values, dtype=np.float64)
    of = np.arange(len(found)) if patients is None else np.unique(patients, return_inverse=True)[1]
    sums, counts = np.bincount(of, weights=found), np.bincount(of)
    drawn = np.random.default_rng(seed).integers(len(sums), size=(rounds, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return Interval(value=float(found.mean()), low=float(low), high=float(high))
