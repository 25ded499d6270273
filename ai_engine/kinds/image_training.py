"""Training on single radiographs with labels or classes. Importing this module loads TensorFlow."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops
from sklearn.metrics import roc_auc_score

from ai_engine.datasets.cxr import CxrDataset, CxrItem, Split
from ai_engine.kinds.start_weights import build_network
from ai_engine.library.card import Label, Metric, ModelCard
from ai_engine.library.labels import FINDINGS, site_of
from ai_engine.measures.metrics import best_f1_threshold, bootstrap, measures
from ai_engine.measures.report import SMALLEST_GROUP
from ai_engine.training.channel_planes import ChannelPlanes
from ai_engine.training.image_batches import (
    image_batches,
    label_targets,
    plain_input,
    usable_items,
)
from ai_engine.training.keras_optimizer import compile_model
from ai_engine.training.publishing import DEFAULT_THRESHOLD, PublishedTrainer, split_by_patient
from ai_engine.training.recipe import Recipe
from ai_engine.training.trainer import NO_MODELS, Entry, RunModels

FloatArray = npt.NDArray[np.float32]

CHANNELS_FOLDER = "channels"
"""Folder of a run where the further channels of its images are kept."""

_INFERENCE_BATCH = 16


class ImageTrainer(PublishedTrainer):
    """Learns from the data set's training part; the validation part steers and chooses."""

    valid: tuple[CxrItem, ...]
    """The images that are validated on."""

    def __init__(
        self, recipe: Recipe, data: CxrDataset, *, folder: Path, models: RunModels = NO_MODELS
    ) -> None:
        """Build the network; ``models`` make its further channels, and hold its start.

        Raises
        ------
        DatasetError
            If the data set has not what the recipe learns.
        RecipeError
            If the model to start from doesn't fit.
        """
        super().__init__(recipe, data, folder=folder, models=models)
        self.choose_items()
        self.network = build_network(recipe, models)
        self.planes = ChannelPlanes(models.channels, folder / CHANNELS_FOLDER)
        self.compile()

    def choose_items(self) -> None:
        """Choose what is learned from and validated on."""
        self.train, self.valid = (
            usable_items(self.data, self.data.part(split), self.recipe)
            for split in (Split.TRAIN, Split.VALID)
        )

    def compile(self) -> None:
        """Make ready what is trained of the network."""
        self.model = keras.Model(self.network.input, self.network.output[0], name=self.network.name)
        loss = "categorical_crossentropy" if self.recipe.exclusive else known_crossentropy
        compile_model(self.model, self.recipe, loss)

    def batches(self, stage: int, epoch: int) -> Iterator[tuple[Any, Any]]:
        """Varied images and their labels."""
        del stage
        return image_batches(self.data, self.train, self.recipe, epoch, self.planes)

    def probabilities(self) -> FloatArray:
        """The answers on the validation part: float32 (valid, labels)."""
        return probabilities_of(self.model, self.data, self.valid, self.recipe, self.planes)

    def validate(self, stage: int, epoch: int) -> Entry:
        """Validation loss, and the mean AUC of labels or the share of right classes."""
        del stage, epoch
        truth, made = label_targets(self.valid, self.recipe.labels), self.probabilities()
        if self.recipe.exclusive:
            loss = keras.losses.categorical_crossentropy(truth, made)
            right = truth.argmax(axis=1) == made.argmax(axis=1)
            measured = {"valid_accuracy": float(right.mean())}
        else:
            loss = known_crossentropy(truth, made)
            measured = {"valid_auc": mean_auc(truth, made)}
        return {"valid_loss": float(np.mean(loss))} | measured

    def described(self) -> dict[str, Any]:
        """The data that was learned from."""
        name = self.data.name
        return {"data": split_by_patient(self.data), "attribution": f"Data: {name}."}

    def judged(self, draft: ModelCard) -> tuple[tuple[Label, ...], tuple[Metric, ...]]:
        """Labels with the threshold of the best F1 on the validation part (paper 1, table III)."""
        del draft
        truth, made = label_targets(self.valid, self.recipe.labels), self.probabilities()
        labels = tuple(
            _label(name, truth[:, column], made[:, column], choose=not self.recipe.exclusive)
            for column, name in enumerate(self.recipe.labels)
        )
        return labels, tuple(_metrics(labels, truth, made, self.valid))


def known_crossentropy(truth: Any, made: Any) -> Any:
    """Binary cross entropy over the labels that somebody decided on; the others are NaN."""
    known = ops.logical_not(ops.isnan(truth))
    certain = ops.where(known, truth, ops.zeros_like(truth))
    each = ops.binary_crossentropy(certain, made)
    counted = ops.cast(known, each.dtype)
    return ops.sum(each * counted, axis=-1) / ops.maximum(ops.sum(counted, axis=-1), 1)


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
    recipe: Recipe,
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


def _label(name: str, truth: FloatArray, made: FloatArray, *, choose: bool) -> Label:
    known = ~np.isnan(truth)
    positive = truth[known] == 1
    threshold = DEFAULT_THRESHOLD
    if choose and positive.any():
        threshold = round(best_f1_threshold(positive, made[known].astype(np.float64)), 4)
    code = FINDINGS.get(name)
    return Label(
        name=name,
        title=code.meaning if code else name.replace("_", " "),
        threshold=threshold,
        code=code,
        site=site_of(name) if code else None,
    )


def _metrics(
    labels: Sequence[Label], truth: FloatArray, made: FloatArray, items: tuple[CxrItem, ...]
) -> Iterator[Metric]:
    for column, label in enumerate(labels):
        rows = np.flatnonzero(~np.isnan(truth[:, column]))
        positive = truth[rows, column] == 1
        if min(positive.sum(), (~positive).sum()) < SMALLEST_GROUP:
            continue
        scores = made[rows, column].astype(np.float64)
        patients = [items[row].patient_id for row in rows]
        for name, measure in measures(label.threshold).items():
            interval = bootstrap(measure, positive, scores, patients)
            yield interval.as_metric(
                name, label=label.name, split=Split.VALID.value, images=len(rows)
            )
