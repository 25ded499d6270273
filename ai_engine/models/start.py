"""One network's weights as the start of another's training: which tensors mean the same."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Tensors = Mapping[str, npt.NDArray[np.float32]]
"""Weights by path."""

HEADS = ("head/", "frontal_head/", "lateral_head/")
"""Where the paths of heads begin, whose outputs are labels."""


def fitting(
    source: npt.NDArray[np.float32] | None, tensor: npt.NDArray[np.float32], name: str
) -> npt.NDArray[np.float32]:
    """A tensor's counterpart in another network.

    The first convolution may take other channels: those of both are taken over, the radiograph's
    first, and what only ``tensor`` has starts at zero, so it changes nothing at first.

    Raises
    ------
    ValueError
        If there is none, or it has another shape.
    """
    if source is None:
        raise ValueError(f"it has no tensor {name}")
    if source.shape == tensor.shape:
        return source
    if name.endswith("stem_conv/kernel") and source[:, :, 0].shape == tensor[:, :, 0].shape:
        both = min(source.shape[2], tensor.shape[2])
        widened = np.zeros_like(tensor)
        widened[:, :, :both] = source[:, :, :both]
        return widened
    raise ValueError(
        f"its tensor {name} has the shape {source.shape}, the recipe needs {tensor.shape}"
    )


def with_encoder(given: Tensors, fresh: Tensors) -> dict[str, npt.NDArray[np.float32]]:
    """A U-Net's encoder from the classifier whose stages it is, below a decoder from noise."""
    return {
        path: fitting(given[path], tensor, path)
        if path in given and not path.startswith(HEADS)
        else tensor
        for path, tensor in fresh.items()
    }


def with_lungs(given: Tensors, fresh: Tensors) -> dict[str, npt.NDArray[np.float32]]:
    """A classifier as a whole, head and all, below fresh weights that say where lungs are.

    Raises
    ------
    ValueError
        If anything of it is missing, or has another shape.
    """
    return {
        path: tensor if path.startswith("lungs/") else fitting(given.get(path), tensor, path)
        for path, tensor in fresh.items()
    }
