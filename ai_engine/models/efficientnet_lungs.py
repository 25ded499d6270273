"""EfficientNet-Lite2 that looks at the lungs: what its stages saw, averaged where the lungs are.

The maps of four stages stand side by side on the last one's grid (hypercolumns, Hariharan et al.,
CVPR 2015), in deviations from their usual mean. One convolution of a single pixel says where lungs
are, and the maps are averaged with that weight instead of evenly: borders, markers, arms and the
abdomen count little, and the heat map stays where the lungs are. The head is linear, so Grad-CAM
has its closed form (`ai_engine.inference.explain`).

`build_efficientnet_lite2_lungs` is EfficientNet-Lite2 as it is, its last map alone averaged that
way, and what lies beyond the lungs counts a little: for classifiers that were trained without.
`build_efficientnet_two_looks` has both on one head: one looks at grey values, the other at their
ranks, which tell nothing of exposure.

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

RANKS = "ranks_"
"""How the names of the layers begin that see ranks, where a network has two looks."""

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
    attended = _columns_look(enter_layout(image), normalization)
    return _judging(image, attended, labels=labels, name="efficientnet_lungs")


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
    attended = _lite2_look(enter_layout(image), normalization)
    return _judging(image, attended, labels=labels, name="efficientnet_lite2_lungs")


def build_efficientnet_two_looks(
    *,
    labels: int,
    size: int | None = 384,
    normalization: NormalizationLayer = layers.BatchNormalization,
    channels: int = 2,
) -> keras.Model:
    """Build both networks side by side, with one head; parameters as above.

    Layers of the look at ranks have names that begin with `RANKS`.

    Returns
    -------
    keras.Model
        Input float32 (n, size, size, 2): grey values, and their ranks. Outputs: probabilities
        float32 (n, labels), and the weighted maps of both looks (n, size / 32, size / 32, 2976),
        whose mean the head sees.

    Raises
    ------
    ValueError
        If there are other channels than these two.
    """
    if channels != 2:
        raise ValueError(f"it looks at grey values and their ranks, not at {channels} channels")
    image = keras.Input((size, size, 2), name="image")
    values, ranks = ops.split(enter_layout(image), 2, axis=channel_axis())
    attended = layers.Concatenate(axis=channel_axis(), name="looks")(
        [_lite2_look(values, normalization), _columns_look(ranks, normalization, prefix=RANKS)]
    )
    return _judging(image, attended, labels=labels, name="efficientnet_two_looks")


def _columns_look(
    image: keras.KerasTensor, normalization: NormalizationLayer, *, prefix: str = ""
) -> keras.KerasTensor:
    """Four stages' maps side by side, in deviations from what is usual, by how much is lung."""
    stages = stages_of_lite2(image, normalization, prefix=prefix)
    axis = channel_axis()
    places = _places(stages, prefix)
    columns = layers.Concatenate(axis=axis, name=f"{prefix}columns")(
        [places, features_of_lite2(stages[-1], normalization, prefix=prefix)]
    )
    usual = layers.BatchNormalization(
        axis=axis, center=False, scale=False, epsilon=1e-3, name=f"{prefix}columns_bn"
    )(columns, training=False)
    lungs = layers.Conv2D(1, 1, activation="sigmoid", name=f"{prefix}lungs")(places)
    share = ops.mean(lungs, axis=(1, 2, 3), keepdims=True) + SMALLEST_SHARE
    return layers.Multiply(name=f"{prefix}attended")([usual, lungs / share])


def _lite2_look(image: keras.KerasTensor, normalization: NormalizationLayer) -> keras.KerasTensor:
    """The last map by how much is lung; what lies beyond counts a little."""
    stages = stages_of_lite2(image, normalization)
    features = features_of_lite2(stages[-1], normalization)
    lungs = layers.Conv2D(1, 1, activation="sigmoid", name="lungs")(_places(stages))
    counted = BEYOND + (1 - BEYOND) * lungs
    share = ops.mean(counted, axis=(1, 2, 3), keepdims=True)
    return layers.Multiply(name="attended")([features, counted / share])


def _places(stages: list[keras.KerasTensor], prefix: str = "") -> keras.KerasTensor:
    """What says where lungs are: three stages side by side on the last one's grid."""
    fine = [
        layers.AveragePooling2D(2, name=f"{prefix}stage{at}_mean")(stages[at]) for at in FINE_STAGES
    ]
    return layers.Concatenate(axis=channel_axis(), name=f"{prefix}places")([*fine, stages[5]])


def _judging(
    image: keras.KerasTensor, attended: keras.KerasTensor, *, labels: int, name: str
) -> keras.Model:
    """Put a linear head on the mean of maps that are weighted by their places."""
    pooled = layers.GlobalAveragePooling2D(name="pooled", dtype="float32")(attended)
    logits = layers.Dense(labels, name="head", dtype="float32")(pooled)
    probabilities = layers.Activation("sigmoid", name="probabilities", dtype="float32")(logits)
    return keras.Model(image, [probabilities, leave_layout(attended)], name=name)
