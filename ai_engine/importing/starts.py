"""Weights of a file as those of a network of Keras Applications: names, axes, what is left out.

Heads of photographs' classes are not taken over. What is there must be all of the network below
them: a start of which half is missing would be noise that nobody hears of.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ai_engine.errors import WeightImportError
from ai_engine.importing.source import Array, Framework, SourceTensors
from ai_engine.importing.start_names import TORCH_PATHS, VGG16_LAYERS, keras_paths

LAYERS: Mapping[str, int] = {"resnet50": 53, "vgg16": len(VGG16_LAYERS), "xception": 40}
"""Convolutions below the head of each network; a separable one counts once."""

TITLES = {"resnet50": "ResNet-50", "vgg16": "VGG16", "xception": "Xception"}

ONE_CHANNEL = {"resnet50": "conv1_conv/kernel"}
"""First convolutions that take a grey image here; the others see it three times over."""

_KERAS_NAME = re.compile(r"(.+) \((.+)\)")
_HEADS = re.compile(r"^(predictions|fc\d*|head|classifier|block6)\b")
_KERNELS = ("/kernel", "/depthwise_kernel")


def start_tensors(source: SourceTensors, network: str, *, file: Path) -> dict[str, Array]:
    """The weights of a file by this engine's paths, without the head.

    Parameters
    ----------
    network
        A key of `LAYERS`.

    Raises
    ------
    WeightImportError
        If the file is of another network, or lacks layers of this one.
    """
    found = _by_path(source, network)
    kernels = {path.rpartition("/")[0] for path in found if path.endswith(_KERNELS)}
    if len(kernels) != LAYERS[network]:
        names = ", ".join(list(source.tensors)[:3])
        raise WeightImportError(
            f"{file}: has {len(kernels)} of the {LAYERS[network]} convolutions of "
            f"{TITLES[network]}, by the names of Keras Applications or PyTorch (it begins with "
            f"{names}); give another file, or leave --start-from out"
        )
    if network in ONE_CHANNEL:
        first = ONE_CHANNEL[network]
        found[first] = found[first].sum(axis=2, keepdims=True)
    if network == "resnet50":  # torchvision's convolutions have no bias, Keras' have
        found = _biases(found) | found
    return {path: np.ascontiguousarray(value) for path, value in found.items()}


def _by_path(source: SourceTensors, network: str) -> dict[str, Array]:
    if source.framework is Framework.KERAS:
        pairs = {name: _KERAS_NAME.fullmatch(name) for name in source.tensors}
        names = {(each[1], each[2]): name for name, each in pairs.items() if each}
        paths = keras_paths(names)
        tensors = {path: source.tensors[names[pair]] for pair, path in paths.items()}
        return {path: value for path, value in tensors.items() if not _HEADS.match(path)}
    if all("/" in name for name in source.tensors):  # this engine's own files
        return {name: each for name, each in source.tensors.items() if not _HEADS.match(name)}
    torch = TORCH_PATHS[network](source.tensors)
    return {path: _turned(source.tensors[name], path) for name, path in torch.items()}


def _turned(value: Array, path: str) -> Array:
    """PyTorch has filters first; a filter for each channel has its one input channel second."""
    if value.ndim != 4:
        return value
    depthwise = path.endswith("depthwise_kernel")
    return value.transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))


def _biases(tensors: Mapping[str, Array]) -> dict[str, Array]:
    return {
        path.replace("/kernel", "/bias"): np.zeros(value.shape[-1], np.float32)
        for path, value in tensors.items()
        if path.endswith("_conv/kernel")
    }
