"""How often experts accept what a model says, and whether that is more than chance."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import scipy

Decisions = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A share of some decisions with its 95 % interval (Wilson, 1927)."""

    hits: int
    among: int
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The acceptance rate of the decisions made from ``start`` on, before the next period."""

    start: date
    rate: Rate


def rate(hits: int, among: int) -> Rate | None:
    """A share with its interval; None of nothing."""
    if not among:
        return None
    interval = scipy.stats.binomtest(hits, among).proportion_ci(method="wilson")
    # Rounding may leave the bound of 0 or of all hits a hair beyond the value.
    value = hits / among
    return Rate(
        hits=hits,
        among=among,
        value=value,
        low=min(float(interval.low), value),
        high=max(float(interval.high), value),
    )


def rates_over_time(decisions: Iterable[tuple[date, bool]], *, days: int = 7) -> tuple[Period, ...]:
    """Acceptance by period of some days, oldest first; periods without decisions are left out.

    Periods are counted from a fixed Monday, so that they stay where they are as decisions come in.
    """
    grouped: dict[int, list[bool]] = {}
    for day, accepted in decisions:
        grouped.setdefault((day.toordinal() - 1) // days, []).append(accepted)
    periods = []
    for number, made in sorted(grouped.items()):
        found = rate(sum(made), len(made))
        if found is not None:
            start = date.fromordinal(number * days + 1)
            periods.append(Period(start=start, rate=found))
    return tuple(periods)


def cohens_kappa(
    first: Sequence[bool] | Decisions, second: Sequence[bool] | Decisions
) -> float | None:
    """Agreement of two readers beyond chance (Cohen, 1960): 1 is full, 0 is chance's.

    Where both only ever say one and the same thing, there is none: chance explains it all.

    Raises
    ------
    ValueError
        When there are no decisions, or not as many of one as of the other.
    """
    one, other = np.asarray(first, dtype=np.bool_), np.asarray(second, dtype=np.bool_)
    if len(one) != len(other) or not len(one):
        raise ValueError(f"kappa needs pairs of decisions, not {len(one)} and {len(other)}")
    observed = float(np.mean(one == other))
    yes_one, yes_other = float(one.mean()), float(other.mean())
    chance = yes_one * yes_other + (1 - yes_one) * (1 - yes_other)
    return None if chance >= 1 else (observed - chance) / (1 - chance)
