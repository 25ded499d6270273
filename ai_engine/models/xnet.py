"""XNet (Bullock et al., "XNet: a convolutional neural network implementation for medical X-ray
image segmentation suitable for small datasets", SPIE Medical Imaging 2019), as in paper 5, Fig. 3.

Two encoder-decoder modules after each other. The first goes down three times and up twice, the
second down twice and up three times; each decoder level is joined with the encoder level of its own
module. That is 14 blocks of 3 × 3 convolution, batch normalisation and ReLU, 5 max-poolings and 5
up-samplings for a slice of 160 × 160; a last block makes the mask.

The figure gives layers and shapes, and some shapes contradict their neighbours. It was read as:

* the joins aren't drawn, but follow from the channels that double between layers (256 to 512 at
  40 × 40, 128 to 256 at 80 × 80); they are those of Bullock et al.;
* the first block's input is the image, (160, 160, 1), not (160, 160, 64), and the block after the
  last up-sampling takes the 256 channels that the up-sampling gives, not 512;
* the last block takes 64 channels, so the published network's third join (with the first block)
  isn't there;
* kernels aren't stated: 3 × 3, 1 × 1 in the last block, all with a bias, as in Bullock et al.;
* a soft-max over the one channel drawn would always be 1. Section 5.5 names two classes, without
  and with inhomogeneity: soft-max runs over both, and the output is the second's probability;
* dropout is named without place or rate: it follows the two deepest blocks of each module, with
  the rate of 0.5 that the paper's reference for it (Srivastava et al., 2014) proposes.

Importing this module imports Keras, on whichever backend the process has chosen.
"""

from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from ai_engine.models.layout import channel_axis, enter_layout, leave_layout

SIZE = 160
FILTERS = (64, 128, 256, 512)
"""Channels at each level, from full resolution down to an eighth."""

MOMENTUM = 0.9
"""Keras' 0.99 follows too slowly for trainings of a few hundred steps: what is validated would not
be what was learned."""

HEAD_NORM = "head_bn"
"""The normalisation of both classes' scores, above which there is the soft-max alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedTraining:
    """How paper 5 trained the network (sections 5.2, 5.3 and 5.5)."""

    optimizer: str = "adam"
    learning_rate: float = 1e-4
    loss: str = "binary_crossentropy"
    epochs: int = 200
    split: tuple[float, float, float] = (0.8, 0.1, 0.1)
    augmentations: tuple[str, ...] = ("shift", "rotate", "random crop")
    input_size: int = SIZE


def build_xnet(
    *,
    labels: int = 1,
    size: int = SIZE,
    dropout: float = 0.5,
    filters: tuple[int, int, int, int] = FILTERS,
) -> keras.Model:
    """Build the network with fresh weights.

    Parameters
    ----------
    labels
        Number of masks, besides the class of everything else.
    size
        Rows and columns of the input, a multiple of 8.
    dropout
        Part of the deepest features that training drops.
    filters
        Channels at each level; the paper's unless said otherwise.

    Returns
    -------
    keras.Model
        Input float32 (n, size, size, 1); output each label's probability float32
        (n, size, size, labels).

    Raises
    ------
    ValueError
        If the size isn't a multiple of 8.
    """
    if size % 8:
        raise ValueError(f"XNet halves its input three times: {size} is no multiple of 8")
    image = keras.Input((size, size, 1), name="image")
    full = _block(enter_layout(image), filters[0], "conv1")
    half = _block(_down(full, "pool1"), filters[1], "conv2")
    quarter = _block(_down(half, "pool2"), filters[2], "conv3")
    deep = _deepest(_down(quarter, "pool3"), ("conv4", "conv5"), filters[3], dropout)
    x = _up_and_join(deep, quarter, filters[2], "6")
    x = _up_and_join(x, half, filters[1], "7")
    half = _block(x, filters[1], "conv8")
    quarter = _block(_down(half, "pool4"), filters[2], "conv9")
    deep = _deepest(_down(quarter, "pool5"), ("conv10", "conv11"), filters[3], dropout)
    x = _up_and_join(deep, quarter, filters[2], "12")
    x = _up_and_join(x, half, filters[1], "13")
    x = _block(layers.UpSampling2D(2, name="up14")(x), filters[0], "conv14")
    x = layers.Conv2D(labels + 1, 1, name="head")(x)
    x = layers.BatchNormalization(
        channel_axis(), momentum=MOMENTUM, name=HEAD_NORM, dtype="float32"
    )(x)
    classes = layers.Softmax(channel_axis(), name="classes", dtype="float32")(x)
    return keras.Model(image, leave_layout(classes)[..., 1:], name="xnet")


def build_quarter_xnet(*, labels: int = 1, size: int = SIZE, dropout: float = 0.2) -> keras.Model:
    """Build the network with a quarter of the published channels (0.7 million parameters).

    ``dropout`` is less, since so narrow a network has little to spare.
    """
    narrow = (FILTERS[0] // 4, FILTERS[1] // 4, FILTERS[2] // 4, FILTERS[3] // 4)
    return build_xnet(labels=labels, size=size, dropout=dropout, filters=narrow)


def _block(x: Any, filters: int, name: str) -> Any:
    x = layers.Conv2D(filters, 3, padding="same", name=name)(x)
    x = layers.BatchNormalization(channel_axis(), momentum=MOMENTUM, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def _down(x: Any, name: str) -> Any:
    return layers.MaxPooling2D(2, name=name)(x)


def _deepest(x: Any, names: tuple[str, str], filters: int, dropout: float) -> Any:
    for name in names:
        x = _block(x, filters, name)
    return layers.Dropout(dropout, name=f"{names[1]}_dropout")(x)


def _up_and_join(x: Any, skip: Any, filters: int, number: str) -> Any:
    x = layers.UpSampling2D(2, name=f"up{number}")(x)
    x = _block(x, filters, f"conv{number}")
    return layers.Concatenate(channel_axis(), name=f"join{number}")([skip, x])
