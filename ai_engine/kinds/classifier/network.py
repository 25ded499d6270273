"""The network as it is trained: faster normalisation, auxiliary targets, logits."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras import layers

from ai_engine.kinds.classifier.findings_batches import ATTRIBUTES
from ai_engine.library.weights_file import assign_weights
from ai_engine.models.catalogue import build
from ai_engine.training.normalization import FusedBatchNormalization
from ai_engine.training.pretrained import imagenet_weights, start_from
from ai_engine.training.recipe import Recipe


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class StartWeights:
    """Weights that a training goes on from, by variable path, and the file that they are from."""

    tensors: Mapping[str, npt.NDArray[np.float32]]
    source: Path


class FixedBatchNormalization(layers.BatchNormalization):  # type: ignore[misc]  # Keras is untyped
    """Batch normalisation that keeps its moments, and normalises as the served network does.

    A few hundred images of one device would draw the moments to that device, and away from all
    others. Scale and offset are trained.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise (n, rows, columns, channels) by the moments that the weights came with."""
        del training
        return super().call(inputs, training=False, mask=mask)


def build_training_network(recipe: Recipe, start: StartWeights | None = None) -> keras.Model:
    """The recipe's network with an auxiliary head: logits (n, labels + auxiliary + 3).

    The variables it shares with the served network have the same paths there, and the values of
    ``start`` where it is given.

    Raises
    ------
    ModelFolderError
        If the weights to start from are not of the recipe's architecture and labels.
    """
    fixed = recipe.fixed_moments
    base = build(
        recipe.architecture,
        labels=len(recipe.labels),
        size=None,
        channels=recipe.planes,
        normalization=FixedBatchNormalization if fixed else FusedBatchNormalization,
    )
    if start is not None:
        assign_weights(base, start.tensors, source=start.source)
    elif recipe.imagenet:
        start_from(base, imagenet_weights(recipe.architecture))
    pooled = base.get_layer("pooled").output
    head = base.get_layer("head")
    if recipe.dropout:
        pooled = layers.Dropout(recipe.dropout, name="dropout", dtype="float32")(pooled)
    others = len(recipe.auxiliary_labels) + ATTRIBUTES
    auxiliary = layers.Dense(others, name="auxiliary", dtype="float32")(pooled)
    logits = layers.Concatenate(name="logits", dtype="float32")([head(pooled), auxiliary])
    return keras.Model(base.input, logits, name="training")


def loss_weights(recipe: Recipe) -> Any:
    """Weight of each kind of target, float32 (labels + auxiliary + 3,)."""
    return tf.constant(
        [1.0] * len(recipe.labels)
        + [recipe.auxiliary_weight] * len(recipe.auxiliary_labels)
        + [recipe.attribute_weight] * ATTRIBUTES,
        dtype=tf.float32,
    )


def training_loss(targets: Any, logits: Any, weights: Any) -> Any:
    """Weighted sum of cross entropies, and of the squared error of the last column, the age.

    ``weights`` is (targets,) or, where images count differently, (n, targets).
    """
    crossed = tf.nn.sigmoid_cross_entropy_with_logits(labels=targets[:, :-1], logits=logits[:, :-1])
    squared = tf.square(targets[:, -1:] - logits[:, -1:])
    each = tf.concat([crossed, squared], axis=1)
    return tf.reduce_mean(tf.reduce_sum(each * weights, axis=1))
