"""Keras' own DenseNet-121 comes through its H5 file into the engine's network unchanged."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ai_engine.importing.convert import convert_densenet121
from ai_engine.importing.keras_h5 import read_keras_h5
from ai_engine.importing.layout import densenet121_shapes
from ai_engine.library.weights_file import assign_weights

keras = pytest.importorskip("keras")
pytest.importorskip("tensorflow")

LABELS = 14


@pytest.fixture(scope="module")
def original() -> Any:
    """As CheXNet's Keras ports build it: Keras Applications, a dense layer of 14 on top."""
    model = keras.applications.DenseNet121(
        weights=None, input_shape=(64, 64, 3), classes=LABELS, classifier_activation="sigmoid"
    )
    rng = np.random.default_rng(4)
    for variable in model.weights:
        if len(variable.shape) == 1:
            low = 0.7 if variable.name in {"gamma", "moving_variance"} else -0.2
            variable.assign(rng.uniform(low, low + 0.5, variable.shape))
    return model


@pytest.fixture(scope="module")
def ours() -> Any:
    from ai_engine.models.densenet import build_densenet121  # noqa: PLC0415

    return build_densenet121(labels=LABELS, size=64)


def write_h5(model: Any, path: Path, *, old_names: bool) -> None:
    """Keras 2's layout: names of layers and weights as attributes, weights in their groups."""
    with h5py.File(path, "w") as file:
        layers = [layer for layer in model.layers if layer.weights]
        names = {
            layer.name: layer.name.replace("conv1_", "conv1/", 1)
            if old_names and layer.name in {"conv1_conv", "conv1_bn"}
            else layer.name
            for layer in layers
        }
        file.attrs["layer_names"] = [name.encode() for name in names.values()]
        for layer in layers:
            group = file.create_group(names[layer.name])
            weights = [f"{names[layer.name]}/{weight.name}:0" for weight in layer.weights]
            group.attrs["weight_names"] = [name.encode() for name in weights]
            for name, weight in zip(weights, layer.weights, strict=True):
                group[name] = np.asarray(weight)


def test_the_layout_is_that_of_the_network(ours: Any) -> None:
    shapes = {variable.path: tuple(variable.shape) for variable in ours.weights}
    assert densenet121_shapes(labels=LABELS) == shapes


# Keras reads TensorFlow's tensors in a way that NumPy will give up.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("written", ["by Keras 3", "by Keras 2", "by Keras 2 before 2021"])
def test_a_keras_file_gives_the_same_answers(
    original: Any, ours: Any, tmp_path: Path, written: str
) -> None:
    path = tmp_path / "weights.h5"
    if written == "by Keras 3":
        original.save(path)
    else:
        write_h5(original, path, old_names=written.endswith("2021"))
    tensors = convert_densenet121(read_keras_h5(path), file=path, labels=LABELS)
    assign_weights(ours, tensors, source=path)
    images = np.random.default_rng(6).standard_normal((2, 64, 64, 1), dtype=np.float32)
    expected = np.asarray(original(np.repeat(images, 3, axis=-1), training=False))
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(ours(images, training=False)[0], expected, atol=1e-5)
