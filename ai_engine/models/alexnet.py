"""AlexNet (Krizhevsky, Sutskever and Hinton, NIPS 2012), for paper 1's model selection (table I).

The five convolutions are those of the publication: 11 x 11 with stride 4, then 5 x 5, then three
of 3 x 3, with overlapping pooling, response normalisation after the first two, and the second,
fourth and fifth in two groups. By default the three dense layers are replaced by the head that
paper 1's other candidates have; with ``dense_layers`` they are there too.

Importing this module imports Keras, on whichever backend the process has chosen.
"""

from typing import Any

import keras
from keras import layers, ops

from ai_engine.models.heads import classifier

DENSE_UNITS = 4096
DROPOUT = 0.5
PUBLISHED_SIZE = 227
"""Rows and columns at which the last map is 6 x 6; the publication prints 224, which is known to
be a slip: the strides don't fit it without padding."""


class LocalResponseNormalization(layers.Layer):  # type: ignore[misc]  # Keras is untyped
    """Division by the neighbouring channels' energy (section 3.3): n 5, k 2, alpha 1e-4, beta 0.75.

    As in the publication, alpha multiplies the sum over the neighbours, not their mean.
    """

    radius = 2
    k = 2.0
    alpha = 1e-4
    beta = 0.75

    def call(self, inputs: Any) -> Any:
        """Normalise (n, h, w, c) across its channels."""
        channels = inputs.shape[-1]
        padding = ((0, 0), (0, 0), (0, 0), (self.radius, self.radius))
        squares = ops.pad(ops.square(inputs), padding)
        window = range(2 * self.radius + 1)
        energy = sum(squares[..., shift : shift + channels] for shift in window)
        return inputs / ops.power(self.k + self.alpha * energy, self.beta)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's shape."""
        return input_shape


def build_alexnet(*, labels: int, size: int = 384, dense_layers: bool = False) -> keras.Model:
    """Build the network with fresh weights.

    Parameters
    ----------
    labels
        Number of sigmoid units in the head.
    size
        Rows and columns of the input, at least 67.
    dense_layers
        The publication's two layers of 4096 units in front of the head. Their size follows the
        input's: only at 227 they are the published ones. Heat maps then need the general Grad-CAM.

    Returns
    -------
    keras.Model
        Input float32 (n, size, size, 1). Outputs: probabilities float32 (n, labels), and the last
        feature map (n, h, w, 256): 6 x 6 at 227, 10 x 10 at 384.
    """
    image = keras.Input((size, size, 1), name="image")
    x = layers.Conv2D(96, 11, strides=4, activation="relu", name="conv1")(image)
    x = LocalResponseNormalization(name="conv1_norm")(x)
    x = layers.MaxPooling2D(3, strides=2, name="conv1_pool")(x)
    x = _grouped(x, 256, 5, "conv2")
    x = LocalResponseNormalization(name="conv2_norm")(x)
    x = layers.MaxPooling2D(3, strides=2, name="conv2_pool")(x)
    x = layers.Conv2D(384, 3, padding="same", activation="relu", name="conv3")(x)
    x = _grouped(x, 384, 3, "conv4")
    x = _grouped(x, 256, 3, "conv5")
    features = layers.MaxPooling2D(3, strides=2, name="conv5_pool")(x)
    if dense_layers:
        return _with_dense_layers(image, features, labels)
    return classifier(image, features, labels=labels, name="alexnet")


def _grouped(x: Any, filters: int, kernel: int, name: str) -> Any:
    """Two convolutions side by side, each on half of the channels, as on the two GPUs of 2012."""
    half = x.shape[-1] // 2
    parts = [
        layers.Conv2D(
            filters // 2, kernel, padding="same", activation="relu", name=f"{name}_{side}"
        )
        for side in "ab"
    ]
    return layers.Concatenate(name=name)([parts[0](x[..., :half]), parts[1](x[..., half:])])


def _with_dense_layers(image: Any, features: Any, labels: int) -> keras.Model:
    """One kernel as large as the map is a dense layer on the flattened map, and exports better."""
    x = layers.Dropout(DROPOUT, name="dropout6", seed=6)(features)
    x = layers.Conv2D(DENSE_UNITS, features.shape[1], activation="relu", name="dense6")(x)
    x = layers.Dropout(DROPOUT, name="dropout7", seed=7)(x)
    x = layers.Conv2D(DENSE_UNITS, 1, activation="relu", name="dense7")(x)
    return keras.Model(
        image, [_probabilities(x, labels), features], name="alexnet_with_dense_layers"
    )


def _probabilities(x: Any, labels: int) -> Any:
    pooled = layers.GlobalAveragePooling2D(name="single_cell", dtype="float32")(x)
    logits = layers.Dense(labels, name="head", dtype="float32")(pooled)
    return layers.Activation("sigmoid", name="probabilities", dtype="float32")(logits)
