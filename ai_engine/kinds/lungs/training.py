"""Training of a segmentation network on all images, and its cross-validation.

Importing this module loads TensorFlow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from sklearn.model_selection import GroupKFold

from ai_engine.errors import DatasetError
from ai_engine.kinds.classifier.network import FusedBatchNormalization
from ai_engine.kinds.installed import NO_MODELS, RunModels
from ai_engine.kinds.lungs.batches import MaskedSample, load_masked, mask_batches
from ai_engine.kinds.lungs.dataset import LungItem
from ai_engine.kinds.lungs.outlines import MeasuredMask, measure_mask
from ai_engine.kinds.lungs.segmenter import MASK_THRESHOLD, separate
from ai_engine.kinds.start_weights import start_network
from ai_engine.library.weights_file import model_tensors
from ai_engine.models.catalogue import build
from ai_engine.preprocessing.geometry import letterbox
from ai_engine.preprocessing.planes import map_on_source
from ai_engine.training.keras_optimizer import compile_model
from ai_engine.training.keras_run import KerasRun, Progress
from ai_engine.training.pretrained import imagenet_weights, start_from
from ai_engine.training.published_recipe import PublishedRecipe


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class MaskTraining:
    """The final weights by path, each epoch's figures, and those of every held-out image."""

    tensors: dict[str, npt.NDArray[np.float32]]
    history: tuple[dict[str, Any], ...]
    held_out: tuple[MeasuredMask, ...]


def train_masks(
    recipe: PublishedRecipe,
    items: Sequence[LungItem],
    *,
    folder: Path,
    resume: bool,
    progress: Progress,
    models: RunModels = NO_MODELS,
) -> MaskTraining:
    """Train one network on all images, then one for each fold to measure on what it hasn't seen.

    Images whose masks are doubtful are measured, but no network learns from them. Images of one
    source stay in one fold. Each network has a folder with a checkpoint of its own. ``models``
    holds the one that all of them start from, if there is one.

    Raises
    ------
    DatasetError
        If there are fewer sources than folds.
    RecipeError
        If the model to start from doesn't fit.
    """
    samples = load_masked(items)
    certain = {index for index, item in enumerate(items) if item.image.name not in recipe.doubtful}
    seen = [samples[index] for index in sorted(certain)]
    model, history = _trained(recipe, seen, folder / "all", resume, progress, models)
    tensors = model_tensors(model)
    held_out: list[MeasuredMask] = []
    for fold, (train, test) in enumerate(_folds(recipe, items), start=1):
        seen = [samples[index] for index in train if index in certain]
        model, _ = _trained(recipe, seen, folder / f"fold-{fold}", resume, progress, models)
        held_out += [_measured(model, recipe, items[index], samples[index], fold) for index in test]
    return MaskTraining(tensors=tensors, history=history, held_out=tuple(held_out))


def dice_loss(truth: Any, made: Any) -> Any:
    """Cross entropy plus one minus the soft Dice of each image.

    ``truth`` (n, h, w, labels) may be a multiple finer than ``made``: its cells' means count then.
    """
    axes = (1, 2, 3)
    finer = truth.shape[1] // made.shape[1]
    if finer > 1:
        truth = keras.ops.average_pool(truth, finer)
    common = keras.ops.sum(truth * made, axis=axes)
    both = keras.ops.sum(truth, axis=axes) + keras.ops.sum(made, axis=axes)
    overlap = 1 - (2 * common + 1) / (both + 1)
    crossed = keras.ops.mean(keras.losses.binary_crossentropy(truth, made), axis=(1, 2))
    return overlap + crossed


def _folds(recipe: PublishedRecipe, items: Sequence[LungItem]) -> list[tuple[Any, Any]]:
    if not recipe.folds:
        return []
    sources = [item.source for item in items]
    if len(set(sources)) < recipe.folds:
        raise DatasetError(
            f"{items[0].image.parent}: {len(set(sources))} sources can't make {recipe.folds} "
            "folds; add images, or set folds to 0"
        )
    # Unshuffled, the folds are as even as the sources allow, so every network learns from as many.
    return list(GroupKFold(recipe.folds).split(items, groups=sources))


def _trained(  # noqa: PLR0917 - the run's own settings, and what this network learns from
    recipe: PublishedRecipe,
    samples: Sequence[MaskedSample],
    folder: Path,
    resume: bool,
    progress: Progress,
    models: RunModels,
) -> tuple[Any, tuple[dict[str, Any], ...]]:
    # The fresh session would compute in full precision; only names are to begin anew.
    policy = keras.mixed_precision.dtype_policy()
    keras.backend.clear_session()
    keras.mixed_precision.set_global_policy(policy)
    keras.utils.set_random_seed(recipe.seed)
    network = build(
        recipe.architecture,
        labels=len(recipe.labels),
        size=recipe.input_size,
        normalization=FusedBatchNormalization,
    )
    if recipe.imagenet:
        start_from(network, imagenet_weights(recipe.architecture))
    if models.start is not None:
        start_network(network, recipe, models.start)
    model = keras.Model(network.input, network.output[0], name=network.name)
    compile_model(model, recipe, dice_loss)
    run = KerasRun(
        model,
        recipe,
        batches=lambda epoch: mask_batches(samples, recipe, epoch),
        measure=None,
        folder=folder,
        rests_on=models.fingerprint,
    )
    return model, run.run(resume=resume, progress=progress)


def _measured(
    model: Any, recipe: PublishedRecipe, item: LungItem, masked: MaskedSample, fold: int
) -> MeasuredMask:
    """On the image's own grid, averaged with its mirror image and cleaned, as it is served."""
    pixels = masked.sample.image.astype(np.float32) / np.float32(255)
    view = letterbox(pixels, size=recipe.input_size, content=masked.sample.content)
    pair = np.stack([view.values, view.values[:, ::-1]])[..., np.newaxis]
    shown, mirrored = np.asarray(model.predict_on_batch(pair), dtype=np.float32)[..., 0]
    mean = (shown + mirrored[:, ::-1]) / 2
    left, right = separate(map_on_source(mean, view.region, masked.mask.shape) >= MASK_THRESHOLD)
    return measure_mask(
        item.image.name,
        masked.sample.image,
        truth=masked.mask.astype(np.bool_),
        made=left | right,
        fold=fold,
    )
