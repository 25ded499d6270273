"""Any Keras network on TensorFlow in this process, for GPUs.

Importing this module imports TensorFlow. Keras must run on it: the environment variable
``KERAS_BACKEND`` is unset or ``tensorflow``.
"""

import keras
import numpy as np
import tensorflow as tf

from ai_engine.errors import BackendError
from ai_engine.inference.network import Tensors, require_inputs


class TensorFlowNetwork:
    """A Keras model on TensorFlow, by the names of its inputs and outputs."""

    def __init__(self, model: keras.Model) -> None:
        if keras.backend.backend() != "tensorflow":
            raise BackendError("Keras runs on another backend; unset KERAS_BACKEND and start again")
        self._model = model
        self._inputs = tuple(each.name for each in model.inputs)
        self._outputs = tuple(model.output_names)
        self._run = tf.function(lambda values: model(values, training=False), reduce_retracing=True)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs, in the network's order."""
        return self._inputs

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the outputs, in the network's order."""
        return self._outputs

    def run(self, inputs: Tensors) -> Tensors:
        """Run a batch.

        Raises
        ------
        BackendError
            If the inputs aren't the network's.
        """
        require_inputs(inputs, self._inputs)
        values = [tf.constant(inputs[name], dtype=tf.float32) for name in self._inputs]
        results = self._run(values if len(values) > 1 else values[0])
        listed = results if isinstance(results, list | tuple) else [results]
        return {
            name: np.asarray(each.numpy(), dtype=np.float32)
            for name, each in zip(self._outputs, listed, strict=True)
        }
