"""What every inference back end can do."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Activation:
    """A network's two outputs (paper 1, section IV).

    ``probabilities`` is float32 (n, labels); ``features``, the last feature map, is float32
    (n, h, w, channels).
    """

    probabilities: FloatArray
    features: FloatArray


class Backend(Protocol):
    """Runs one model. Safe to call from several threads."""

    def predict(self, batch: FloatArray) -> Activation:
        """Run a batch: float32 (n, rows, columns, 1)."""
        ...
