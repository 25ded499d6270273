"""Maps from a model's probability to one that means what it says, each strictly increasing.

Strictly as far as floats go: within 1e-9 of 1 a steep map's values may be one number.
Because every map keeps the order of its inputs, it changes no ranking and no decision: a threshold
chosen on the model's own probabilities is mapped along.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import numpy as np
import scipy

from ai_engine.calibration.cases import Scores

_EDGE = 1e-9


class Method(StrEnum):
    """How probabilities are mapped, the simplest first."""

    NONE = "none"
    TEMPERATURE = "temperature"
    PLATT = "platt"
    ISOTONIC = "isotonic"


class ProbabilityMap(Protocol):
    """A strictly increasing map of 0 to 1 onto itself."""

    @property
    def method(self) -> Method:
        """What kind of map it is."""

    def apply(self, scores: Scores) -> Scores:
        """Map probabilities, float64 of any shape."""

    def as_dict(self) -> dict[str, Any]:
        """Return the map as JSON can hold it; `read_map` reads it back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityMap:
    """The model's probabilities as they are."""

    @property
    def method(self) -> Method:
        """What kind of map it is."""
        return Method.NONE

    def apply(self, scores: Scores) -> Scores:
        """Return the same probabilities."""
        return np.asarray(scores, dtype=np.float64)

    def as_dict(self) -> dict[str, Any]:
        """Return the map as JSON can hold it."""
        return {"method": self.method.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class LogisticMap:
    """``sigmoid(slope * logit(p) + offset)``.

    With an offset it is Platt's scaling (1999), without it temperature scaling (Guo et al., 2017)
    where the slope is one over the temperature. The slope is above 0.
    """

    slope: float
    offset: float = 0.0
    method: Method = Method.PLATT

    def apply(self, scores: Scores) -> Scores:
        """Map probabilities."""
        return np.asarray(sigmoid(self.slope * logit(scores) + self.offset))

    def as_dict(self) -> dict[str, Any]:
        """Return the map as JSON can hold it."""
        return {"method": self.method.value, "slope": self.slope, "offset": self.offset}


@dataclass(frozen=True, slots=True, kw_only=True)
class PiecewiseMap:
    """Straight lines between points, both coordinates strictly increasing from 0 to 1.

    Centred isotonic regression (Oron and Flournoy, 2017): isotonic regression whose flat pieces
    are drawn together to their centres, so that no two probabilities become one.
    """

    scores: tuple[float, ...]
    rates: tuple[float, ...]

    @property
    def method(self) -> Method:
        """What kind of map it is."""
        return Method.ISOTONIC

    def apply(self, scores: Scores) -> Scores:
        """Map probabilities."""
        return np.asarray(np.interp(scores, self.scores, self.rates), dtype=np.float64)

    def as_dict(self) -> dict[str, Any]:
        """Return the map as JSON can hold it."""
        return {
            "method": self.method.value,
            "scores": list(self.scores),
            "rates": list(self.rates),
        }


def read_map(table: dict[str, Any]) -> ProbabilityMap:
    """Read what ``as_dict`` wrote.

    Raises
    ------
    ValueError, KeyError
        When the table is not one of these maps.
    """
    match Method(table["method"]):
        case Method.NONE:
            return IdentityMap()
        case Method.ISOTONIC:
            return PiecewiseMap(scores=tuple(table["scores"]), rates=tuple(table["rates"]))
        case method:
            return LogisticMap(slope=table["slope"], offset=table["offset"], method=method)


def logit(scores: Scores) -> Scores:
    """Log odds; 0 and 1 are taken for a billionth less extreme."""
    inner = np.clip(scores, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(inner / (1 - inner)))


def sigmoid(values: Scores) -> Scores:
    """The inverse of `logit`."""
    return np.asarray(scipy.special.expit(values), dtype=np.float64)
