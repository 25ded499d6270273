"""What a model said of the images of a data set's split: the material of measures and plots."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ai_engine.datasets.cxr import CxrItem


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ScoredSplit:
    """Items of a split and the model's probabilities, float64 (items, labels)."""

    items: tuple[CxrItem, ...]
    labels: tuple[str, ...]
    probabilities: npt.NDArray[np.float64]

    def scores(self, label: str) -> npt.NDArray[np.float64]:
        """Probabilities of one label, in the items' order."""
        return self.probabilities[:, self.labels.index(label)]

    def truth(self, label: str) -> npt.NDArray[np.bool_]:
        """Whether each item has the label."""
        return np.array([label in item.labels for item in self.items])

    def known(self, label: str) -> npt.NDArray[np.bool_]:
        """Whether somebody decided on the label for each item."""
        return np.array([label not in item.uncertain for item in self.items], dtype=np.bool_)

    @property
    def patients(self) -> tuple[str, ...]:
        """Patient of each item."""
        return tuple(item.patient_id for item in self.items)


@dataclass(frozen=True, slots=True, kw_only=True)
class PointingResult:
    """How many images' peaks lie in a box, how many points drawn at random would on average, and
    how many of all drawn boxes are hit by a marked one.
    """

    boxes: int
    hits: int
    expected_by_chance: float
    boxes_drawn: int = 0
    boxes_hit: int = 0
