"""Write an untrained model's weights: ``python -m ai_engine.kinds.random_weights …``.

The arguments are architecture, number of labels, input size, seed and target file.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ai_engine.inference.keras_process import run_on_openvino_keras
from ai_engine.library.card import ModelCard
from ai_engine.library.file_digest import digest
from ai_engine.library.weights_file import write_weights
from ai_engine.models.catalogue import build


def write_random_weights(card: ModelCard, target: Path, *, seed: int) -> str:
    """Write fresh weights for a card's architecture and return their digest.

    Raises
    ------
    BackendError
        If the process that makes them fails.
    """
    words = (card.architecture, str(len(card.labels)), str(card.input_size), str(seed))
    run_on_openvino_keras("ai_engine.kinds.random_weights", *words, str(target))
    return digest(target)


def random_tensor(variable: Any, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """He's normal distribution for kernels, the neutral value for vectors.

    Keras' own initial values are not read: OpenVINO's backend compiles a graph for each of them.
    """
    shape = tuple(variable.shape)
    if len(shape) > 1:
        scale = np.sqrt(2 / np.prod(shape[:-1]))
        return np.asarray(rng.standard_normal(shape) * scale, dtype=np.float32)
    neutral = 1 if variable.name in {"gamma", "moving_variance"} else 0
    return np.full(shape, neutral, dtype=np.float32)


def _main(architecture: str, labels: str, size: str, seed: str, target: str) -> None:
    model = build(architecture, labels=int(labels), size=int(size))
    rng = np.random.default_rng(int(seed))
    tensors = {
        variable.path: random_tensor(variable, rng)
        for variable in model.weights
        if "seed" not in variable.path
    }
    write_weights(Path(target), tensors)


if __name__ == "__main__":
    _main(*sys.argv[1:])
