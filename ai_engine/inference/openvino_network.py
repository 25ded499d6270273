"""Any network on a CPU with OpenVINO."""

from pathlib import Path

import numpy as np
import openvino

from ai_engine.inference.network import Tensors, require_inputs
from ai_engine.inference.openvino_compiled import Compiled, cpu_settings


class OpenVinoNetwork:
    """A compiled network. Safe to call from several threads."""

    def __init__(self, model: Path, *, threads: int | None = None) -> None:
        """Compile an IR file; ``threads`` is for one inference, None uses all cores."""
        read = openvino.Core().read_model(str(model))
        # As the file has them: compiling joins the names of tensors that it makes one of.
        self._inputs = tuple(port.any_name for port in read.inputs)
        self._outputs = tuple(_name(port, at) for at, port in enumerate(read.outputs))
        self._compiled = Compiled(read, cpu_settings("f32", threads))

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs, in the network's order."""
        return self._inputs

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the outputs, in the network's order; unnamed ones are numbered."""
        return self._outputs

    def run(self, inputs: Tensors) -> Tensors:
        """Run a batch.

        Raises
        ------
        BackendError
            If the inputs aren't the network's.
        """
        require_inputs(inputs, self._inputs)
        values = [np.ascontiguousarray(inputs[name], dtype=np.float32) for name in self._inputs]
        return dict(zip(self._outputs, self._compiled.infer(*values), strict=True))


def _name(port: "openvino.Output", at: int) -> str:
    names = port.get_names()
    return str(min(names)) if names else f"output_{at}"
