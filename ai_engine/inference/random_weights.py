"""Write an untrained model's weights: ``python -m ai_engine.inference.random_weights …``.

The arguments are architecture, number of labels, input size, seed and target file.
"""

import sys
from pathlib import Path

from ai_engine.cards import ModelCard
from ai_engine.inference.keras_process import run_on_openvino_keras
from ai_engine.models.catalogue import build
from ai_engine.weights_file import digest, model_tensors, write_weights


def write_random_weights(card: ModelCard, target: Path, *, seed: int) -> str:
    """Write fresh weights for a card's architecture and return their digest.

    Raises
    ------
    BackendError
        If the process that makes them fails.
    """
    words = (card.architecture, str(len(card.labels)), str(card.input_size), str(seed))
    run_on_openvino_keras("ai_engine.inference.random_weights", *words, str(target))
    return digest(target)


def _main(architecture: str, labels: str, size: str, seed: str, target: str) -> None:
    import keras  # noqa: PLC0415 - only this process has chosen a backend for it

    keras.utils.set_random_seed(int(seed))
    model = build(architecture, labels=int(labels), size=int(size))
    write_weights(Path(target), model_tensors(model))


if __name__ == "__main__":
    _main(*sys.argv[1:])
