"""Training of a classifier by a published recipe. Importing this module loads TensorFlow."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops
from sklearn.metrics import roc_auc_score

from ai_engine.datasets.cxr import CxrDataset, CxrItem, Split
from ai_engine.kinds.classifier.batches import (
    image_batches,
    label_targets,
    plain_input,
    usable_items,
)
from ai_engine.kinds.installed import NO_MODELS, RunModels
from ai_engine.kinds.start_weights import start_network
from ai_engine.library.weights_file import model_tensors
from ai_engine.models.catalogue import build
from ai_engine.training.channel_planes import ChannelPlanes
from ai_engine.training.keras_optimizer import compile_model
from ai_engine.training.keras_run import KerasRun, Progress
from ai_engine.training.published_recipe import PublishedRecipe

FloatArray = npt.NDArray[np.float32]

CHANNELS_FOLDER = "channels"
"""Folder of a run where the further channels of its images are kept."""

_INFERENCE_BATCH = 16


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ImageTraining:
    """The weights by path, each epoch's figures, and the answers on the validation part.

    ``probabilities`` are float32 (valid, labels).
    """

    tensors: dict[str, FloatArray]
    history: tuple[dict[str, Any], ...]
    valid: tuple[CxrItem, ...]
    probabilities: FloatArray


def train_images(
    recipe: PublishedRecipe,
    dataset: CxrDataset,
    *,
    folder: Path,
    resume: bool,
    progress: Progress,
    models: RunModels = NO_MODELS,
) -> ImageTraining:
    """Train on the data set's training part; the validation part steers and chooses.

    ``models`` are the one to start from, and those that make the network's further channels.

    Raises
    ------
    DatasetError
        If the data set has not what the recipe learns.
    RecipeError
        If the model to start from doesn't fit.
    """
    train, valid = (
        usable_items(dataset, dataset.part(split), recipe) for split in (Split.TRAIN, Split.VALID)
    )
    network = build_network(recipe, models)
    planes = ChannelPlanes(models.channels, folder / CHANNELS_FOLDER)
    model = keras.Model(network.input, network.output[0], name=network.name)
    loss = "categorical_crossentropy" if recipe.exclusive else known_crossentropy
    compile_model(model, recipe, loss)
    run = KerasRun(
        model,
        recipe,
        batches=lambda epoch: image_batches(dataset, train, recipe, epoch, planes),
        measure=lambda trained: _measure(trained, dataset, valid, recipe, planes),
        folder=folder,
        rests_on=models.fingerprint,
    )
    history = run.run(resume=resume, progress=progress)
    return ImageTraining(
        tensors=model_tensors(network),
        history=history,
        valid=valid,
        probabilities=probabilities_of(model, dataset, valid, recipe, planes),
    )


def build_network(recipe: PublishedRecipe, models: RunModels) -> Any:
    """The recipe's network, with fresh weights or those of the model that it starts from.

    Raises
    ------
    RecipeError
        If that model doesn't fit.
    """
    network = build(
        recipe.architecture,
        labels=len(recipe.labels),
        size=recipe.input_size,
        channels=1 + len(recipe.channels),
    )
    if models.start is not None:
        start_network(network, recipe, models.start)
    return network


def known_crossentropy(truth: Any, made: Any) -> Any:
    """Binary cross entropy over the labels that somebody decided on; the others are NaN."""
    known = ops.logical_not(ops.isnan(truth))
    certain = ops.where(known, truth, ops.zeros_like(truth))
    each = ops.binary_crossentropy(certain, made)
    counted = ops.cast(known, each.dtype)
    return ops.sum(each * counted, axis=-1) / ops.maximum(ops.sum(counted, axis=-1), 1)


def _measure(
    model: Any,
    dataset: CxrDataset,
    valid: Sequence[CxrItem],
    recipe: PublishedRecipe,
    planes: ChannelPlanes,
) -> dict[str, float]:
    """Validation loss, and the mean AUC of labels or the share of right classes."""
    truth = label_targets(valid, recipe.labels)
    made = probabilities_of(model, dataset, valid, recipe, planes)
    if recipe.exclusive:
        loss = keras.losses.categorical_crossentropy(truth, made)
        right = truth.argmax(axis=1) == made.argmax(axis=1)
        measured = {"valid_accuracy": float(right.mean())}
    else:
        loss = known_crossentropy(truth, made)
        measured = {"valid_auc": mean_auc(truth, made)}
    return {"valid_loss": float(np.mean(loss))} | measured


def mean_auc(truth: FloatArray, made: FloatArray) -> float:
    """The mean over the labels of which there are positives and negatives; 0.5 without any."""
    values = []
    for column in range(truth.shape[1]):
        known = ~np.isnan(truth[:, column])
        labels = truth[known, column]
        if 0 < labels.sum() < len(labels):
            values.append(roc_auc_score(labels, made[known, column]))
    return float(np.mean(values)) if values else 0.5


def probabilities_of(
    model: Any,
    dataset: CxrDataset,
    items: Sequence[CxrItem],
    recipe: PublishedRecipe,
    planes: ChannelPlanes | None = None,
    *,
    mirrored: bool = False,
) -> FloatArray:
    """A model's answers on the views that serving would build: float32 (items, labels).

    Of the views' mirror images if ``mirrored``.
    """
    parts = []
    for start in range(0, len(items), _INFERENCE_BATCH):
        chosen = items[start : start + _INFERENCE_BATCH]
        views = np.stack([plain_input(dataset, item, recipe, planes) for item in chosen])
        parts.append(np.asarray(model.predict_on_batch(views[:, :, ::-1] if mirrored else views)))
    return np.concatenate(parts).astype(np.float32)
