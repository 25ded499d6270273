"""EfficientNet-Lite (R. Liu, TensorFlow blog, March 2020): EfficientNet for plain arithmetic.

Against EfficientNet (Tan and Le, ICML 2019) it has no squeeze-and-excitation, clips activations at
6, and keeps the stem, the first and last block and the last convolution at one size for all
widths. Published ImageNet weights can start a training on few radiographs
(`ai_engine.training.pretrained`); variable paths follow the layers' names below.

Importing this module imports Keras, on whichever backend the process has chosen.
"""

import math
from dataclasses import dataclass

import keras
from keras import layers

from ai_engine.models.dense_blocks import NormalizationLayer
from ai_engine.models.layout import channel_axis, enter_layout, leave_layout

STEM_CHANNELS = 32
FEATURE_CHANNELS = 1280
DIVISOR = 8
EPSILON = 1e-3
MOMENTUM = 0.9
"""The publication's 0.99 follows too slowly for trainings of a few hundred steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Blocks of one shape; only the first of them has the stride."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


STAGES = (
    Stage(repeats=1, kernel=3, stride=1, expansion=1, channels=16),
    Stage(repeats=2, kernel=3, stride=2, expansion=6, channels=24),
    Stage(repeats=2, kernel=5, stride=2, expansion=6, channels=40),
    Stage(repeats=3, kernel=3, stride=2, expansion=6, channels=80),
    Stage(repeats=3, kernel=5, stride=1, expansion=6, channels=112),
    Stage(repeats=4, kernel=5, stride=2, expansion=6, channels=192),
    Stage(repeats=1, kernel=3, stride=1, expansion=6, channels=320),
)
"""EfficientNet-B0's table 1; the widths and depths below scale it."""


def build_efficientnet_lite2(
    *,
    labels: int,
    size: int | None = 288,
    normalization: NormalizationLayer = layers.BatchNormalization,
) -> keras.Model:
    """Build EfficientNet-Lite2 (width 1.1, depth 1.2) with fresh weights.

    Parameters
    ----------
    labels
        Number of sigmoid units in the head.
    size
        Rows and columns of the input; None leaves them open.
    normalization
        The batch normalisation layer's class, as for `ai_engine.models.densenet`.

    Returns
    -------
    keras.Model
        Input float32 (n, size, size, 1). Outputs: probabilities float32 (n, labels), and the last
        feature map (n, size / 32, size / 32, 1280), after the last activation.
    """
    image = keras.Input((size, size, 1), name="image")
    features = features_of_lite2(
        stages_of_lite2(enter_layout(image), normalization)[-1], normalization
    )
    pooled = layers.GlobalAveragePooling2D(name="pooled", dtype="float32")(features)
    logits = layers.Dense(labels, name="head", dtype="float32")(pooled)
    probabilities = layers.Activation("sigmoid", name="probabilities", dtype="float32")(logits)
    return keras.Model(image, [probabilities, leave_layout(features)], name="efficientnet_lite2")


def build_efficientnet_lite2_classes(*, labels: int, size: int | None = 224) -> keras.Model:
    """Build the network for classes of which one holds: probabilities (n, labels) sum to 1."""
    base = build_efficientnet_lite2(labels=labels, size=size)
    softmax = layers.Softmax(name="classes", dtype="float32")
    probabilities = softmax(base.get_layer("head").output)
    return keras.Model(
        base.input, [probabilities, base.output[1]], name="efficientnet_lite2_classes"
    )


def stages_of_lite2(
    image: keras.KerasTensor, normalization: NormalizationLayer, *, prefix: str = ""
) -> list[keras.KerasTensor]:
    """The maps after each of the seven stages of EfficientNet-Lite2, in the layout inside.

    ``prefix`` begins the layers' names, where a network has several of them.
    """
    x = layers.Conv2D(
        STEM_CHANNELS, 3, strides=2, padding="same", use_bias=False, name=f"{prefix}stem_conv"
    )(image)
    x = _normalize(x, f"{prefix}stem", normalization)
    maps, index = [], 0
    for stage in scaled_stages(width=1.1, depth=1.2):
        for repeat in range(stage.repeats):
            stride = stage.stride if repeat == 0 else 1
            x = _block(x, stage, stride, f"{prefix}block{index}", normalization)
            index += 1
        maps.append(x)
    return maps


def features_of_lite2(
    last: keras.KerasTensor, normalization: NormalizationLayer, *, prefix: str = ""
) -> keras.KerasTensor:
    """The last convolution over the last stage's map: 1280 channels, in the layout inside."""
    x = layers.Conv2D(FEATURE_CHANNELS, 1, use_bias=False, name=f"{prefix}features_conv")(last)
    return _normalize(x, f"{prefix}features", normalization)


def scaled_stages(*, width: float, depth: float) -> tuple[Stage, ...]:
    """The stages with scaled channels and repeats; the first and last keep their depth."""
    ends = (STAGES[0], STAGES[-1])
    return tuple(
        Stage(
            repeats=stage.repeats if stage in ends else math.ceil(stage.repeats * depth),
            kernel=stage.kernel,
            stride=stage.stride,
            expansion=stage.expansion,
            channels=_scaled_channels(stage.channels, width),
        )
        for stage in STAGES
    )


def _scaled_channels(channels: int, width: float) -> int:
    """To a multiple of 8, never more than a tenth below."""
    wanted = channels * width
    rounded = max(DIVISOR, int(wanted + DIVISOR / 2) // DIVISOR * DIVISOR)
    return rounded + DIVISOR if rounded < 0.9 * wanted else rounded


def _block(
    x: keras.KerasTensor,
    stage: Stage,
    stride: int,
    name: str,
    normalization: NormalizationLayer,
) -> keras.KerasTensor:
    """Widen, filter each channel, narrow; add the input where shapes allow."""
    entered, channels = x, x.shape[channel_axis()]
    if stage.expansion > 1:
        x = layers.Conv2D(
            channels * stage.expansion, 1, use_bias=False, name=f"{name}_expand_conv"
        )(x)
        x = _normalize(x, f"{name}_expand", normalization)
    x = layers.DepthwiseConv2D(
        stage.kernel, strides=stride, padding="same", use_bias=False, name=f"{name}_depthwise_conv"
    )(x)
    x = _normalize(x, f"{name}_depthwise", normalization)
    x = layers.Conv2D(stage.channels, 1, use_bias=False, name=f"{name}_project_conv")(x)
    x = normalization(
        axis=channel_axis(), momentum=MOMENTUM, epsilon=EPSILON, name=f"{name}_project_bn"
    )(x)
    if stride == 1 and channels == stage.channels:
        x = layers.Add(name=f"{name}_add")([entered, x])
    return x


def _normalize(
    x: keras.KerasTensor, name: str, normalization: NormalizationLayer
) -> keras.KerasTensor:
    axis = channel_axis()
    x = normalization(axis=axis, momentum=MOMENTUM, epsilon=EPSILON, name=f"{name}_bn")(x)
    return layers.ReLU(max_value=6.0, name=f"{name}_relu")(x)
