"""How one label is decided: the map of its probability, and the threshold."""

from dataclasses import dataclass, field

import numpy as np

from ai_engine.calibration.probability import IdentityMap, ProbabilityMap


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingPoint:
    """A probability map with a threshold on the model's own probability.

    Maps are strictly increasing, so it does not matter to the decision whether the threshold is
    held against a probability before or after the map; people see both after it. ``uncertain`` are
    the model's own probabilities between which other validated cases would have led to another
    decision; None where nothing tells.
    """

    score_threshold: float
    probability_map: ProbabilityMap = field(default_factory=IdentityMap)
    uncertain: tuple[float, float] | None = None

    @property
    def threshold(self) -> float:
        """The threshold on the mapped probability."""
        return self.probability(self.score_threshold)

    @property
    def band(self) -> tuple[float, float] | None:
        """The mapped probabilities between which a result is uncertain."""
        return self.uncertain and (
            self.probability(self.uncertain[0]),
            self.probability(self.uncertain[1]),
        )

    def probability(self, score: float) -> float:
        """Map the model's own probability."""
        return float(self.probability_map.apply(np.array([score], dtype=np.float64))[0])
