"""One training by a recipe: epochs, checkpoints, early stopping, the best weights, the history.

A kind of model overrides the hooks in which it differs, as variants of nnU-Net's trainer do
(F. Isensee et al., nnU-Net, Nature Methods 18, 2021). How a trained model becomes a folder,
`ai_engine.training.publishing` says.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ai_engine.inference.input_channels import ChannelSource
from ai_engine.library.card import ModelCard
from ai_engine.training.checkpoint import (
    Checkpoint,
    load_checkpoint,
    numbered,
    random_states,
    restore,
    save_checkpoint,
)
from ai_engine.training.recipe import Recipe
from ai_engine.training.schedule import best_epoch, is_finished, learning_rate

Entry = dict[str, Any]
"""What an epoch measured: ``loss``, and what the hooks add."""

Progress = Callable[[Entry], None]
"""Is told ``{"step": n}`` after each step and ``{"epoch_done": entry}`` after each epoch."""

Arrays = list[npt.NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class RunModels:
    """The models of one run: the one that it starts from, and those that make its channels.

    ``beside`` is joined with the first; ``teacher`` outlines lungs for a network that learns to
    find them by itself.
    """

    start: ModelCard | None = None
    beside: ModelCard | None = None
    channels: tuple[ChannelSource, ...] = ()
    teacher: ChannelSource | None = None

    @property
    def fingerprint(self) -> str:
        """Their digests: a run that was stopped goes on only with the same ones."""
        cards = [one for one in (self.start, self.beside) if one]
        cards += [source.card for source in self.channels]
        cards += [self.teacher.card] if self.teacher else []
        return " ".join(card.weights_digest for card in cards)


NO_MODELS = RunModels()
"""For recipes that start from noise and give their network the radiograph alone."""


class Trainer:
    """Trains ``model``, a compiled Keras model; resumable at every epoch.

    With a validation loss the weights of the best epoch are kept, without one the last epoch's.
    """

    model: Any
    keeps_best = True
    """Whether the epoch with the lowest validation loss is kept, and early stopping holds."""

    def __init__(self, recipe: Recipe, folder: Path, models: RunModels = NO_MODELS) -> None:
        """Train in a folder, which holds the checkpoint; ``models`` decide beside the recipe."""
        self.recipe = recipe
        self.folder = folder
        self.models = models
        self.history: list[Entry] = []
        self._best: Arrays = []

    # What a kind overrides.

    @property
    def stages(self) -> tuple[int, ...]:
        """The epochs of each stage; where the best is kept, there is one."""
        return (self.recipe.epochs,)

    def enter(self, stage: int) -> None:
        """Make ready for a stage, before a checkpoint's variables are put in their places."""
        del stage
        self.model.optimizer.build(self.model.trainable_variables)

    def batches(self, stage: int, epoch: int) -> Iterable[tuple[Any, ...]]:
        """The batches of a stage's epoch: all that is random depends on these numbers alone."""
        raise NotImplementedError

    def set_rate(self, history: list[Entry]) -> Entry:
        """Set the learning rate of the epoch that follows a stage's history, and say it."""
        rate = learning_rate(self.recipe, history)
        self.model.optimizer.learning_rate = rate
        return {"rate": rate}

    def step(self, *batch: Any) -> Any:
        """Learn from one batch: its loss, or what `summary` takes."""
        return float(self.model.train_on_batch(*batch, return_dict=True)["loss"])

    def summary(self, stage: int, losses: list[Any]) -> Entry:
        """What an epoch's steps come to."""
        del stage
        return {"loss": float(np.mean(losses))}

    def validate(self, stage: int, epoch: int) -> Entry:
        """What is measured after an epoch; ``valid_loss`` steers schedule, end and choice."""
        del stage, epoch
        return {}

    def variables(self) -> Mapping[str, list[Any]]:
        """All that a run needs to go on, by group."""
        return {
            "network": [one for one in self.model.weights if "seed" not in one.path],
            "optimizer": self.model.optimizer.variables,
            "random": random_states(self.model.variables),
        }

    def finish(self) -> None:
        """Put the chosen weights into the model."""
        if self._best:
            for variable, value in zip(self.variables()["network"], self._best, strict=True):
                variable.assign(value)

    # What all share.

    @property
    def epochs(self) -> int:
        """How many epochs there are at most, in all stages."""
        return sum(self.stages)

    def run(self, *, resume: bool, progress: Progress) -> tuple[Entry, ...]:
        """Train to the end, from the folder's checkpoint on if asked to, and return the history.

        Raises
        ------
        RecipeError
            If the checkpoint was made by another recipe, or in another precision.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        start = load_checkpoint(self.folder, recipe_text=self._decided_by) if resume else None
        self.history = list(start.history) if start else []
        for stage in range(start.stage if start else 0, len(self.stages)):
            self.enter(stage)
            done = 0
            if start and stage == start.stage:
                self._restore(start)
                done = start.epoch
            while not self._is_finished(stage, done):
                entry = self._epoch(stage, done, progress)
                done += 1
                self._save(stage, done)
                progress({"epoch_done": entry})
        self.finish()
        return tuple(self.history)

    @property
    def _decided_by(self) -> str:
        return f"{self.recipe!r} {self.models.fingerprint}".rstrip()

    def _of_stage(self, done: int) -> list[Entry]:
        return self.history[len(self.history) - done :]

    def _is_finished(self, stage: int, done: int) -> bool:
        if not self.keeps_best:
            return done >= self.stages[stage]
        return is_finished(self.recipe, self._of_stage(done))

    def _epoch(self, stage: int, epoch: int, progress: Progress) -> Entry:
        rate = self.set_rate(self._of_stage(epoch))
        losses: list[Any] = []
        for batch in self.batches(stage, epoch):
            losses.append(self.step(*batch))
            progress({"step": len(losses)})
        entry = self.summary(stage, losses) | rate | self.validate(stage, epoch)
        self.history.append(entry)
        if self.keeps_best and best_epoch(self.history) == epoch:
            self._best = [np.asarray(one) for one in self.variables()["network"]]
        return entry

    def _save(self, stage: int, epoch: int) -> None:
        tensors = numbered("best", self._best)
        for name, variables in self.variables().items():
            tensors |= numbered(name, [np.asarray(one) for one in variables])
        checkpoint = Checkpoint(
            stage=stage, epoch=epoch, history=tuple(self.history), tensors=tensors
        )
        save_checkpoint(self.folder, checkpoint, recipe_text=self._decided_by)

    def _restore(self, checkpoint: Checkpoint) -> None:
        self._best = checkpoint.group("best")
        for name, variables in self.variables().items():
            values = checkpoint.group(name)
            if values or name != "random":  # earlier versions kept no random states
                restore(variables, values, folder=self.folder)
