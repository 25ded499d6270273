"""Weights as safetensors: kernels in half precision unless asked for, the rest in single.

Tensors are named by the Keras variable's path (``stem_conv/kernel``).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from ai_engine.errors import ModelFolderError
from ai_engine.library.file_digest import digest
from ai_engine.library.names import put_in_place

WEIGHTS_FILE = "weights.safetensors"
"""What a trained model's weights are called in its folder."""

Tensors = Mapping[str, npt.NDArray[np.float32]]


def write_weights(path: Path, tensors: Tensors, *, exact: bool = False) -> str:
    """Write a weights file and return its digest; ``exact`` keeps kernels in single precision."""
    halved = {
        name: value.astype(np.float16 if value.ndim > 1 and not exact else np.float32)
        for name, value in tensors.items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with put_in_place(path) as draft:
        save_file(halved, draft, metadata={"format": "keras-paths"})
    return digest(path)


def read_weights(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    """Read a weights file as float32 tensors by name.

    Raises
    ------
    ModelFolderError
        If the file is missing or not safetensors.
    """
    try:
        return {name: value.astype(np.float32) for name, value in load_file(path).items()}
    except (SafetensorError, FileNotFoundError) as error:
        raise ModelFolderError(
            f"{path}: not a readable safetensors file ({error}); restore it"
        ) from error


def model_tensors(model: Any) -> dict[str, npt.NDArray[np.float32]]:
    """All variables of a Keras model by path."""
    return {
        variable.path: np.asarray(variable.numpy(), dtype=np.float32)
        for variable in model.weights
        if "seed" not in variable.path
    }


def assign_weights(model: Any, tensors: Tensors, *, source: Path) -> None:
    """Put tensors into a Keras model of the same shape.

    Raises
    ------
    ModelFolderError
        If a tensor is missing, left over or of another shape; ``source`` is named in the message.
    """
    variables = {variable.path: variable for variable in model.weights}
    for name in variables.keys() ^ tensors.keys():
        fault = "lacks" if name in variables else "holds the unknown"
        raise ModelFolderError(
            f"{source}: {fault} tensor {name!r}; it belongs to another architecture than "
            "its card names: import or train the model again"
        )
    for name, variable in variables.items():
        if tuple(variable.shape) != tensors[name].shape:
            raise ModelFolderError(
                f"{source}: tensor {name!r} has shape {tensors[name].shape}, the architecture "
                f"needs {tuple(variable.shape)}; check the labels in its card"
            )
        variable.assign(tensors[name])
