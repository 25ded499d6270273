"""U-Net with a VGG16 encoder for lung segmentation: paper 3, section 3.1.

Paper 3 puts VGG16 in the place of the encoder and "adapts the decoder to it" after Frid-Adar et
al. (2018). The decoder mirrors the encoder: from the deepest map (512 channels at size / 32) five
times an up-convolution of stride 2, the encoder's map of that size beside it, and two 3 x 3
convolutions with batch normalisation, as Frid-Adar et al. have them. VGG16 keeps its published
shape, so ImageNet weights fit; the image enters it three times over.

Importing this module imports Keras, on whichever backend the process has chosen.
"""

from typing import Any

import keras
from keras import layers

from ai_engine.models.heads import three_channels

SKIPS = ("block5_conv3", "block4_conv3", "block3_conv3", "block2_conv2", "block1_conv2")
"""Encoder layers whose maps join the decoder, deepest first."""

DECODER_CHANNELS = (512, 256, 128, 64, 32)
STRIDE = 32
"""The input's sides must be multiples of this."""


def build_unet_vgg16(*, labels: int = 1, size: int | None = 256) -> keras.Model:
    """Build the network with fresh weights.

    Parameters
    ----------
    labels
        Structures to outline, one sigmoid map each; 1 for both lungs together.
    size
        Rows and columns of the input, a multiple of 32; None leaves them open.

    Returns
    -------
    keras.Model
        Input float32 (n, size, size, 1). Output: probabilities float32 (n, size, size, labels).
    """
    image = keras.Input((size, size, 1), name="image")
    encoder = keras.applications.VGG16(
        include_top=False, weights=None, input_tensor=three_channels(image)
    )
    x = encoder.output
    for index, (skip, channels) in enumerate(zip(SKIPS, DECODER_CHANNELS, strict=True), start=1):
        x = layers.Conv2DTranspose(channels, 2, strides=2, name=f"up{index}")(x)
        x = layers.Concatenate(name=f"up{index}_concat")([encoder.get_layer(skip).output, x])
        x = _convolved(x, channels, f"up{index}_conv1")
        x = _convolved(x, channels, f"up{index}_conv2")
    logits = layers.Conv2D(labels, 1, name="head", dtype="float32")(x)
    mask = layers.Activation("sigmoid", name="mask", dtype="float32")(logits)
    return keras.Model(image, mask, name="unet_vgg16")


def _convolved(x: Any, channels: int, name: str) -> Any:
    x = layers.Conv2D(channels, 3, padding="same", use_bias=False, name=name)(x)
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)
