"""Findings learned in stages of growing size, from few images held in memory.

Importing this module loads TensorFlow.
"""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from sklearn.metrics import log_loss, roc_auc_score

from ai_engine.datasets.cxr import Split
from ai_engine.inference.openvino_backend import OpenVinoBackend
from ai_engine.kinds.classifier.evaluation import evaluation_predictor
from ai_engine.kinds.classifier.findings_batches import (
    TrainingSet,
    epoch_batches,
    load_training_set,
    plain_views,
)
from ai_engine.kinds.classifier.network import (
    StartWeights,
    build_training_network,
    loss_weights,
    training_loss,
)
from ai_engine.kinds.classifier.scoring import score_split
from ai_engine.library.card import Label, Metric, ModelCard
from ai_engine.library.labels import reported_label
from ai_engine.library.trunks import own_tensors
from ai_engine.measures.metrics import best_f1_threshold
from ai_engine.measures.report import measure_split
from ai_engine.measures.scored import ScoredSplit
from ai_engine.training.checkpoint import random_states
from ai_engine.training.keras_optimizer import stage_optimizer
from ai_engine.training.publishing import DEFAULT_THRESHOLD, PublishedTrainer, split_by_patient
from ai_engine.training.recipe import Recipe
from ai_engine.training.trainer import NO_MODELS, Entry, RunModels

FloatArray = npt.NDArray[np.float32]

_INFERENCE_BATCH = 32


