"""From foreign tensors to those of the engine's DenseNet-121: names, axes, channels, shapes."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ai_engine.errors import WeightImportError
from ai_engine.importing.layout import STEM_KERNEL, densenet121_shapes
from ai_engine.importing.source import Array, Framework, SourceTensors

EPSILON = 1e-5
"""What this engine's batch normalisation adds to the variance."""

FEATURES = 1024


def convert_densenet121(
    source: SourceTensors, *, file: Path, labels: int, input_scale: float = 1.0
) -> dict[str, Array]:
    """Bring foreign weights into the shape of `ai_engine.models.densenet.build_densenet121`.

    Parameters
    ----------
    source
        What a reader found in ``file``, which errors name.
    labels
        Units that the head must have.
    input_scale
        How many units of the foreign network's input are one of ours. It goes into the first
        convolution, so the result takes our input; without an offset that is exact.

    Returns
    -------
    dict
        Float32 tensors by path, for one input channel. A first convolution of three channels is
        summed over them, which is exact where the three held the same image.

    Raises
    ------
    WeightImportError
        If a tensor is missing, left over, there twice, or of another shape.
    """
    _require_complete(source, file)
    found: dict[str, Array] = {}
    for name, path in source.paths.items():
        if path is not None:
            found[path] = _our_axes(source.tensors[name], source.framework)
    channels = found[STEM_KERNEL].shape[2] if found[STEM_KERNEL].ndim == 4 else 0
    _require_shapes(found, source, file, labels, channels)
    return _adapted(found, source.epsilon, input_scale)


def _adapted(tensors: Mapping[str, Array], epsilon: float, input_scale: float) -> dict[str, Array]:
    """One input channel, our input's scale, and our constant in the normalisation."""
    result = {
        path: value + np.float32(epsilon - EPSILON) if path.endswith("moving_variance") else value
        for path, value in tensors.items()
    }
    kernel = result[STEM_KERNEL].sum(axis=2, keepdims=True)
    result[STEM_KERNEL] = kernel * np.float32(input_scale)
    return {path: np.ascontiguousarray(value) for path, value in result.items()}


def _our_axes(value: Array, framework: Framework) -> Array:
    """PyTorch has filters first: (filters, channels, rows, columns) and (units, inputs)."""
    if framework is Framework.KERAS:
        return value
    if value.ndim == 4:
        return value.transpose(2, 3, 1, 0)
    return value.T if value.ndim == 2 else value


def _require_complete(source: SourceTensors, file: Path) -> None:
    expected = densenet121_shapes(labels=1)
    paths = [path for path in source.paths.values() if path is not None]
    strangers = [name for name, path in source.paths.items() if path not in expected]
    missing = [path for path in expected if path not in paths]
    twice = [path for path in expected if paths.count(path) > 1]
    for fault, names in (
        ("lacks", missing),
        ("holds more than one tensor for", twice),
        ("holds tensors that DenseNet-121 has no place for:", strangers),
    ):
        if names:
            shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if names[5:] else "")
            raise WeightImportError(
                f"{file}: {fault} {shown}; only DenseNet-121 with one linear head can be imported"
            )


def _require_shapes(
    found: Mapping[str, Array], source: SourceTensors, file: Path, labels: int, channels: int
) -> None:
    # Photographs' three channels or one; anything else is no image that we could make.
    allowed = channels if channels in {1, 3} else 1
    names = {path: name for name, path in source.paths.items() if path is not None}
    for path, shape in densenet121_shapes(labels=labels, input_channels=allowed).items():
        if found[path].shape != shape:
            advice = "check the list of labels" if path.startswith("head/") else "another network?"
            raise WeightImportError(
                f"{file}: layer {path}, from {names[path]}, has shape {found[path].shape}, "
                f"expected {shape} (rows, columns, inputs, outputs); {advice}"
            )
