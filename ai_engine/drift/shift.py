"""How far a distribution has moved from what it was."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy

Values = npt.NDArray[np.float64]

BINS = 10
SMALLEST_SAMPLE = 20
"""Fewer values on either side say nothing about a shift."""

_LEAST_SHARE = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """A shift between a reference and a recent sample.

    ``psi`` is the population stability index over tenths of the reference (by custom: below 0.1
    none, from 0.25 on a marked one), ``ks`` Kolmogorov and Smirnov's statistic, the largest
    distance between the two distribution functions, and ``p_value`` how often chance alone gives
    one as large.
    """

    psi: float
    ks: float
    p_value: float
    reference: int
    recent: int


def shift(reference: Values, recent: Values) -> Shift | None:
    """Compare two samples; None where either is too small to say anything."""
    if min(len(reference), len(recent)) < SMALLEST_SAMPLE:
        return None
    compared = scipy.stats.ks_2samp(reference, recent)
    return Shift(
        psi=population_stability_index(reference, recent),
        ks=float(compared.statistic),
        p_value=float(compared.pvalue),
        reference=len(reference),
        recent=len(recent),
    )


def population_stability_index(reference: Values, recent: Values, *, bins: int = BINS) -> float:
    """Sum of (recent - reference) * ln(recent / reference) over quantile bins of the reference.

    Empty bins count as a thousandth, so that the index stays finite.
    """
    inner = np.unique(np.quantile(reference, np.linspace(0, 1, bins + 1)[1:-1]))
    before, after = (
        np.maximum(
            np.bincount(np.searchsorted(inner, sample, side="right"), minlength=len(inner) + 1)
            / len(sample),
            _LEAST_SHARE,
        )
        for sample in (reference, recent)
    )
    return float(((after - before) * np.log(after / before)).sum())
