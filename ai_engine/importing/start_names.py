"""Other programs' names of the layers of ResNet-50, Xception and VGG16, as Keras' own.

This engine builds the three by Keras Applications, whose names are its own. PyTorch's names are
torchvision's (ResNet-50, VGG16) and those of Cadene's and timm's Xception. Pure functions on names;
None means that a tensor has no place in the network.

torchvision's ResNet-50 halves the image in the 3 x 3 convolution of a block, Keras' in the 1 x 1
one before it: the tensors fit, and are a start, not the same function.
"""

import re
from collections.abc import Callable, Iterable, Mapping

_PARTS = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}
_KERAS_PARTS = frozenset(
    {"kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance"}
    | {"depthwise_kernel", "pointwise_kernel"}
)
_WRAPPERS = re.compile(r"^((module|model|encoder|backbone|net)\.)+")
_RESNET = re.compile(r"layer([1-4])\.(\d+)\.(conv|bn|downsample\.)(\d)\.(\w+)")
_NUMBERED = re.compile(r"(conv2d|batch_normalization)(?:_(\d+))?")
_XCEPTION_REP = re.compile(r"block(\d+)\.rep\.(\d+)\.(?:(conv1|pointwise)\.)?(\w+)")
_XCEPTION_SKIP = re.compile(r"block(\d+)\.skip(bn)?\.(\w+)")
_XCEPTION_EDGE = re.compile(r"(conv|bn)([1-4])\.(?:(conv1|pointwise)\.)?(\w+)")
_EXIT = "block14"
_SKIPS = {1: 0, 2: 1, 3: 2, 12: 3}
"""Xception's blocks with a convolution beside them, numbered as Keras numbers it."""

VGG16_LAYERS = {
    at: f"block{block}_conv{index}"
    for at, (block, index) in zip(
        (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28),
        [(block, index) for block, count in ((1, 2), (2, 2), (3, 3), (4, 3), (5, 3))
         for index in range(1, count + 1)],
        strict=True,
    )
}  # fmt: skip
"""torchvision's ``features.N`` of VGG16 without batch normalisation."""


