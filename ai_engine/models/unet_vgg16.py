"""U-Net with a VGG16 encoder for lung segmentation: paper 3, section 3.1.

Paper 3 puts VGG16 in the place of the encoder and "adapts the decoder to it" after Frid-Adar et
al. (2018). The decoder mirrors the encoder: from the deepest map (512 channels at size / 32) five
times an up-convolution of stride 2, the encoder's map of that size beside it, and two 3 x 3
convolutions with batch normalisation, as Frid-Adar et al. have them. At full width VGG16 keeps its
published shape and the names that Keras gives its layers, so ImageNet weights fit; the image enters
it three times over.

``width`` scales every channel, for machines and data sets that are small. A narrow network can't
take ImageNet weights, so it starts from noise and its encoder has batch normalisation too (as
torchvision's ``vgg16_bn``).

Importing this module imports Keras, on whichever backend the process has chosen.
"""

from typing import Any

import keras
from keras import layers

from ai_engine.models.dense_blocks import KERAS_NORMALIZATION, NormalizationLayer
from ai_engine.models.heads import three_channels
from ai_engine.models.layout import channel_axis, enter_layout, leave_layout

ENCODER = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Channels and 3 x 3 convolutions of VGG16's five blocks (Simonyan and Zisserman, table 1, D)."""

DECODER_CHANNELS = (512, 256, 128, 64, 32)
STRIDE = 32
"""The input's sides must be multiples of this."""

QUARTER = 0.25


def build_unet_vgg16(
    *,
    labels: int = 1,
    size: int | None = 256,
    width: float = 1.0,
    normalization: NormalizationLayer = KERAS_NORMALIZATION,
) -> keras.Model:
    """Build the network with fresh weights.

    Parameters
    ----------
    labels
        Structures to outline, one sigmoid map each; 1 for both lungs together.
    size
        Rows and columns of the input, a multiple of 32; None leaves them open.
    width
        Factor for the channels of every layer; 1 is published.
    normalization
        The batch normalisation layer's class, as for `build_densenet121`.

    Returns
    -------
    keras.Model
        Input float32 (n, size, size, 1). Outputs: probabilities float32 (n, size, size, labels),
        and the deepest feature map (n, size / 32, size / 32, 512 width).
    """
    image = keras.Input((size, size, 1), name="image")
    x = enter_layout(three_channels(image))
    skips = []
    for block, (channels, depth) in enumerate(ENCODER, start=1):
        for index in range(1, depth + 1):
            name = f"block{block}_conv{index}"
            x = _encoded(x, round(channels * width), name, None if width == 1 else normalization)
        skips.append(x)
        x = layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
    deepest = x
    for index, channels in enumerate(DECODER_CHANNELS, start=1):
        filters = round(channels * width)
        x = layers.Conv2DTranspose(filters, 2, strides=2, name=f"up{index}")(x)
        x = layers.Concatenate(axis=channel_axis(), name=f"up{index}_concat")([skips[-index], x])
        x = _convolved(x, filters, f"up{index}_conv1", normalization)
        x = _convolved(x, filters, f"up{index}_conv2", normalization)
    logits = layers.Conv2D(labels, 1, name="head", dtype="float32")(x)
    logits = leave_layout(logits, "leave_mask")
    mask = layers.Activation("sigmoid", name="mask", dtype="float32")(logits)
    return keras.Model(image, [mask, leave_layout(deepest)], name="unet_vgg16")


def build_quarter_unet_vgg16(
    *,
    labels: int = 1,
    size: int | None = 256,
    normalization: NormalizationLayer = KERAS_NORMALIZATION,
) -> keras.Model:
    """Build the network with a quarter of the published channels (1.5 million parameters)."""
    return build_unet_vgg16(labels=labels, size=size, width=QUARTER, normalization=normalization)


def _encoded(x: Any, filters: int, name: str, normalization: NormalizationLayer | None) -> Any:
    if normalization is not None:
        return _convolved(x, filters, name, normalization)
    return layers.Conv2D(filters, 3, padding="same", activation="relu", name=name)(x)


def _convolved(x: Any, filters: int, name: str, normalization: NormalizationLayer) -> Any:
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
    x = normalization(axis=channel_axis(), momentum=0.9, epsilon=1e-5, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)
