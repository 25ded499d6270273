"""Bone images from single radiographs: the conditional GAN of paper 3, section 3.2.

Paper 3 starts from the multi-scale conditional adversarial network of Zhou et al. (ACCV 2018) and
adds self-attention and spectral normalisation (Zhang et al., 2018), the two time-scale update rule
and "a progressive multi-scaling strategy"; it gives no layer table. Built here:

- The generator is a pyramid. Each scale is a small U-Net that sees the radiograph at its size; all
  but the coarsest also see the bone image and the features of the scale below, enlarged, and add to
  that image what it lacks. Each scale has a bone image of its own.
- A scale's layers are named after its size, so a pyramid for (64, 128) takes over everything that
  one for (64,) has learned: training goes from coarse to fine.
- The discriminator, one for each scale, judges patches of a bone image beside its radiograph.
- Self-attention (Zhang et al., section 3) sits where the maps are small: in the deepest map of the
  coarsest scale and of each discriminator.
- Every convolution except a last one is spectrally normalised, in both networks.

The training step is `ai_engine.kinds.bones.gan`. Importing this module imports Keras, on
whichever backend the process has chosen.
"""

from itertools import pairwise
from typing import Any

import keras
from keras import layers, ops

from ai_engine.kinds.bones.scales import BASE_CHANNELS, CHANNELS, SCALES, scales_of

LARGEST_ATTENTION = 64
"""Sides above which attention would need more memory than it is worth: it is quadratic in area."""


