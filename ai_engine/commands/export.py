"""Models as TensorFlow's SavedModel, for TensorFlow Serving. Importing this loads TensorFlow."""

import tempfile
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from ai_engine.errors import BackendError
from ai_engine.inference.serving_backend import INPUT, serving_version, weights_signature
from ai_engine.inference.serving_network import SIGNATURE
from ai_engine.inference.tensorflow_backend import TensorFlowBackend
from ai_engine.kinds.registry import kind_of
from ai_engine.library.card import ModelCard


def export_saved_model(card: ModelCard, folder: Path, *, if_missing: bool = False) -> Path:
    """Write a model as ``folder/<model>/<number>``, the layout that TensorFlow Serving watches.

    Where this version has been exported before, it is left as it is with ``if_missing``.

    Raises
    ------
    ModelFolderError
        If the weights aren't those of the card, or don't fit it.
    BackendError
        If it is no classifier, or was exported before and ``if_missing`` is not said.
    """
    if not kind_of(card).is_exported:
        raise BackendError(f"{card.identity.key} is a {card.kind}: only classifiers are exported")
    place = folder / card.name / str(serving_version(card))
    if place.exists() and if_missing:
        return place
    if place.exists():
        raise BackendError(f"{place} exists: remove it to export {card.identity.key} again")
    model = TensorFlowBackend.load(card).model
    archive = keras.export.ExportArchive()
    archive.track(model)
    shape = [tf.TensorSpec(model.inputs[0].shape, tf.float32, name=INPUT)]
    for name in (SIGNATURE, weights_signature(card)):
        archive.add_endpoint(name, _named(model), input_signature=shape)
    place.parent.mkdir(parents=True, exist_ok=True)
    # A server that watches the folder must find a version whole or not at all.
    with tempfile.TemporaryDirectory(prefix=".exporting-", dir=folder) as made:
        archive.write_out(str(Path(made) / "whole"), verbose=False)
        (Path(made) / "whole").rename(place)
    return place


def _named(model: keras.Model) -> Any:
    def run(image: Any) -> dict[str, Any]:
        probabilities, features = model(image, training=False)
        return {"probabilities": probabilities, "features": features}

    return run
