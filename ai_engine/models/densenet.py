"""DenseNet-121 (Huang et al., "Densely Connected Convolutional Networks", CVPR 2017, table 1).

Paper 1, section IV, feeds it a grayscale radiograph of 384 x 384 and takes two tensors from it:
the vector of probabilities and the feature map of the last convolutional layer, which Grad-CAM
needs. The layers are those of the publication (7 x 7 stem, four dense blocks of 6, 12, 24 and 16
layers with growth rate 32, bottlenecks of 128, transitions that halve the channels); only the
stem takes one channel instead of three, and the head is sigmoid, one unit per label.

Importing this module imports Keras, on whichever backend the process has chosen.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from ai_engine.models.layout import channel_axis, enter_layout, leave_layout

GROWTH_RATE = 32
BLOCKS = (6, 12, 24, 16)
STEM_CHANNELS = 64
FEATURE_CHANNELS = 1024
STRIDE = 32
"""Input pixels along one edge of a feature map cell."""

NormalizationLayer = Callable[..., Any]


def build_densenet121(
    *,
    labels: int,
    size: int | None = 384,
    normalization: NormalizationLayer = layers.BatchNormalization,
) -> keras.Model:
    """Build the network with fresh weights.

    Parameters
    ----------
    labels
        Number of sigmoid units in the head.
    size
        Rows and columns of the input; None leaves them open, as training at growing sizes needs.
    normalization
        The batch normalisation layer's class; training passes a faster one that has the same
        variables and the same inference.

    Returns
    -------
    keras.Model
        Input float32 (n, size, size, 1). Outputs: probabilities float32 (n, labels), and the last
        feature map (n, size / 32, size / 32, 1024), after the last ReLU.
    """
    image = keras.Input((size, size, 1), name="image")
    x = _stem(enter_layout(image), normalization)
    for index, depth in enumerate(BLOCKS, start=2):
        x = _dense_block(x, depth, f"conv{index}", normalization)
        if index < len(BLOCKS) + 1:
            x = _transition(x, f"pool{index}", normalization)
    features = _normalize(x, "features", normalization)
    pooled = layers.GlobalAveragePooling2D(name="pooled", dtype="float32")(features)
    logits = layers.Dense(labels, name="head", dtype="float32")(pooled)
    probabilities = layers.Activation("sigmoid", name="probabilities", dtype="float32")(logits)
    return keras.Model(image, [probabilities, leave_layout(features)], name="densenet121")


def _normalize(x: Any, name: str, normalization: NormalizationLayer) -> Any:
    axis = channel_axis()
    x = normalization(axis=axis, momentum=0.9, epsilon=1e-5, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def _stem(x: Any, normalization: NormalizationLayer) -> Any:
    """Explicit padding keeps the grid symmetric, so the heat map isn't shifted."""
    x = layers.ZeroPadding2D(3, name="stem_padding")(x)
    x = layers.Conv2D(STEM_CHANNELS, 7, strides=2, use_bias=False, name="stem_conv")(x)
    x = _normalize(x, "stem", normalization)
    x = layers.ZeroPadding2D(1, name="stem_pool_padding")(x)
    return layers.MaxPooling2D(3, strides=2, name="stem_pool")(x)


def _dense_block(x: Any, depth: int, name: str, normalization: NormalizationLayer) -> Any:
    for index in range(1, depth + 1):
        layer = f"{name}_block{index}"
        y = _normalize(x, f"{layer}_0", normalization)
        y = layers.Conv2D(4 * GROWTH_RATE, 1, use_bias=False, name=f"{layer}_1_conv")(y)
        y = _normalize(y, f"{layer}_1", normalization)
        y = layers.Conv2D(GROWTH_RATE, 3, padding="same", use_bias=False, name=f"{layer}_2_conv")(y)
        x = layers.Concatenate(axis=channel_axis(), name=f"{layer}_concat")([x, y])
    return x


def _transition(x: Any, name: str, normalization: NormalizationLayer) -> Any:
    x = _normalize(x, name, normalization)
    x = layers.Conv2D(x.shape[channel_axis()] // 2, 1, use_bias=False, name=f"{name}_conv")(x)
    return layers.AveragePooling2D(2, name=f"{name}_pool")(x)