class FindingsTrainer(PublishedTrainer):
    """Trains stage by stage, and keeps a running average of the weights.

    It is an exponential average over the steps, moments of the batch normalisation included
    (Polyak and Juditsky, 1992); it is what is validated and published.
    """

    keeps_best = False

    def __init__(
        self, recipe: Recipe, data: Any, *, folder: Path, models: RunModels = NO_MODELS
    ) -> None:
        """Read the images and build the network."""
        super().__init__(recipe, data, folder=folder, models=models)
        self.train, self.valid = self.sets(data)
        self.network = build_training_network(recipe, self.start(data))
        self.hold_still(data)
        self._average = [tf.Variable(variable) for variable in self._states]
        self._weights = loss_weights(recipe)
        self._infer = tf.function(
            lambda batch: self.network(batch, training=False),
            input_signature=[tf.TensorSpec((None, None, None, 1), tf.float32)],
        )

    def sets(self, data: Any) -> tuple[TrainingSet, TrainingSet | None]:
        """What is learned, and what each epoch is validated on, if there is something."""
        train, valid = (
            load_training_set(data, data.part(split), self.recipe)
            for split in (Split.TRAIN, Split.VALID)
        )
        return train, valid

    def start(self, data: Any) -> StartWeights | None:
        """The weights to go on from, in place of fresh or ImageNet's."""
        del data
        return None

    def hold_still(self, data: Any) -> None:
        """Say which layers stay as they are; nothing does."""

    @property
    def stages(self) -> tuple[int, ...]:
        """The recipe's stages."""
        return tuple(stage.epochs for stage in self.recipe.stages)

    def enter(self, stage: int) -> None:
        """Begin with a fresh optimiser, at the stage's size."""
        settings = self.recipe.stages[stage]
        self._optimizer = stage_optimizer(
            settings,
            steps=len(self.train) // self.recipe.batch_size,
            clip=self.recipe.gradient_norm,
        )
        self._optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        self._optimizer.build(self.network.trainable_variables)
        self._step = self._step_function()
        self._samples = self.train.reduced(settings.size)
        self._views: FloatArray | None = None
        if self.valid is not None:
            valid = self.valid.decided(0)
            self._views = plain_views(valid, settings.size, ranks=self.recipe.ranks_beside)
            self._truth = valid.targets[:, 0]

    def batches(self, stage: int, epoch: int) -> Iterator[tuple[Any, Any, Any]]:
        """Varied views, targets, and how much each of them counts."""
        size = self.recipe.stages[stage].size
        seed = (self.recipe.seed, stage, epoch)
        return epoch_batches(self._samples, self.recipe, size=size, seed=seed)

    def set_rate(self, history: list[Entry]) -> Entry:
        """The optimiser's own schedule goes from step to step."""
        del history
        return {}

    def step(self, *batch: Any) -> float:
        """One update of weights and average."""
        return float(self._step(*batch))

    def summary(self, stage: int, losses: list[Any]) -> Entry:
        """The mean loss, and at which size."""
        size = self.recipe.stages[stage].size
        return {"stage": stage, "size": size} | super().summary(stage, losses)

    def validate(self, stage: int, epoch: int) -> Entry:
        """AUC and log loss of the first label with the averaged weights, both mirrorings."""
        settings = self.recipe.stages[stage]
        last = epoch + 1 == settings.epochs
        if last:
            self._use_average()
        views = self._views
        if views is None or not (last or (epoch + 1) % settings.validate_every == 0):
            return {}
        current = [variable.numpy() for variable in self._states]
        self._use_average()
        scores = (self._probabilities(views) + self._probabilities(views[:, :, ::-1])) / 2
        for variable, value in zip(self._states, current, strict=True):
            variable.assign(value)
        return {
            "valid_auc": float(roc_auc_score(self._truth, scores[:, 0])),
            "valid_loss": float(log_loss(self._truth, scores[:, 0], labels=[0, 1])),
        }

    def variables(self) -> Mapping[str, list[Any]]:
        """Weights, their average, and the state of optimiser and dropout."""
        return {
            "network": self._states,
            "average": self._average,
            "optimizer": self._optimizer.variables,
            "random": random_states(self.network.non_trainable_variables),
        }

    def tensors(self) -> dict[str, FloatArray]:
        """The averaged weights of what is served, by variable path."""
        averaged = {
            variable.path: np.asarray(average.numpy(), dtype=np.float32)
            for variable, average in zip(self._states, self._average, strict=True)
            if not variable.path.startswith("auxiliary/")
        }
        return own_tensors(self.recipe.architecture, averaged)

    def made(self) -> str:
        """The recipe with its stages."""
        recipe = self.recipe
        stages = ", then ".join(
            f"{stage.epochs} epochs at {stage.size} px from {stage.learning_rate:g}"
            for stage in recipe.stages
        )
        words = f"{recipe.name}, seed {recipe.seed}, batch {recipe.batch_size}"
        return f"{words}{self.started()}, AdamW: {stages}"

    def described(self) -> dict[str, Any]:
        """Data and labels; probabilities are means over both mirrorings if the recipe says so."""
        return {
            "data": split_by_patient(self.data),
            "flip_averaging": self.recipe.flip_averaging,
            "labels": self._labels(dict.fromkeys(self.recipe.labels, DEFAULT_THRESHOLD)),
        }

    def judged(self, draft: ModelCard) -> tuple[tuple[Label, ...], tuple[Metric, ...]]:
        """Thresholds and figures of the validation part, scored in OpenVINO as it is served."""
        items = self.data.part(Split.VALID)
        with tempfile.TemporaryDirectory(prefix="converted-") as cache:
            backend = OpenVinoBackend.load(draft, cache=Path(cache))
            scored = score_split(evaluation_predictor(draft, backend), self.data, items)
        labels = self._labels({name: _threshold(scored, name) for name in self.recipe.labels})
        return labels, measure_split(scored, labels, Split.VALID.value)

    def _labels(self, thresholds: Mapping[str, float]) -> tuple[Label, ...]:
        return tuple(reported_label(name, threshold=one) for name, one in thresholds.items())

    @property
    def _states(self) -> list[Any]:
        """Everything the served network needs: weights and moments, without random states."""
        states = self.network.trainable_variables + self.network.non_trainable_variables
        return [variable for variable in states if "seed" not in variable.path]

    def _step_function(self) -> Any:
        optimizer, variables = self._optimizer, self.network.trainable_variables
        averaged = list(zip(self._average, self._states, strict=True))
        keep = self.recipe.average_decay

        @tf.function  # type: ignore[untyped-decorator]
        def step(images: Any, targets: Any, counts: Any) -> Any:
            with tf.GradientTape() as tape:
                logits = self.network(images, training=True)
                loss = training_loss(targets, logits, self._weights * counts)
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
            for average, variable in averaged:
                average.assign_sub((average - variable) * (1 - keep))
            return loss

        return step

    def _probabilities(self, views: FloatArray) -> FloatArray:
        parts = [
            self._infer(tf.constant(views[start : start + _INFERENCE_BATCH])).numpy()
            for start in range(0, len(views), _INFERENCE_BATCH)
        ]
        return np.asarray(1 / (1 + np.exp(-np.concatenate(parts))), dtype=np.float32)

    def _use_average(self) -> None:
        for variable, average in zip(self._states, self._average, strict=True):
            variable.assign(average)


def _threshold(scored: ScoredSplit, label: str) -> float:
    known = scored.known(label)
    return round(best_f1_threshold(scored.truth(label)[known], scored.scores(label)[known]), 4)
