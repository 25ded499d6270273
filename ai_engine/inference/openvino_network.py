"""Any network on a CPU with OpenVINO."""

import threading
from pathlib import Path

import numpy as np
import openvino

from ai_engine.inference.network import FloatArray, Tensors, require_inputs


class OpenVinoNetwork:
    """A compiled network; every calling thread gets an inference request of its own."""

    def __init__(self, model: Path, *, threads: int | None = None) -> None:
        """Compile an IR file; ``threads`` is for one inference, None uses all cores."""
        settings: dict[str, object] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",
        }
        if threads is not None:
            settings["INFERENCE_NUM_THREADS"] = threads
        core = openvino.Core()
        read = core.read_model(str(model))
        # As the file has them: compiling joins the names of tensors that it makes one of.
        self._inputs = tuple(port.any_name for port in read.inputs)
        self._outputs = tuple(_name(port, at) for at, port in enumerate(read.outputs))
        self._compiled = core.compile_model(read, "CPU", settings)
        self._local = threading.local()

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
        if not hasattr(self._local, "request"):
            self._local.request = self._compiled.create_infer_request()
        values = {
            name: np.ascontiguousarray(value, dtype=np.float32) for name, value in inputs.items()
        }
        results = self._local.request.infer(values)
        # Copies: the request's own tensors are overwritten by the thread's next inference.
        made: dict[str, FloatArray] = {
            name: results[at].copy() for at, name in enumerate(self._outputs)
        }
        return made


def _name(port: "openvino.Output", at: int) -> str:
    names = port.get_names()
    return str(min(names)) if names else f"output_{at}"
