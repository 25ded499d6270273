"""A small detector on EfficientNet-Lite2: what its stages saw, and a few convolutions above.

Trained on few boxes: the trunk stays as ImageNet left it, and what is learned has some 100,000
weights. KerasHub's RetinaNet (`.network`) has 34 million, and wants thousands of boxes.

Importing this module imports Keras, on whichever backend the process has chosen.
"""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from ai_engine.kinds.detector.cells import EDGES, STRIDE, centres
from ai_engine.models.efficientnet_lite import stages_of_lite2

SIZE = 256
CHANNELS = 32
DILATIONS = (1, 2, 4)
"""Of the convolutions above the columns: the last sees half of a radiograph."""

RARE = -3.0
"""The bias that every cell begins with: few have a box around them."""

COLUMNS, NORMALIZED, SAID = "columns", "columns_bn", "said"
"""Layers: what the stages saw side by side, the same in deviations from what is usual, and what the
head says of each cell: its log odds by label, and how far the edges are in parts of the input."""


def build_opacity_cells(*, labels: int, size: int | None = SIZE) -> keras.Model:
    """Build the network with fresh weights.

    Parameters
    ----------
    labels
        Kinds of finding that it boxes.
    size
        Rows and columns of the input, a multiple of 32.

    Returns
    -------
    keras.Model
        Input ``image``, float32 (n, size, size, 1). Outputs: ``boxes``, float32 (n, m, 4) as left,
        top, right and bottom in pixels of the input, for every cell, and ``scores``, float32
        (n, m, labels) from 0 to 1; nothing is suppressed.
    """
    side = size or SIZE
    image = keras.Input((side, side, 1), name="image")
    stages = stages_of_lite2(image, layers.BatchNormalization)
    columns = layers.Concatenate(name=COLUMNS)(
        [
            layers.AveragePooling2D(2, name="fine_mean")(stages[2]),
            stages[4],
            layers.UpSampling2D(2, name="coarse_up")(stages[6]),
        ]
    )
    usual = layers.BatchNormalization(center=False, scale=False, epsilon=1e-3, name=NORMALIZED)(
        columns, training=False
    )
    said = _head(usual, labels)
    boxes = _edges(said[..., labels:], side)
    scores = layers.Activation("sigmoid", name="sure", dtype="float32")(said[..., :labels])
    made = {
        "boxes": layers.Reshape((-1, EDGES), name="boxes")(boxes),
        "scores": layers.Reshape((-1, labels), name="scores")(scores),
    }
    return keras.Model(image, made, name="opacity_cells")


def _head(columns: Any, labels: int) -> Any:
    x = layers.Dropout(0.3, name="head_dropout")(columns)
    x = layers.Conv2D(CHANNELS, 1, activation="relu", name="head_mix")(x)
    for at, dilation in enumerate(DILATIONS, start=1):
        x = layers.Conv2D(
            *(CHANNELS, 3),
            padding="same",
            dilation_rate=dilation,
            activation="relu",
            name=f"head_conv{at}",
        )(x)
    sure = layers.Conv2D(
        labels, 1, name="head_sure", bias_initializer=keras.initializers.Constant(RARE)
    )(x)
    edges = layers.Conv2D(EDGES, 1, name="head_edges", activation="softplus")(x)
    return layers.Concatenate(name=SAID, dtype="float32")([sure, edges])


def _edges(distances: Any, size: int) -> Any:
    """Distances of the edges (n, grid, grid, 4) as edges in pixels."""
    across, down = centres(size)
    middles = np.stack([across, down, across, down], axis=-1)[np.newaxis]
    signs = np.array([-1, -1, 1, 1], np.float32) * np.float32(size)
    return ops.add(ops.multiply(distances, signs), middles)


def grid_of(size: int) -> int:
    """Rows and columns of cells of an input."""
    return size // STRIDE
