"""Paper 4's second stage: the head that joins an image's classes with the header.

Importing this module loads TensorFlow.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from ai_engine.datasets.cxr import CxrDataset, CxrItem, Split
from ai_engine.kinds.classifier.batches import label_targets, usable_items
from ai_engine.kinds.classifier.training import probabilities_of, train_images
from ai_engine.kinds.with_header.head import build_opacity_head, opacity_features
from ai_engine.library.weights_file import assign_weights, model_tensors
from ai_engine.models.catalogue import build
from ai_engine.preprocessing.patient_context import context_of
from ai_engine.training.keras_run import Progress
from ai_engine.training.published_recipe import PublishedRecipe, Task

FloatArray = npt.NDArray[np.float32]

OPACITY = "Lung Opacity"
_BATCH = 64


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class HeaderTraining:
    """The weights of both stages by path, the figures of their epochs, and the validation part.

    ``probabilities``, float32 (valid,), are the head's, ``classes``, float32 (valid, 3), those of
    the image alone; both are means over an image and its mirror image, as they are served.
    """

    tensors: dict[str, FloatArray]
    history: tuple[dict[str, Any], ...]
    head_history: tuple[dict[str, float], ...]
    valid: tuple[CxrItem, ...]
    probabilities: FloatArray
    classes: FloatArray


def train_with_header(
    recipe: PublishedRecipe,
    dataset: CxrDataset,
    *,
    folder: Path,
    resume: bool,
    progress: Progress,
) -> HeaderTraining:
    """Train the image's classes, then the head on what they are for the training part.

    The first stage can be resumed; the second takes seconds.

    Raises
    ------
    DatasetError
        If the data set has not what the recipe learns.
    """
    images = train_images(
        replace(recipe, task=Task.CLASSES), dataset, folder=folder, resume=resume, progress=progress
    )
    # The head has 49 weights, and as many digits as there are.
    keras.mixed_precision.set_global_policy("float32")
    network = build(recipe.architecture, labels=len(recipe.labels), size=recipe.input_size)
    assign_weights(network, images.tensors, source=folder)
    model = keras.Model(network.input, network.output[0])
    train = usable_items(dataset, dataset.part(Split.TRAIN), recipe)
    classes = probabilities_of(model, dataset, train, recipe)
    plain, mirrored = (
        probabilities_of(model, dataset, images.valid, recipe, mirrored=each)
        for each in (False, True)
    )
    head, history = _trained_head(recipe, (classes, train), (plain, images.valid), seed=recipe.seed)
    # Serving takes the mean over an image and its mirror image, and so do threshold and figures.
    made = [
        np.asarray(head.predict_on_batch(joined_features(each, images.valid)))[:, 0]
        for each in (plain, mirrored)
    ]
    return HeaderTraining(
        tensors=images.tensors | model_tensors(head),
        history=images.history,
        head_history=history,
        valid=images.valid,
        probabilities=np.mean(made, axis=0).astype(np.float32),
        classes=np.mean([plain, mirrored], axis=0).astype(np.float32),
    )


def joined_features(classes: FloatArray, items: Sequence[CxrItem]) -> FloatArray:
    """The six features of each image: float32 (items, 6)."""
    rows = [
        opacity_features(row, context_of(sex=item.sex, age=item.age, view=item.view.value))
        for row, item in zip(classes, items, strict=True)
    ]
    return np.concatenate(rows)


_Part = tuple[FloatArray, Sequence[CxrItem]]


def _trained_head(
    recipe: PublishedRecipe, train: _Part, valid: _Part, *, seed: int
) -> tuple[Any, tuple[dict[str, float], ...]]:
    """The head of the epoch with the lowest validation loss, and each epoch's figures."""
    keras.utils.set_random_seed(seed)
    head = build_opacity_head()
    head.compile(
        optimizer=keras.optimizers.Adam(recipe.head_learning_rate),
        loss="binary_crossentropy",
        jit_compile=False,
    )
    kept = keras.callbacks.EarlyStopping(
        monitor="val_loss", patience=recipe.head_epochs, restore_best_weights=True
    )
    fitted = head.fit(
        joined_features(*train),
        label_targets(train[1], (OPACITY,)),
        validation_data=(joined_features(*valid), label_targets(valid[1], (OPACITY,))),
        batch_size=_BATCH,
        epochs=recipe.head_epochs,
        callbacks=[kept],
        verbose=0,
    )
    rows = zip(fitted.history["loss"], fitted.history["val_loss"], strict=True)
    return head, tuple({"loss": float(a), "valid_loss": float(b)} for a, b in rows)
