"""The head that all classifiers share: global average pooling, a linear layer, an activation.

With it the Grad-CAM weights are the linear layer's weights over the map's area, so every
classifier serves probabilities and heat maps in one forward pass, as
`ai_engine.inference.explain` expects.

Importing this module imports Keras, on whichever backend the process has chosen.
"""

from typing import Any

import keras
from keras import layers


def classifier(
    image: Any, features: Any, *, labels: int, name: str, activation: str = "sigmoid"
) -> keras.Model:
    """Close a network.

    Parameters
    ----------
    image
        The network's input.
    features
        Its last feature map (n, h, w, c), after the last activation.
    labels
        Units of the head.
    name
        The model's name.
    activation
        ``sigmoid`` for labels that may occur together, ``softmax`` for classes of which one holds.

    Returns
    -------
    keras.Model
        Outputs: probabilities float32 (n, labels), and the feature map.
    """
    pooled = layers.GlobalAveragePooling2D(name="pooled", dtype="float32")(features)
    logits = layers.Dense(labels, name="head", dtype="float32")(pooled)
    probabilities = layers.Activation(activation, name="probabilities", dtype="float32")(logits)
    return keras.Model(image, [probabilities, features], name=name)


def three_channels(image: Any) -> Any:
    """A grayscale image (n, h, w, 1) three times over, as networks for photographs take it.

    The first convolution then has the published shape, so ImageNet weights fit it.
    """
    return layers.Concatenate(name="three_channels")([image, image, image])
