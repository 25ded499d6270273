"""Bone images by a small U-Net that learned from pairs alone, without a judge.

Simulated pairs have no style that an adversary could teach, only edges and contrasts. What the
network sees is each pixel's difference from its surroundings in units of their spread, and what it
draws is in the same units: grey scales of devices differ more than bones do. Importing this module
imports Keras, on whichever backend the process has chosen.
"""

from typing import Any

import keras
from keras import layers

CHANNELS = (16, 32, 64, 96, 128)
"""Of each level, from the finest on."""

SURROUNDINGS = 16
"""Pixels a side of the areas whose mean and spread are compared with."""

LEAST_SPREAD = 0.02
"""Of grey values from 0 to 1: what differs less is noise."""

LARGEST = 4.0
"""Spreads beyond which a difference is an edge of the film."""


class LocalContrast(layers.Layer):  # type: ignore[misc]  # Keras is untyped
    """Grey values (n, h, w, 1) as differences from their surroundings, and their spread.

    Returns (n, h, w, 2): differences in spreads beside the grey values around 0, and the spread
    (n, h, w, 1).
    """

    def __init__(self, **named: Any) -> None:
        super().__init__(dtype="float32", **named)
        self._pool = layers.AveragePooling2D(SURROUNDINGS, dtype="float32")
        self._smooth = layers.AveragePooling2D(3, strides=1, padding="same", dtype="float32")
        self._enlarge = layers.UpSampling2D(SURROUNDINGS, interpolation="bilinear", dtype="float32")

    def call(self, inputs: Any) -> Any:
        """Compare each pixel with what lies around it."""
        ops = keras.ops
        differs = inputs - self._around(inputs)
        spread = ops.sqrt(self._around(ops.square(differs)) + LEAST_SPREAD**2)
        seen = ops.clip(differs / spread, -LARGEST, LARGEST)
        return ops.concatenate([seen, inputs - 0.5], axis=-1), spread

    def compute_output_shape(self, input_shape: Any) -> Any:
        """That of both outputs."""
        return (*input_shape[:-1], 2), tuple(input_shape)

    def _around(self, values: Any) -> Any:
        return self._enlarge(self._smooth(self._pool(values)))


def build_bone_unet(*, labels: int = 1, size: int = 256) -> Any:
    """Build the network with fresh weights.

    Returns
    -------
    keras.Model
        Input float32 (n, size, size, 1), a radiograph from -1 to 1; output the same, its bones.

    Raises
    ------
    ValueError
        If it is to draw more than bones, or the size is not a multiple of `SURROUNDINGS`.
    """
    if labels != 1:
        raise ValueError(f"{labels} labels: a bone generator draws one thing, bones")
    if size % SURROUNDINGS:
        raise ValueError(f"size {size}: must be a multiple of {SURROUNDINGS}")
    radiograph = keras.Input((size, size, 1), name="radiograph", dtype="float32")
    grey = layers.Rescaling(0.5, offset=0.5, name="grey", dtype="float32")(radiograph)
    x, spread = LocalContrast(name="contrast")(grey)
    skips: list[Any] = []
    for level, channels in enumerate(CHANNELS):
        if level:
            x = layers.MaxPooling2D(2, name=f"down{level}")(x)
        x = _convolved(x, channels, f"in{level}")
        skips.append(x)
    for level in reversed(range(len(CHANNELS) - 1)):
        x = layers.UpSampling2D(2, name=f"up{level}")(x)
        x = layers.Concatenate(name=f"join{level}")([x, skips[level]])
        x = _convolved(x, CHANNELS[level], f"out{level}")
    start = keras.initializers.RandomNormal(stddev=1e-3)
    head = layers.Conv2D(
        1, 3, padding="same", name="head", dtype="float32", kernel_initializer=start
    )
    bones = layers.Multiply(name="drawn", dtype="float32")([head(x), spread])
    signed = layers.Rescaling(2.0, offset=-1.0, name="bones", dtype="float32")(bones)
    return keras.Model(radiograph, signed, name="bone_unet")


def _convolved(x: Any, channels: int, name: str) -> Any:
    for part in "ab":
        x = layers.Conv2D(channels, 3, padding="same", name=f"{name}{part}")(x)
        x = layers.LeakyReLU(0.1, name=f"{name}{part}_relu")(x)
    return x
