"""Any network on any back end: named tensors in, named tensors out.

`ai_engine.inference.backend.Backend` is the narrower view that classifiers with a heat map have.
"""

from collections.abc import Collection, Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ai_engine.errors import BackendError

FloatArray = npt.NDArray[np.float32]

Tensors = Mapping[str, FloatArray]
"""Tensors by name; the first axis of each counts the cases of the batch."""


class Network(Protocol):
    """Runs one network. Safe to call from several threads."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs, in the network's order."""
        ...

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the outputs, in the network's order."""
        ...

    def run(self, inputs: Tensors) -> Tensors:
        """Run a batch.

        Raises
        ------
        BackendError
            If the inputs aren't the network's, or the back end fails.
        """
        ...


def require_inputs(inputs: Tensors, taken: Collection[str]) -> None:
    """Raise BackendError if a batch's tensors aren't those that a network takes."""
    if set(inputs) != set(taken):
        raise BackendError(f"the network takes {', '.join(taken)}, not {', '.join(sorted(inputs))}")
