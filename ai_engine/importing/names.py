"""Other programs' names of DenseNet-121's tensors, translated into this engine's paths.

Pure functions on strings; None means that a tensor has no place in the network.
"""

import re

_KERAS_LAYERS = {
    "conv1/conv": "stem_conv",
    "conv1_conv": "stem_conv",
    "conv1/bn": "stem_bn",
    "conv1_bn": "stem_bn",
    "bn": "features_bn",
}
"""Keras Applications' names before and after 2021; all other convolutions are named as ours."""

_KERAS_SAME = re.compile(r"(conv[2-5]_block\d+_[012]_(bn|conv)|pool[2-4]_(bn|conv))")
_KERAS_PARTS = frozenset({"kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance"})

_TORCH_PARTS = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}
_TORCH_WRAPPERS = re.compile(r"^((module|model|densenet121|net)\.)+")
_TORCH_DENSE = re.compile(
    r"features\.denseblock(\d+)\.denselayer(\d+)\.(norm|conv)\.?([12])\.(\w+)"
)
_TORCH_TRANSITION = re.compile(r"features\.transition(\d+)\.(norm|conv)\.(\w+)")
_TORCH_EDGES = {
    "features.conv0": "stem_conv",
    "features.norm0": "stem_bn",
    "features.norm5": "features_bn",
}
_TORCH_CLASSIFIER = re.compile(r"classifier(\.0)?\.(weight|bias)")


def keras_path(layer: str, weight: str, *, head: str) -> str | None:
    """Translate Keras Applications' names.

    Parameters
    ----------
    layer
        Name of the layer: ``conv1/conv``, ``conv2_block1_0_bn``, ``predictions``…
    weight
        Name of its weight with any prefix and suffix: ``conv1/conv/kernel:0``.
    head
        Name of the dense layer at the end, which people choose freely.
    """
    part = weight.rsplit("/", maxsplit=1)[-1].split(":", maxsplit=1)[0]
    if part not in _KERAS_PARTS:
        return None
    if layer == head:
        return f"head/{part}"
    if layer in _KERAS_LAYERS:
        return f"{_KERAS_LAYERS[layer]}/{part}"
    return f"{layer}/{part}" if _KERAS_SAME.fullmatch(layer) else None


def torch_path(name: str) -> str | None:
    """Translate a name of torchvision's or torchxrayvision's DenseNet-121.

    Wrappers (``module.``, ``densenet121.``) are dropped; ``norm.1`` is how torchvision named
    ``norm1`` before 2018; ``classifier.0`` is CheXNet's, whose head is a sequence.
    """
    name = _TORCH_WRAPPERS.sub("", name)
    if found := _TORCH_DENSE.fullmatch(name):
        block, index, kind, number, part = found.groups()
        # The first normalisation is layer 0 here and in Keras, the convolutions are 1 and 2.
        place = f"conv{int(block) + 1}_block{index}"
        layer = f"{place}_{int(number) - 1}_bn" if kind == "norm" else f"{place}_{number}_conv"
        return _torch_part(layer, part)
    if found := _TORCH_TRANSITION.fullmatch(name):
        index, kind, part = found.groups()
        suffix = "bn" if kind == "norm" else "conv"
        return _torch_part(f"pool{int(index) + 1}_{suffix}", part)
    if found := _TORCH_CLASSIFIER.fullmatch(name):
        return "head/kernel" if found[2] == "weight" else "head/bias"
    layer, _, part = name.rpartition(".")
    return _torch_part(_TORCH_EDGES[layer], part) if layer in _TORCH_EDGES else None


def _torch_part(layer: str, part: str) -> str | None:
    if layer.endswith("_conv"):
        return f"{layer}/kernel" if part == "weight" else None
    return f"{layer}/{_TORCH_PARTS[part]}" if part in _TORCH_PARTS else None
