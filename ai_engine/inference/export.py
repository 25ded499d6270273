"""Write a model as OpenVINO IR: ``python -m ai_engine.inference.export MODEL_FOLDER TARGET``.

It runs in a process of its own because Keras fixes its backend when it is first imported: here it
is OpenVINO's, so that no TensorFlow is needed to serve a model.
"""

import sys
from pathlib import Path

from ai_engine.library.card import read_card
from ai_engine.library.trunks import model_weights
from ai_engine.library.weights_file import assign_weights
from ai_engine.models.catalogue import build, is_channels_last


def export(folder: Path, target: Path) -> None:
    """Build the model of a folder, load its weights and write ``target`` (.xml, and .bin)."""
    import keras  # noqa: PLC0415 - only this process has chosen a backend for it

    card = read_card(folder)
    if not is_channels_last(card.architecture):
        keras.config.set_image_data_format("channels_first")
    model = build(
        card.architecture,
        labels=len(card.labels),
        size=card.input_size,
        channels=card.planes,
    )
    assign_weights(model, model_weights(card), source=card.weights_path)
    model.export(str(target), format="openvino", verbose=False)


if __name__ == "__main__":
    export(Path(sys.argv[1]), Path(sys.argv[2]))
