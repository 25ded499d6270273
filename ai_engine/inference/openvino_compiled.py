"""A network that OpenVINO has compiled for processors."""

import threading
from collections.abc import Mapping

import openvino

from ai_engine.inference.backend import FloatArray

Settings = Mapping[str, object]


def cpu_settings(precision: str, threads: int | None) -> Settings:
    """Settings of a network that answers one question at a time.

    Parameters
    ----------
    precision
        What the arithmetic is done in: ``f32`` or ``bf16``.
    threads
        How many threads one inference uses; None leaves it to OpenVINO (all cores, each thread held
        to one). Where they are counted others compute beside them, and no thread is held to a core:
        OpenVINO would hold those of every network, and of every process, to the same first ones.
    """
    settings: dict[str, object] = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": precision,
    }
    if threads is not None:
        settings |= {"INFERENCE_NUM_THREADS": threads, "ENABLE_CPU_PINNING": False}
    return settings


class Compiled:
    """A compiled network; every calling thread gets an inference request of its own."""

    def __init__(self, model: openvino.Model, settings: Settings) -> None:
        self._compiled = openvino.Core().compile_model(model, "CPU", dict(settings))
        self._local = threading.local()

    def infer(self, *inputs: FloatArray) -> tuple[FloatArray, ...]:
        """Run a batch and return the outputs, in the network's order."""
        if not hasattr(self._local, "request"):
            self._local.request = self._compiled.create_infer_request()
        results = self._local.request.infer(list(inputs))
        # Copies: the request's own tensors are overwritten by the thread's next inference.
        return tuple(results[at].copy() for at in range(len(self._compiled.outputs)))