def keras_paths(names: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Paths of Keras' layers and weights, layers without a name of their own numbered anew.

    Keras counts ``conv2d`` through a process, so a file may have ``conv2d_5`` to ``conv2d_8``.
    """
    known = [(layer, weight) for layer, weight in names if _part(weight) in _KERAS_PARTS]
    anew = _numbered({layer for layer, _ in known})
    return {(layer, weight): f"{anew.get(layer, layer)}/{_part(weight)}" for layer, weight in known}


def resnet50_path(name: str) -> str | None:
    """torchvision's names: ``layer1.0.conv1.weight``, ``layer1.0.downsample.0.weight``."""
    name = _WRAPPERS.sub("", name)
    if found := _RESNET.fullmatch(name):
        stage, block, kind, number, part = found.groups()
        place = f"conv{int(stage) + 1}_block{int(block) + 1}"
        if kind == "downsample.":
            return _torch_part(f"{place}_0_{'conv' if number == '0' else 'bn'}", part)
        return _torch_part(f"{place}_{number}_{kind}", part)
    layer, _, part = name.rpartition(".")
    edges = {"conv1": "conv1_conv", "bn1": "conv1_bn"}
    return _torch_part(edges[layer], part) if layer in edges else None


def vgg16_path(name: str) -> str | None:
    """torchvision's names: ``features.0.weight``."""
    name = _WRAPPERS.sub("", name)
    parts = name.split(".")
    if len(parts) != 3 or parts[0] != "features" or not parts[1].isdigit():
        return None
    layer = VGG16_LAYERS.get(int(parts[1]))
    part = {"weight": "kernel", "bias": "bias"}.get(parts[2])
    return f"{layer}/{part}" if layer and part else None


def xception_paths(names: Iterable[str]) -> dict[str, str]:
    """Cadene's and timm's names: what a block repeats is numbered with its rectifiers.

    ``block2.rep.1.conv1.weight`` is the first separable convolution of Keras' ``block3``.
    """
    plain = {name: _WRAPPERS.sub("", name) for name in names}
    places = _places(plain.values())
    found = {}
    for name, short in plain.items():
        if path := _xception_path(short, places):
            found[name] = path
    return found


def _xception_path(name: str, places: Mapping[tuple[int, int], tuple[str, int]]) -> str | None:
    if repeated := _XCEPTION_REP.fullmatch(name):
        block, index, of_separable, part = repeated.groups()
        kind, number = places[int(block), int(index)]
        return _xception_part(f"block{int(block) + 1}_sepconv{number}", kind, of_separable, part)
    if beside := _XCEPTION_SKIP.fullmatch(name):
        block, is_bn, part = beside.groups()
        return _xception_skip(int(block), bool(is_bn), part)
    if edge := _XCEPTION_EDGE.fullmatch(name):
        kind, place, of_separable, part = edge.groups()
        at_entry = place in {"1", "2"}
        layer = f"block1_conv{place}" if at_entry else f"{_EXIT}_sepconv{int(place) - 2}"
        return _xception_part(layer, kind, of_separable, part)
    return None


def _xception_part(layer: str, kind: str, of_separable: str | None, part: str) -> str | None:
    """A weight of a convolution, of half of a separable one, or of the normalisation after it."""
    if kind == "bn":
        return f"{layer}_bn/{_PARTS[part]}" if part in _PARTS else None
    if of_separable:
        return f"{layer}/{'depthwise_kernel' if of_separable == 'conv1' else 'pointwise_kernel'}"
    return f"{layer}/kernel" if part == "weight" else None


def _xception_skip(block: int, is_bn: bool, part: str) -> str | None:
    number = _SKIPS.get(block)
    if number is None or part not in _PARTS:
        return None
    kind = "batch_normalization" if is_bn else "conv2d"
    return f"{kind}{f'_{number}' if number else ''}/{_PARTS[part] if is_bn else 'kernel'}"


def _places(names: Iterable[str]) -> dict[tuple[int, int], tuple[str, int]]:
    """What stands at a number of a block: a convolution or a normalisation, and which of them."""
    kinds: dict[tuple[int, int], str] = {}
    for name in names:
        if found := _XCEPTION_REP.fullmatch(name):
            block, index, of_separable, _ = found.groups()
            kinds[int(block), int(index)] = "conv" if of_separable else "bn"
    counts: dict[tuple[int, str], int] = {}
    placed = {}
    for block, index in sorted(kinds):
        kind = kinds[block, index]
        counts[block, kind] = counts.get((block, kind), 0) + 1
        placed[block, index] = kind, counts[block, kind]
    return placed


def _torch_part(layer: str, part: str) -> str | None:
    if layer.endswith("conv"):
        return {"weight": f"{layer}/kernel", "bias": f"{layer}/bias"}.get(part)
    return f"{layer}/{_PARTS[part]}" if part in _PARTS else None


def _numbered(layers: set[str]) -> dict[str, str]:
    anew = {}
    for kind in ("conv2d", "batch_normalization"):
        numbers = sorted(
            int(found[2] or 0)
            for layer in layers
            if (found := _NUMBERED.fullmatch(layer)) and found[1] == kind
        )
        for at, number in enumerate(numbers):
            old = f"{kind}_{number}" if number else kind
            anew[old] = f"{kind}_{at}" if at else kind
    return anew


def _part(weight: str) -> str:
    return weight.rsplit("/", maxsplit=1)[-1].split(":", maxsplit=1)[0]


TorchPaths = Callable[[Iterable[str]], dict[str, str]]


def each_by(path: Callable[[str], str | None]) -> TorchPaths:
    """Paths of names that are translated one by one."""
    return lambda names: {name: found for name in names if (found := path(name)) is not None}


TORCH_PATHS: Mapping[str, TorchPaths] = {
    "resnet50": each_by(resnet50_path),
    "vgg16": each_by(vgg16_path),
    "xception": xception_paths,
}
"""By the network, how PyTorch's names of it are translated."""
