"""A small network that tells upright frontal chest radiographs from everything else.

Four convolutions, and a dense layer that still sees where things are: a chest is recognised by its
layout, which global pooling would throw away. About 115,000 parameters.

Importing this module imports Keras, on whichever backend the process has chosen.
"""

from typing import Any

import keras
from keras import layers

from ai_engine.models.layout import channel_axis, enter_layout, leave_layout

CHANNELS = (16, 32, 48, 48)


def build_guardnet(*, labels: int, size: int = 64) -> keras.Model:
    """Build the network with fresh weights.

    Returns
    -------
    keras.Model
        Input float32 (n, size, size, 1). Outputs: probabilities float32 (n, labels) that sum to 1,
        and the last feature map.
    """
    image = keras.Input((size, size, 1), name="image")
    x: Any = enter_layout(image)
    for index, channels in enumerate(CHANNELS, start=1):
        x = layers.Conv2D(channels, 3, padding="same", use_bias=False, name=f"conv{index}")(x)
        x = layers.BatchNormalization(
            axis=channel_axis(), momentum=0.9, epsilon=1e-5, name=f"conv{index}_bn"
        )(x)
        x = layers.ReLU(name=f"conv{index}_relu")(x)
        if index < len(CHANNELS):
            x = layers.MaxPooling2D(2, name=f"conv{index}_pool")(x)
    features = x
    x = layers.Conv2D(24, 1, name="reduce", activation="relu")(features)
    x = layers.Dropout(0.3, name="dropout", seed=1)(x)
    # One kernel as large as the map is a dense layer on the flattened map. Flatten itself is not
    # used: OpenVINO's Keras backend exports it with a batch size of one.
    x = layers.Conv2D(48, x.shape[2], name="layout", activation="relu")(x)
    x = layers.GlobalAveragePooling2D(name="single_cell")(x)
    probabilities = layers.Dense(labels, activation="softmax", name="probabilities")(x)
    return keras.Model(image, [probabilities, leave_layout(features)], name="guardnet")
