"""Keras' H5 files with the layer names of Keras Applications, as CheXNet's Keras ports publish."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ai_engine.errors import WeightImportError
from ai_engine.importing.names import keras_path
from ai_engine.importing.source import Array, Framework, SourceTensors

KERAS_EPSILON = 1.001e-5
"""What Keras Applications' DenseNets add to the variance (``epsilon=1.001e-5``)."""


def read_keras_h5(path: Path) -> SourceTensors:
    """Read weights, or a whole model, that Keras wrote as H5 with its layers' names.

    Raises
    ------
    WeightImportError
        If the file is missing, no H5, or holds no named layers, as Keras 3's ``.weights.h5``.
    """
    try:
        with h5py.File(path, "r") as file:
            layers = list(_layers(file))
    except (AttributeError, OSError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise WeightImportError(
            f"{path}: not a readable H5 file of Keras ({error}); download it again"
        ) from error
    if not layers:
        raise WeightImportError(
            f"{path}: holds no layers by name; save the model with model.save('name.h5') "
            "(Keras 3's .weights.h5 numbers its layers instead of naming them)"
        )
    head = _head(layers)
    return SourceTensors(
        framework=Framework.KERAS,
        tensors={f"{layer} ({weight})": value for layer, weight, value in layers},
        paths={
            f"{layer} ({weight})": keras_path(layer, weight, head=head)
            for layer, weight, _ in layers
        },
        epsilon=KERAS_EPSILON,
    )


def _layers(file: Any) -> Iterator[tuple[str, str, Array]]:
    """Layer, weight and values; a network nested as one layer is opened by its weights' names."""
    root = file.get("model_weights", file)
    for layer in _texts(root.attrs.get("layer_names", ())):
        weights = _texts(root[layer].attrs.get("weight_names", ()))
        nested = len({_owner(weight) for weight in weights}) > 1
        for weight in weights:
            name = _owner(weight).removeprefix(f"{layer}/") if nested else layer
            yield name, weight, _values(file, root[layer][weight])


def _values(file: Any, weight: Any) -> Array:
    """A weight's values; ValueError for one that lies in another file or fills the memory.

    H5 has links and storage in other files, and sizes that hold no bytes: weights have neither.
    """
    if not isinstance(weight, h5py.Dataset) or weight.file.filename != file.filename:
        raise ValueError("a weight is no data set of this file")
    if weight.external or weight.is_virtual:
        raise ValueError(f"{weight.name} keeps its values in another file")
    if weight.size is None or weight.size > file.id.get_filesize():
        raise ValueError(f"{weight.name} has more values than the file has bytes")
    return np.asarray(weight, dtype=np.float32)


def _owner(weight: str) -> str:
    """What stands before the last slash of a weight's name."""
    return weight.rpartition("/")[0]


def _head(layers: list[tuple[str, str, Array]]) -> str:
    """The last layer with a matrix: the dense layer at the end, whatever its name."""
    return next((layer for layer, _, value in reversed(layers) if value.ndim == 2), "")


def _texts(names: Any) -> list[str]:
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]
