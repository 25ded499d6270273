"""Training of the dual branch on pairs of views. Importing this module loads TensorFlow."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from ai_engine.datasets.cxr import CxrDataset, Split
from ai_engine.kinds.classifier.batches import label_targets, usable_items
from ai_engine.kinds.classifier.training import (
    CHANNELS_FOLDER,
    ImageTraining,
    build_network,
    known_crossentropy,
    mean_auc,
)
from ai_engine.kinds.dual_view.batches import HEADS, pair_batches, plain_pairs
from ai_engine.kinds.dual_view.dataset import ViewPair, view_pairs
from ai_engine.kinds.installed import NO_MODELS, RunModels
from ai_engine.library.weights_file import model_tensors
from ai_engine.training.channel_planes import ChannelPlanes
from ai_engine.training.keras_optimizer import compile_model
from ai_engine.training.keras_run import KerasRun, Progress
from ai_engine.training.published_recipe import PublishedRecipe

FloatArray = npt.NDArray[np.float32]

_INFERENCE_BATCH = 4


def train_pairs(
    recipe: PublishedRecipe,
    dataset: CxrDataset,
    *,
    folder: Path,
    resume: bool,
    progress: Progress,
    models: RunModels = NO_MODELS,
) -> ImageTraining:
    """Train on the data set's pairs; what is returned of the validation is about its frontals.

    Raises
    ------
    DatasetError
        If the data set has not what the recipe learns, or doesn't know studies.
    RecipeError
        If the model to start from doesn't fit.
    """
    usable_items(dataset, dataset.part(Split.TRAIN), recipe)
    train, valid = (view_pairs(dataset, split) for split in (Split.TRAIN, Split.VALID))
    network = build_network(recipe, models)
    planes = ChannelPlanes(models.channels, folder / CHANNELS_FOLDER)
    joined, _, _, frontal, lateral = network.output
    model = keras.Model(network.input, [joined, frontal, lateral], name=network.name)
    compile_model(model, recipe, [known_crossentropy] * HEADS)
    run = KerasRun(
        model,
        recipe,
        batches=lambda epoch: pair_batches(dataset, train, recipe, epoch, planes),
        measure=lambda trained: _measure(trained, dataset, valid, recipe, planes),
        folder=folder,
        rests_on=models.fingerprint,
    )
    history = run.run(resume=resume, progress=progress)
    return ImageTraining(
        tensors=model_tensors(network),
        history=history,
        valid=tuple(pair.frontal for pair in valid),
        probabilities=_probabilities(model, dataset, valid, recipe, planes),
    )


def _measure(
    model: Any,
    dataset: CxrDataset,
    valid: Sequence[ViewPair],
    recipe: PublishedRecipe,
    planes: ChannelPlanes,
) -> dict[str, float]:
    """Loss and mean AUC of the joined head."""
    truth = label_targets([pair.frontal for pair in valid], recipe.labels)
    made = _probabilities(model, dataset, valid, recipe, planes)
    loss = float(np.mean(known_crossentropy(truth, made)))
    return {"valid_loss": loss, "valid_auc": mean_auc(truth, made)}


def _probabilities(
    model: Any,
    dataset: CxrDataset,
    pairs: Sequence[ViewPair],
    recipe: PublishedRecipe,
    planes: ChannelPlanes,
) -> FloatArray:
    """The joined head's answers: float32 (pairs, labels)."""
    parts = []
    for start in range(0, len(pairs), _INFERENCE_BATCH):
        inputs = plain_pairs(dataset, pairs[start : start + _INFERENCE_BATCH], recipe, planes)
        parts.append(np.asarray(model.predict_on_batch(inputs)[0]))
    return np.concatenate(parts).astype(np.float32)