class SelfAttention(layers.Layer):  # type: ignore[misc]  # Keras is untyped
    """The self-attention of SAGAN (Zhang et al., 2018, section 3 and eq. 1 to 3).

    Every position of (n, h, w, c) looks at every other; what it sees is added with a weight that
    is learned and starts at 0, so the layer begins as the identity. As there, queries and keys have
    c / 8 channels and values c / 2.
    """

    def build(self, input_shape: Any) -> None:
        """Make the four 1 x 1 convolutions and the weight."""
        channels = input_shape[-1]
        self.query = _pointwise(max(channels // 8, 1), "query")
        self.key = _pointwise(max(channels // 8, 1), "key")
        self.value = _pointwise(max(channels // 2, 1), "value")
        self.back = _pointwise(channels, "back")
        for part in (self.query, self.key, self.value):
            part.build(input_shape)
        self.back.build((*input_shape[:-1], max(channels // 2, 1)))
        self.weight = self.add_weight(shape=(), initializer="zeros", name="weight")

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Add to each position what its attention gathers."""
        query, key, value = (
            _flat(part(inputs, training=training)) for part in (self.query, self.key, self.value)
        )
        attention = ops.softmax(ops.matmul(query, ops.transpose(key, (0, 2, 1))), axis=-1)
        rows, columns = inputs.shape[1:3]
        seen = ops.reshape(ops.matmul(attention, value), (-1, rows, columns, value.shape[-1]))
        return inputs + self.weight * self.back(seen, training=training)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's shape."""
        return input_shape


def build_generator(*, scales: tuple[int, ...] = SCALES, channels: int = BASE_CHANNELS) -> Any:
    """Build the generator with fresh weights.

    Parameters
    ----------
    scales
        Sides of the scales, each twice the one before; the last is the input's.
    channels
        Channels of each scale's widest map; deeper ones have twice and four times as many.

    Returns
    -------
    keras.Model
        Input float32 (n, size, size, 1), a radiograph from -1 to 1. Outputs, coarse to fine: a
        bone image float32 (n, scale, scale, 1) from -1 to 1 for each scale.

    Raises
    ------
    ValueError
        If a scale is not twice the one before, or not a multiple of 8.
    """
    _require_doubling(scales)
    radiograph = keras.Input((scales[-1], scales[-1], 1), name="radiograph")
    images: list[Any] = []
    below: Any = None
    for scale in scales:
        x = shrunk(radiograph, scales[-1] // scale, f"scale{scale}_input")
        if images:
            coarse = _enlarged(images[-1], f"scale{scale}_coarse")
            x = layers.Concatenate(name=f"scale{scale}_joined")([x, coarse, _enlarged(below)])
        below = _unet(x, channels, f"scale{scale}", attention=not images)
        logits = layers.Conv2D(1, 3, padding="same", name=f"scale{scale}_head")(below)
        if images:
            logits = layers.Add(name=f"scale{scale}_refined")([logits, coarse])
        images.append(
            layers.Activation("tanh", name=f"scale{scale}_bones", dtype="float32")(logits)
        )
    return keras.Model(radiograph, images, name="bone_generator")


def build_served_generator(*, labels: int = 1, size: int = SCALES[-1]) -> Any:
    """The generator as catalogues build it: all scales down to the coarsest, full width."""
    return _catalogued("bone_generator", labels, size)


def build_small_generator(*, labels: int = 1, size: int = 64) -> Any:
    """The same with an eighth of the channels and a coarser first scale, for trials."""
    return _catalogued("bone_generator_small", labels, size)


def build_discriminator(*, scale: int, channels: int = BASE_CHANNELS) -> Any:
    """Build the discriminator of one scale with fresh weights.

    Returns
    -------
    keras.Model
        Inputs: a radiograph and a bone image, float32 (n, scale, scale, 1) each. Output: float32
        (n, scale / 8, scale / 8, 1), above 0 where the patch looks real.
    """
    radiograph = keras.Input((scale, scale, 1), name="radiograph")
    bones = keras.Input((scale, scale, 1), name="bones")
    x = layers.Concatenate(name="pair")([radiograph, bones])
    for index in range(3):
        x = _conv(x, channels * 2**index, f"judge{scale}_{index + 1}", kernel=4, strides=2)
    if scale // 8 <= LARGEST_ATTENTION:
        x = SelfAttention(name=f"judge{scale}_attention")(x)
    x = _conv(x, channels * 8, f"judge{scale}_4", kernel=3)
    logits = layers.Conv2D(1, 3, padding="same", name=f"judge{scale}_head", dtype="float32")(x)
    return keras.Model([radiograph, bones], logits, name=f"bone_discriminator_{scale}")


def shrunk(image: Any, factor: int, name: str | None = None) -> Any:
    """An image (n, h, w, 1) at 1 / ``factor`` of its sides, by averaging."""
    if factor == 1:
        return image
    return layers.AveragePooling2D(factor, name=name)(image)


def _unet(x: Any, channels: int, name: str, *, attention: bool) -> Any:
    """Three levels down and up again: (n, h, w, c) to (n, h, w, channels)."""
    skips = []
    for index in range(3):
        skips.append(_conv(x, channels * 2**index, f"{name}_down{index}"))
        x = _conv(skips[-1], channels * 2**index, f"{name}_stride{index}", kernel=4, strides=2)
    if attention:
        x = SelfAttention(name=f"{name}_attention")(x)
    for index in (2, 1, 0):
        joined = layers.Concatenate(name=f"{name}_skip{index}")([_enlarged(x), skips[index]])
        x = _conv(joined, channels * 2**index, f"{name}_up{index}")
    return x


def _conv(x: Any, filters: int, name: str, *, kernel: int = 3, strides: int = 1) -> Any:
    conv = layers.Conv2D(filters, kernel, strides=strides, padding="same", name=f"{name}_conv")
    x = _spectral(conv, name)(x)
    return layers.LeakyReLU(0.2, name=f"{name}_relu")(x)


def _spectral(layer: Any, name: str) -> Any:
    return layers.SpectralNormalization(layer, name=name)


def _pointwise(filters: int, name: str) -> Any:
    return _spectral(layers.Conv2D(filters, 1, use_bias=False, name="conv"), name)


def _enlarged(image: Any, name: str | None = None) -> Any:
    return layers.UpSampling2D(2, interpolation="nearest", name=name)(image)


def _flat(features: Any) -> Any:
    """(n, h, w, c) to (n, h w, c)."""
    return ops.reshape(features, (-1, features.shape[1] * features.shape[2], features.shape[3]))


def _catalogued(architecture: str, labels: int, size: int) -> Any:
    if labels != 1:
        raise ValueError(f"{labels} labels: a bone generator draws one thing, bones")
    channels = CHANNELS[architecture]
    return build_generator(scales=scales_of(architecture, size), channels=channels)


def _require_doubling(scales: tuple[int, ...]) -> None:
    pairs = pairwise(scales)
    if not scales or scales[0] % 8 or any(finer != 2 * coarser for coarser, finer in pairs):
        raise ValueError(
            f"scales {scales}: each must be twice the one before, the first a multiple of 8"
        )
