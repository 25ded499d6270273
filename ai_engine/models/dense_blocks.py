"""The parts of a DenseNet (Huang et al., CVPR 2017, table 1) as functions with named layers.

DenseNet-121 and paper 3's dual branch put them together in different ways; a prefix keeps the names
of branches apart. Without a prefix the names are DenseNet-121's, so weights pass from one network
to the other by name. Channels lie where the process keeps them (`ai_engine.models.layout`).

Importing this module imports Keras, on whichever backend the process has chosen.
"""

from collections.abc import Callable
from typing import Any

from keras import layers

from ai_engine.models.layout import channel_axis

GROWTH_RATE = 32
BLOCKS = (6, 12, 24, 16)
"""Layers in the four dense blocks of DenseNet-121."""

STEM_CHANNELS = 64

NormalizationLayer = Callable[..., Any]
"""The batch normalisation layer's class; training passes a faster one that has the same variables
and the same inference."""

KERAS_NORMALIZATION: NormalizationLayer = layers.BatchNormalization


def normalized(x: Any, name: str, normalization: NormalizationLayer = KERAS_NORMALIZATION) -> Any:
    """Batch normalisation and ReLU: (n, h, w, c) to the same shape."""
    axis = channel_axis()
    x = normalization(axis=axis, momentum=0.9, epsilon=1e-5, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def stem(x: Any, prefix: str = "", normalization: NormalizationLayer = KERAS_NORMALIZATION) -> Any:
    """A convolution and a max-pooling of stride 2 each: (n, h, w, c) to (n, h / 4, w / 4, 64).

    Explicit padding keeps the grid symmetric, so heat maps aren't shifted.
    """
    x = layers.ZeroPadding2D(3, name=f"{prefix}stem_padding")(x)
    x = layers.Conv2D(STEM_CHANNELS, 7, strides=2, use_bias=False, name=f"{prefix}stem_conv")(x)
    x = normalized(x, f"{prefix}stem", normalization)
    x = layers.ZeroPadding2D(1, name=f"{prefix}stem_pool_padding")(x)
    return layers.MaxPooling2D(3, strides=2, name=f"{prefix}stem_pool")(x)


def dense_block(
    x: Any, depth: int, name: str, normalization: NormalizationLayer = KERAS_NORMALIZATION
) -> Any:
    """``depth`` layers that each add 32 channels: (n, h, w, c) to (n, h, w, c + 32 depth)."""
    for index in range(1, depth + 1):
        layer = f"{name}_block{index}"
        y = normalized(x, f"{layer}_0", normalization)
        y = layers.Conv2D(4 * GROWTH_RATE, 1, use_bias=False, name=f"{layer}_1_conv")(y)
        y = normalized(y, f"{layer}_1", normalization)
        y = layers.Conv2D(GROWTH_RATE, 3, padding="same", use_bias=False, name=f"{layer}_2_conv")(y)
        x = layers.Concatenate(axis=channel_axis(), name=f"{layer}_concat")([x, y])
    return x


def reduce(x: Any, name: str) -> Any:
    """A transition after its ReLU: half the channels, half the rows and columns."""
    channels = x.shape[channel_axis()] // 2
    x = layers.Conv2D(channels, 1, use_bias=False, name=f"{name}_conv")(x)
    return layers.AveragePooling2D(2, name=f"{name}_pool")(x)
