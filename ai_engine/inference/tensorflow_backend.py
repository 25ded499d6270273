"""The same models on TensorFlow in this process: for training, tests and GPUs.

Importing this module imports TensorFlow. Keras must run on it: the environment variable
``KERAS_BACKEND`` is unset or ``tensorflow``.
"""

import keras
import numpy as np
import tensorflow as tf

from ai_engine.errors import BackendError
from ai_engine.inference.backend import Activation, FloatArray
from ai_engine.library.card import ModelCard
from ai_engine.library.registry import verify_weights
from ai_engine.library.trunks import model_weights
from ai_engine.library.weights_file import assign_weights
from ai_engine.models.catalogue import build


class TensorFlowBackend:
    """A Keras model on TensorFlow."""

    def __init__(self, model: keras.Model) -> None:
        if keras.backend.backend() != "tensorflow":
            raise BackendError("Keras runs on another backend; unset KERAS_BACKEND and start again")
        self.model = model
        self._run = tf.function(lambda batch: model(batch, training=False), reduce_retracing=True)

    @classmethod
    def load(cls, card: ModelCard) -> "TensorFlowBackend":
        """Build the model of a card and load its weights."""
        verify_weights(card)
        model = build(
            card.architecture,
            labels=len(card.labels),
            size=card.input_size,
            channels=card.planes,
        )
        assign_weights(model, model_weights(card), source=card.weights_path)
        return cls(model)

    def predict(self, batch: FloatArray) -> Activation:
        """Run a batch: float32 (n, rows, columns, 1)."""
        probabilities, features = self._run(tf.constant(batch, dtype=tf.float32))
        return Activation(
            probabilities=np.asarray(probabilities.numpy(), dtype=np.float32),
            features=np.asarray(features.numpy(), dtype=np.float32),
        )
