"""DenseNet-121 (Huang et al., "Densely Connected Convolutional Networks", CVPR 2017, table 1).

Paper 1, section IV, feeds it a grayscale radiograph of 384 x 384 and takes two tensors from it:
the vector of probabilities and the feature map of the last convolutional layer, which Grad-CAM
needs. The layers are those of the publication (7 x 7 stem, four dense blocks of 6, 12, 24 and 16
layers with growth rate 32, bottlenecks of 128, transitions that halve the channels); only the
stem takes one channel instead of three, and the head is sigmoid, one unit per label.

Importing this module imports Keras, on whichever backend the process has chosen.
"""

import keras
from keras import layers

from ai_engine.models.dense_blocks import (
    BLOCKS,
    KERAS_NORMALIZATION,
    NormalizationLayer,
    dense_block,
    normalized,
    reduce,
    stem,
)
from ai_engine.models.layout import enter_layout, leave_layout

FEATURE_CHANNELS = 1024
STRIDE = 32
"""Input pixels along one edge of a feature map cell."""


def build_densenet121(
    *,
    labels: int,
    size: int | None = 384,
    channels: int = 1,
    normalization: NormalizationLayer = KERAS_NORMALIZATION,
) -> keras.Model:
    """Build the network with fresh weights.

    Parameters
    ----------
    labels
        Number of sigmoid units in the head.
    size
        Rows and columns of the input; None leaves them open, as training at growing sizes needs.
    channels
        The radiograph, and what else is given with it (paper 3, section 3.3).
    normalization
        The batch normalisation layer's class; training passes a faster one that has the same
        variables and the same inference.

    Returns
    -------
    keras.Model
        Input float32 (n, size, size, channels). Outputs: probabilities float32 (n, labels), and the
        last feature map (n, size / 32, size / 32, 1024), after the last ReLU.
    """
    image = keras.Input((size, size, channels), name="image")
    x = stem(enter_layout(image), normalization=normalization)
    for index, depth in enumerate(BLOCKS, start=2):
        x = dense_block(x, depth, f"conv{index}", normalization)
        if index < len(BLOCKS) + 1:
            x = reduce(normalized(x, f"pool{index}", normalization), f"pool{index}")
    features = normalized(x, "features", normalization)
    pooled = layers.GlobalAveragePooling2D(name="pooled", dtype="float32")(features)
    logits = layers.Dense(labels, name="head", dtype="float32")(pooled)
    probabilities = layers.Activation("sigmoid", name="probabilities", dtype="float32")(logits)
    return keras.Model(image, [probabilities, leave_layout(features)], name="densenet121")


def build_densenet121_classes(*, labels: int, size: int = 384) -> keras.Model:
    """Build the network for classes of which one holds: probabilities (n, labels) sum to 1."""
    base = build_densenet121(labels=labels, size=size)
    softmax = layers.Softmax(name="classes", dtype="float32")
    probabilities = softmax(base.get_layer("head").output)
    return keras.Model(base.input, [probabilities, base.output[1]], name="densenet121_classes")
