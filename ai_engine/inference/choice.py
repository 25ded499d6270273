"""Which back end runs the classifiers: OpenVINO unless somebody chose another one."""

from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from pathlib import Path

from ai_engine.errors import BackendError
from ai_engine.inference.backend import Backend
from ai_engine.inference.openvino_backend import OpenVinoBackend, Precision
from ai_engine.inference.serving_backend import ServingBackend
from ai_engine.library.card import ModelCard


class BackendName(StrEnum):
    """The back ends, as settings name them."""

    OPENVINO = "openvino"
    TENSORFLOW = "tensorflow"
    TENSORFLOW_SERVING = "tensorflow-serving"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendChoice:
    """A back end with what it needs: OpenVINO a precision, TensorFlow Serving an address."""

    name: BackendName = BackendName.OPENVINO
    precision: Precision = Precision.F32
    serving_url: str = ""


DEFAULT = BackendChoice()


def open_backend(
    card: ModelCard, choice: BackendChoice, *, cache: Path, threads: int | None = None
) -> Backend:
    """Open the model of a card on the back end that was chosen.

    Raises
    ------
    ModelFolderError
        If the model is damaged.
    BackendError
        If the back end isn't installed, can't be reached, or can't run the model.
    """
    match choice.name:
        case BackendName.OPENVINO:
            return OpenVinoBackend.load(
                card, cache=cache, precision=choice.precision, threads=threads
            )
        case BackendName.TENSORFLOW:
            return _on_tensorflow(card)
        case BackendName.TENSORFLOW_SERVING:
            return ServingBackend.load(card, url=choice.serving_url)


def _on_tensorflow(card: ModelCard) -> Backend:
    """Import TensorFlow only for who chose it: it costs seconds, and serving does without."""
    try:
        module = import_module("ai_engine.inference.tensorflow_backend")
    except ImportError as error:
        raise BackendError(
            f"TensorFlow can't be loaded ({error}): install dicom-node[train], or choose openvino "
            "as inference.backend"
        ) from error
    backend: Backend = module.TensorFlowBackend.load(card)
    return backend
