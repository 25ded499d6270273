"""Training of XNet on CT slices (paper 5, section 5.5). Importing this module loads TensorFlow."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from ai_engine.ct.dataset import MosMedStudy, split_studies
from ai_engine.ct.slice_batches import (
    MaskedSlices,
    load_slices,
    slice_batches,
)
from ai_engine.datasets.cxr import Split
from ai_engine.library.weights_file import model_tensors
from ai_engine.measures.overlap import dice, intersection_over_union
from ai_engine.models.catalogue import build
from ai_engine.training.keras_optimizer import compile_model
from ai_engine.training.keras_run import KerasRun, Progress
from ai_engine.training.published_recipe import PublishedRecipe

FloatArray = npt.NDArray[np.float32]

MASK_THRESHOLD = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredStudy:
    """How the masks of one unseen study agree with those that were drawn, over all its slices."""

    study: str
    slices: int
    dice: float
    iou: float


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SliceTraining:
    """The weights by path, each epoch's figures, and those of the test part's studies."""

    tensors: dict[str, FloatArray]
    history: tuple[dict[str, Any], ...]
    studies: dict[Split, int]
    test: tuple[MeasuredStudy, ...]


def train_slices(
    recipe: PublishedRecipe,
    studies: Sequence[MosMedStudy],
    *,
    folder: Path,
    resume: bool,
    progress: Progress,
) -> SliceTraining:
    """Train on the slices of the training part's studies; the validation part chooses the epoch.

    Raises
    ------
    DatasetError
        If too few studies have masks, or a file can't be used.
    """
    parts = split_studies(studies)
    train, valid = (
        [load_slices(study, recipe.input_size) for study in parts[split]]
        for split in (Split.TRAIN, Split.VALID)
    )
    network = build(recipe.architecture, labels=len(recipe.labels), size=recipe.input_size)
    compile_model(network, recipe, "binary_crossentropy")
    run = KerasRun(
        network,
        recipe,
        batches=lambda epoch: slice_batches(train, recipe, epoch),
        measure=lambda trained: _validated(trained, valid, recipe),
        folder=folder,
    )
    history = run.run(resume=resume, progress=progress)
    test = [load_slices(study, recipe.input_size) for study in parts[Split.TEST]]
    return SliceTraining(
        tensors=model_tensors(network),
        history=history,
        studies={split: len(part) for split, part in parts.items()},
        test=tuple(_measured(network, study, recipe) for study in test),
    )


def _validated(
    model: Any, valid: Sequence[MaskedSlices], recipe: PublishedRecipe
) -> dict[str, float]:
    """Validation loss over all slices, and the mean Dice of the studies."""
    losses, overlaps = [], []
    for study in valid:
        made = _probabilities(model, study, recipe)
        truth = study.masks.astype(np.float32)
        losses.append(np.mean(keras.losses.binary_crossentropy(truth, made), axis=(1,)))
        overlaps.append(dice(made >= MASK_THRESHOLD, study.masks.astype(np.bool_)))
    return {
        "valid_loss": float(np.concatenate(losses).mean()),
        "valid_dice": float(np.mean(overlaps)),
    }


def _measured(model: Any, study: MaskedSlices, recipe: PublishedRecipe) -> MeasuredStudy:
    made = _probabilities(model, study, recipe) >= MASK_THRESHOLD
    truth = study.masks.astype(np.bool_)
    return MeasuredStudy(
        study=study.study,
        slices=len(truth),
        dice=dice(made, truth),
        iou=intersection_over_union(made, truth),
    )


def _probabilities(model: Any, study: MaskedSlices, recipe: PublishedRecipe) -> FloatArray:
    """Of each pixel: float32 (slices, size, size)."""
    parts = []
    for start in range(0, len(study.images), recipe.batch_size):
        batch = study.images[start : start + recipe.batch_size].astype(np.float32)
        parts.append(np.asarray(model.predict_on_batch(batch[..., np.newaxis]))[..., 0])
    return np.concatenate(parts).astype(np.float32)
