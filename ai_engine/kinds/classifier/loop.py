"""The training loop: stages of epochs, a running average of the weights, checkpoints."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from sklearn.metrics import log_loss, roc_auc_score

from ai_engine.kinds.classifier.demo_batches import TrainingSet, epoch_batches, plain_views
from ai_engine.kinds.classifier.demo_recipe import Recipe, Stage
from ai_engine.kinds.classifier.network import (
    StartWeights,
    build_training_network,
    loss_weights,
    training_loss,
)
from ai_engine.training.checkpoint import (
    Checkpoint,
    load_checkpoint,
    numbered,
    random_states,
    restore,
    save_checkpoint,
)

Progress = Callable[[dict[str, Any]], None]

_INFERENCE_BATCH = 32


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TrainedNetwork:
    """The averaged weights by variable path, and what each epoch measured."""

    tensors: dict[str, npt.NDArray[np.float32]]
    history: tuple[dict[str, Any], ...]


class TrainingRun:
    """One run of a recipe, resumable at every epoch.

    The weights that are validated and kept are an exponential average over the steps, moments of
    the batch normalisation included (Polyak and Juditsky, 1992).
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        train: TrainingSet,
        valid: TrainingSet | None,
        folder: Path,
        start: StartWeights | None = None,
    ) -> None:
        """Build the network; without a validation set, nothing is validated.

        ``start`` holds the weights to go on from, in place of fresh or ImageNet's.
        """
        self._recipe = recipe
        self._train, self._valid = train, valid
        self._folder = folder
        self._network = build_training_network(recipe, start)
        self._average = [tf.Variable(variable) for variable in self._variables]
        self._weights = loss_weights(recipe)
        self._infer = tf.function(
            lambda batch: self._network(batch, training=False),
            input_signature=[tf.TensorSpec((None, None, None, 1), tf.float32)],
        )
        self._history: list[dict[str, Any]] = []

    @property
    def _variables(self) -> list[Any]:
        """Everything the served network needs: weights and moments, without random states."""
        states = self._network.trainable_variables + self._network.non_trainable_variables
        return [variable for variable in states if "seed" not in variable.path]

    @property
    def _random_states(self) -> list[Any]:
        return random_states(self._network.non_trainable_variables)

    def run(self, *, resume: bool, progress: Progress) -> TrainedNetwork:
        """Train all stages, from the folder's checkpoint on if asked to."""
        start = self._restore() if resume else None
        for index, stage in enumerate(self._recipe.stages):
            if start and index < start.stage:
                continue
            optimizer = self._optimizer(stage)
            done = 0
            if start and index == start.stage:
                done = start.epoch
                restore(optimizer.variables, start.group("optimizer"), folder=self._folder)
            self._run_stage(index, stage, optimizer, done, progress)
        return self._result()

    def _run_stage(
        self, index: int, stage: Stage, optimizer: Any, done: int, progress: Progress
    ) -> None:
        step = self._step_function(optimizer)
        validate = self._validation(stage.size)
        samples = self._train.reduced(stage.size)
        for epoch in range(done, stage.epochs):
            losses = []
            for batch in epoch_batches(
                samples, self._recipe, size=stage.size, seed=(self._recipe.seed, index, epoch)
            ):
                losses.append(float(step(*batch)))
                progress({"stage": index, "epoch": epoch, "step": len(losses)})
            entry = {"stage": index, "size": stage.size, "loss": float(np.mean(losses))}
            last = epoch + 1 == stage.epochs
            if last:
                self._use_average()
            if validate is not None and (last or (epoch + 1) % stage.validate_every == 0):
                entry |= validate()
            self._history.append(entry)
            self._save(index, epoch + 1, optimizer)
            progress({"epoch_done": entry})

    def _optimizer(self, stage: Stage) -> Any:
        steps = len(self._train) // self._recipe.batch_size
        warm_up = round(stage.warm_up_epochs * steps)
        schedule = keras.optimizers.schedules.CosineDecay(
            0.0 if warm_up else stage.learning_rate,
            max(stage.epochs * steps - warm_up, 1),
            alpha=stage.final_learning_rate,
            warmup_target=stage.learning_rate if warm_up else None,
            warmup_steps=warm_up,
        )
        optimizer = keras.optimizers.AdamW(
            schedule, weight_decay=stage.weight_decay, global_clipnorm=self._recipe.gradient_norm
        )
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        optimizer.build(self._network.trainable_variables)
        return optimizer

    def _step_function(self, optimizer: Any) -> Callable[[Any, Any, Any], Any]:
        variables = self._network.trainable_variables
        averaged = list(zip(self._average, self._variables, strict=True))
        keep = self._recipe.average_decay

        @tf.function  # type: ignore[untyped-decorator]
        def step(images: Any, targets: Any, counts: Any) -> Any:
            with tf.GradientTape() as tape:
                logits = self._network(images, training=True)
                loss = training_loss(targets, logits, self._weights * counts)
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
            for average, variable in averaged:
                average.assign_sub((average - variable) * (1 - keep))
            return loss

        return step  # type: ignore[no-any-return]

    def _validation(self, size: int) -> Callable[[], dict[str, float]] | None:
        """What measures an epoch, or None without images to validate on."""
        if self._valid is None:
            return None
        valid = self._valid.decided(0)
        views, truth = plain_views(valid, size), valid.targets[:, 0]
        return lambda: self._validate(views, truth)

    def _validate(
        self, views: npt.NDArray[np.float32], truth: npt.NDArray[np.float32]
    ) -> dict[str, float]:
        """AUC and log loss of the first label with the averaged weights, both mirrorings."""
        current = [variable.numpy() for variable in self._variables]
        self._use_average()
        mirrored = views[:, :, ::-1]
        scores = (self._probabilities(views) + self._probabilities(mirrored)) / 2
        for variable, value in zip(self._variables, current, strict=True):
            variable.assign(value)
        return {
            "valid_auc": float(roc_auc_score(truth, scores[:, 0])),
            "valid_loss": float(log_loss(truth, scores[:, 0], labels=[0, 1])),
        }

    def _probabilities(self, views: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        parts = [
            self._infer(tf.constant(views[start : start + _INFERENCE_BATCH])).numpy()
            for start in range(0, len(views), _INFERENCE_BATCH)
        ]
        return np.asarray(1 / (1 + np.exp(-np.concatenate(parts))), dtype=np.float32)

    def _use_average(self) -> None:
        for variable, average in zip(self._variables, self._average, strict=True):
            variable.assign(average)

    def _save(self, stage: int, epoch: int, optimizer: Any) -> None:
        tensors = (
            numbered("network", [variable.numpy() for variable in self._variables])
            | numbered("average", [variable.numpy() for variable in self._average])
            | numbered("optimizer", [variable.numpy() for variable in optimizer.variables])
            | numbered("random", [variable.numpy() for variable in self._random_states])
        )
        checkpoint = Checkpoint(
            stage=stage, epoch=epoch, history=tuple(self._history), tensors=tensors
        )
        save_checkpoint(self._folder, checkpoint, recipe_text=repr(self._recipe))

    def _restore(self) -> Checkpoint | None:
        checkpoint = load_checkpoint(self._folder, recipe_text=repr(self._recipe))
        if checkpoint is None:
            return None
        self._history = list(checkpoint.history)
        for name, variables in (("network", self._variables), ("average", self._average)):
            restore(variables, checkpoint.group(name), folder=self._folder)
        if states := checkpoint.group("random"):
            restore(self._random_states, states, folder=self._folder)
        return checkpoint

    def _result(self) -> TrainedNetwork:
        tensors = {
            variable.path: np.asarray(average.numpy(), dtype=np.float32)
            for variable, average in zip(self._variables, self._average, strict=True)
            if not variable.path.startswith("auxiliary/")
        }
        return TrainedNetwork(tensors=tensors, history=tuple(self._history))
