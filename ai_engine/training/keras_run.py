"""One run of a published recipe on any Keras model: epochs, checkpoints, the best weights."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ai_engine.training.checkpoint import (
    Checkpoint,
    load_checkpoint,
    numbered,
    random_states,
    restore,
    save_checkpoint,
)
from ai_engine.training.published_recipe import PublishedRecipe
from ai_engine.training.schedule import best_epoch, is_finished, learning_rate

Batches = Callable[[int], Iterable[tuple[Any, Any]]]
"""The batches of an epoch, counted from 0: all that is random depends on the epoch alone."""

Measure = Callable[[Any], dict[str, float]]
"""What a model measures on the validation part; ``valid_loss`` steers the schedule."""

Progress = Callable[[dict[str, Any]], None]
Arrays = list[npt.NDArray[Any]]


class KerasRun:
    """Trains a compiled model; resumable at every epoch.

    With a validation loss the weights of the best epoch are kept, without one the last epoch's.
    """

    def __init__(
        self,
        model: Any,
        recipe: PublishedRecipe,
        *,
        batches: Batches,
        measure: Measure | None,
        folder: Path,
        rests_on: str = "",
    ) -> None:
        """Put the parts together; ``rests_on`` is what decides the run beside the recipe."""
        self._model = model
        self._recipe = recipe
        self._batches = batches
        self._measure = measure
        self._folder = folder
        self._decided_by = f"{recipe!r} {rests_on}".rstrip()
        self._history: list[dict[str, Any]] = []
        self._best: Arrays = []

    def run(self, *, resume: bool, progress: Progress) -> tuple[dict[str, Any], ...]:
        """Train to the end and leave the chosen weights in the model.

        Returns
        -------
        tuple
            What each epoch measured: ``loss``, ``rate``, and what validation adds.

        Raises
        ------
        RecipeError
            If the folder's checkpoint was made by another recipe, or in another precision.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._model.optimizer.build(self._model.trainable_variables)
        if resume:
            self._restore()
        while not is_finished(self._recipe, self._history):
            self._run_epoch(progress)
            self._save()
        if self._best:
            _assign(self._weights, self._best)
        return tuple(self._history)

    def _run_epoch(self, progress: Progress) -> None:
        epoch = len(self._history)
        rate = learning_rate(self._recipe, self._history)
        self._model.optimizer.learning_rate = rate
        losses = []
        for images, targets in self._batches(epoch):
            measured = self._model.train_on_batch(images, targets, return_dict=True)
            losses.append(float(measured["loss"]))
            progress({"step": len(losses)})
        entry = {"loss": float(np.mean(losses)), "rate": rate}
        if self._measure is not None:
            entry |= self._measure(self._model)
        self._history.append(entry)
        if best_epoch(self._history) == epoch:
            self._best = [np.asarray(variable) for variable in self._weights]
        progress({"epoch_done": entry})

    @property
    def _weights(self) -> list[Any]:
        return [variable for variable in self._model.weights if "seed" not in variable.path]

    @property
    def _random_states(self) -> list[Any]:
        return random_states(self._model.variables)

    def _save(self) -> None:
        optimizer = self._model.optimizer.variables
        checkpoint = Checkpoint(
            stage=0,
            epoch=len(self._history),
            history=tuple(self._history),
            tensors=numbered("network", [np.asarray(variable) for variable in self._weights])
            | numbered("best", self._best)
            | numbered("optimizer", [np.asarray(variable) for variable in optimizer])
            | numbered("random", [np.asarray(variable) for variable in self._random_states]),
        )
        save_checkpoint(self._folder, checkpoint, recipe_text=self._decided_by)

    def _restore(self) -> None:
        checkpoint = load_checkpoint(self._folder, recipe_text=self._decided_by)
        if checkpoint is None:
            return
        self._history = list(checkpoint.history)
        self._best = checkpoint.group("best")
        restore(self._weights, checkpoint.group("network"), folder=self._folder)
        optimizer = self._model.optimizer.variables
        restore(optimizer, checkpoint.group("optimizer"), folder=self._folder)
        if states := checkpoint.group("random"):
            restore(self._random_states, states, folder=self._folder)


def _assign(variables: list[Any], values: Arrays) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
