"""EfficientNet-Lite2 that looks at the lungs: what its stages saw, averaged where the lungs are.

The maps of four stages stand side by side on the last one's grid (hypercolumns, Hariharan et al.,
CVPR 2015), in deviations from their usual mean. One convolution of a single pixel says where lungs
are, and the maps are averaged with that weight instead of evenly: borders, markers, arms and the
abdomen count little, and the heat map stays where the lungs are. The head is linear, so Grad-CAM
has its closed form (`ai_engine.inference.explain`).

`build_efficientnet_lite2_lungs` is EfficientNet-Lite2 as it is, its last map alone averaged that
way, and what lies beyond the lungs counts a little: for classifiers that were trained without.

Importing this module imports Keras, on whichever backend the process has chosen.
"""

import keras
from keras import layers, ops

from ai_engine.models.dense_blocks import NormalizationLayer
from ai_engine.models.efficientnet_lite import features_of_lite2, stages_of_lite2
from ai_engine.models.layout import channel_axis, enter_layout, leave_layout

FINE_STAGES = (3, 4)
"""Stages whose maps have twice the last one's rows and columns."""

SMALLEST_SHARE = 1e-3
"""Of an image without lungs, something is averaged, too."""

BEYOND = 0.1
"""What a place beyond the lungs counts of one within: a lung that is white as a whole is seen as
none."""


def build_efficientnet_lungs(
    *,
    labels: int,
    size: int | None = 320,
    normalization: NormalizationLayer = layers.BatchNormalization,
) -> keras.Model:
    """Build the network with fresh weights.

    Parameters
    ----------
    labels
        Number of sigmoid units in the head.
    size
        Rows and columns of the input, a multiple of 32; None leaves them open.
    normalization
        The batch normalisation layer's class, as for `ai_engine.models.densenet`.

    Returns
    -------
    keras.Model
        Input float32 (n, size, size, 1). Outputs: probabilities float32 (n, labels), and the
        weighted maps (n, size / 32, size / 32, 1696), whose mean the head sees.
    """
    image = keras.Input((size, size, 1), name="image")
    stages = stages_of_lite2(enter_layout(image), normalization)
    axis = channel_axis()
    places = _places(stages)
    columns = layers.Concatenate(axis=axis, name="columns")(
        [places, features_of_lite2(stages[-1], normalization)]
    )
    usual = layers.BatchNormalization(
        axis=axis, center=False, scale=False, epsilon=1e-3, name="columns_bn"
    )(columns, training=False)
    lungs = layers.Conv2D(1, 1, activation="sigmoid", name="lungs")(places)
    share = ops.mean(lungs, axis=(1, 2, 3), keepdims=True) + SMALLEST_SHARE
    return _attending(image, usual, lungs / share, labels=labels, name="efficientnet_lungs")


def build_efficientnet_lite2_lungs(
    *,
    labels: int,
    size: int | None = 384,
    normalization: NormalizationLayer = layers.BatchNormalization,
) -> keras.Model:
    """Build EfficientNet-Lite2 averaged where lungs are; parameters as above.

    Returns
    -------
    keras.Model
        Input float32 (n, size, size, 1). Outputs: probabilities float32 (n, labels), and the
        weighted map (n, size / 32, size / 32, 1280), whose mean the head sees.
    """
    image = keras.Input((size, size, 1), name="image")
    stages = stages_of_lite2(enter_layout(image), normalization)
    features = features_of_lite2(stages[-1], normalization)
    lungs = layers.Conv2D(1, 1, activation="sigmoid", name="lungs")(_places(stages))
    counted = BEYOND + (1 - BEYOND) * lungs
    share = ops.mean(counted, axis=(1, 2, 3), keepdims=True)
    return _attending(
        image, features, counted / share, labels=labels, name="efficientnet_lite2_lungs"
    )


def _places(stages: list[keras.KerasTensor]) -> keras.KerasTensor:
    """What says where lungs are: three stages side by side on the last one's grid."""
    fine = [layers.AveragePooling2D(2, name=f"stage{at}_mean")(stages[at]) for at in FINE_STAGES]
    return layers.Concatenate(axis=channel_axis(), name="places")([*fine, stages[5]])


def _attending(
    image: keras.KerasTensor,
    maps: keras.KerasTensor,
    weights: keras.KerasTensor,
    *,
    labels: int,
    name: str,
) -> keras.Model:
    """Average maps with weights whose mean is 1, and put a linear head on what that gives."""
    attended = layers.Multiply(name="attended")([maps, weights])
    pooled = layers.GlobalAveragePooling2D(name="pooled", dtype="float32")(attended)
    logits = layers.Dense(labels, name="head", dtype="float32")(pooled)
    probabilities = layers.Activation("sigmoid", name="probabilities", dtype="float32")(logits)
    return keras.Model(image, [probabilities, leave_layout(attended)], name=name)
