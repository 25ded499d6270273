"""EfficientNet-B4 (Tan and Le, ICML 2019), for paper 1's model selection (table I).

The network is Keras' own; only the first convolution takes one channel, the head is sigmoid, and
the layers that turn a photograph's 0 to 255 into standardised values are left out: the images here
are standardised already.

Importing this module imports Keras, on whichever backend the process has chosen.
"""

from typing import Any

import keras
from keras import layers

from ai_engine.models.heads import classifier


def build_efficientnet_b4(*, labels: int, size: int = 384) -> keras.Model:
    """Build the network with fresh weights.

    Returns
    -------
    keras.Model
        Input float32 (n, size, size, 1). Outputs: probabilities float32 (n, labels), and the last
        feature map (n, size / 32, size / 32, 1792), sides rounded up, after the last activation.
    """
    image = keras.Input((size, size, 1), name="image")
    base = keras.applications.EfficientNetB4(include_top=False, weights=None, input_tensor=image)
    base = keras.models.clone_model(base, clone_function=_adapted)
    return classifier(base.inputs[0], base.outputs[0], labels=labels, name="efficientnetb4")


def _adapted(layer: Any) -> Any:
    """The layer itself, or what takes its place.

    Squeezing keeps the map's rank instead of restoring it by Reshape, which OpenVINO's Keras
    backend exports with a batch size of one.
    """
    if isinstance(layer, layers.GlobalAveragePooling2D):
        return layers.GlobalAveragePooling2D(keepdims=True, name=layer.name)
    if isinstance(layer, layers.Reshape | layers.Rescaling | layers.Normalization):
        return layers.Identity(name=layer.name)
    return layer
