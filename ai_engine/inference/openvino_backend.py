"""Serving on CPUs with OpenVINO."""

from enum import StrEnum
from pathlib import Path

import numpy as np
import openvino

from ai_engine.inference.backend import Activation, FloatArray
from ai_engine.inference.conversion import converted_model
from ai_engine.inference.openvino_branches import Looks, branches_of
from ai_engine.inference.openvino_compiled import Compiled, cpu_settings
from ai_engine.library.card import ModelCard


class Precision(StrEnum):
    """Precision of the arithmetic.

    AUTO is BF16 where the processor has it and the card states that it changes hardly anything, and
    F32 everywhere else.
    """

    F32 = "f32"
    BF16 = "bf16"
    AUTO = "auto"


class OpenVinoBackend:
    """A compiled model. Safe to call from several threads."""

    def __init__(
        self, model: Path, *, precision: Precision = Precision.F32, threads: int | None = None
    ) -> None:
        """Compile an IR file.

        Parameters
        ----------
        model
            The ``.xml`` file, its ``.bin`` beside it.
        precision
            What the arithmetic is done in; processors without BF16 do it in float32. AUTO is for
            `load`, which knows a card; here it is float32.
        threads
            How many threads one inference uses; None leaves it to OpenVINO (all cores).
        """
        self.precision = Precision.F32 if precision is Precision.AUTO else precision
        settings = cpu_settings(self.precision.value, threads)
        # Taken apart only where threads are counted: else one inference has all cores.
        is_plain = threads is None or self.precision is not Precision.F32
        apart = None if is_plain else branches_of(openvino.Core().read_model(str(model)))
        self._network = (
            Compiled(openvino.Core().read_model(str(model)), settings)
            if apart is None
            else Looks(apart, settings)
        )
        # The first look at a tensor's data sets up state of OpenVINO's binding. Two threads that do
        # it at once wait for each other for ever, one with the binding's lock and one with
        # Python's: so it is done here, before studies are analysed side by side.
        _ = openvino.Tensor(np.zeros(1, np.float32)).data

    @classmethod
    def load(
        cls,
        card: ModelCard,
        *,
        cache: Path,
        precision: Precision = Precision.F32,
        threads: int | None = None,
    ) -> "OpenVinoBackend":
        """Compile the model of a card, converting it into the cache first where needed."""
        if precision is Precision.AUTO and _takes_bf16(card):
            precision = Precision.BF16
        return cls(converted_model(card, cache), precision=precision, threads=threads)

    def predict(self, batch: FloatArray) -> Activation:
        """Run a batch: float32 (n, rows, columns, 1)."""
        probabilities, features, *_ = self._network.infer(
            np.ascontiguousarray(batch, dtype=np.float32)
        )
        return Activation(probabilities=probabilities, features=features)


def _takes_bf16(card: ModelCard) -> bool:
    """Whether bf16 was measured to change hardly anything, and the processor computes in it."""
    if card.bf16 is None or not card.bf16.is_harmless:
        return False
    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
