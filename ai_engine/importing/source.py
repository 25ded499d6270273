"""What a reader of foreign weights hands over."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


class Framework(StrEnum):
    """Who wrote the tensors, which decides the order of their axes."""

    KERAS = "Keras"
    PYTORCH = "PyTorch"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SourceTensors:
    """The tensors of a file under their own names, and where each belongs.

    ``paths`` holds this engine's path for each name, or None where the tensor has no place.
    ``epsilon`` is the constant of the file's batch normalisation. ``thresholds`` are operating
    points that came with the weights, NaN where there is none.
    """

    framework: Framework
    tensors: Mapping[str, Array]
    paths: Mapping[str, str | None]
    epsilon: float
    thresholds: tuple[float, ...] | None = None
