"""Training of the guard. Importing this module loads TensorFlow."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras

from ai_engine.datasets.cxr import CxrDataset, Split
from ai_engine.inference.openvino_backend import OpenVinoBackend
from ai_engine.kinds.guard.batches import VIEWS_PER_CHEST, guard_batches
from ai_engine.kinds.guard.evaluation import guard_metrics
from ai_engine.kinds.guard.guard import Appearance, ChestGuard
from ai_engine.kinds.guard.network import build_guardnet
from ai_engine.library.card import Label, Metric, ModelCard
from ai_engine.training.ahead import made_ahead
from ai_engine.training.image_batches import sample_of
from ai_engine.training.keras_optimizer import stage_optimizer
from ai_engine.training.publishing import PublishedTrainer, split_by_patient
from ai_engine.training.recipe import Recipe
from ai_engine.training.trainer import NO_MODELS, Entry, RunModels

GUARD_THRESHOLD = 0.6


class GuardTrainer(PublishedTrainer):
    """Learns from chests what an upright frontal one is, and from spoiled ones what is none."""

    keeps_best = False

    def __init__(
        self, recipe: Recipe, data: CxrDataset, *, folder: Path, models: RunModels = NO_MODELS
    ) -> None:
        """Read the images and build the network."""
        super().__init__(recipe, data, folder=folder, models=models)
        (stage,) = recipe.stages
        chests = data.part(Split.TRAIN)
        self._chests = [sample_of(data, item, recipe).reduced(2 * stage.size) for item in chests]
        self.network = build_guardnet(labels=len(Appearance), size=stage.size)
        self.model = keras.Model(self.network.input, self.network.output[0])
        self.model.compile(
            optimizer=stage_optimizer(
                stage, steps=VIEWS_PER_CHEST * len(chests) // recipe.batch_size
            ),
            loss=keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing),
            jit_compile=False,
        )

    @property
    def stages(self) -> tuple[int, ...]:
        """The recipe's one stage."""
        return tuple(stage.epochs for stage in self.recipe.stages)

    def set_rate(self, history: list[Entry]) -> Entry:
        """The optimiser's own schedule goes from step to step."""
        del history
        return {}

    def batches(self, stage: int, epoch: int) -> Iterator[tuple[Any, Any]]:
        """Views of every appearance."""
        size, seed = self.recipe.stages[stage].size, (self.recipe.seed, epoch)
        return made_ahead(guard_batches(self._chests, self.recipe, size=size, seed=seed))

    def made(self) -> str:
        """The recipe with its stage."""
        recipe, (stage,) = self.recipe, self.recipe.stages
        return (
            f"{recipe.name}, seed {recipe.seed}, batch {recipe.batch_size}, AdamW: {stage.epochs} "
            f"epochs at {stage.size} px from {stage.learning_rate:g}"
        )

    def described(self) -> dict[str, Any]:
        """Data, and the appearances that are told apart."""
        return {
            "data": split_by_patient(self.data),
            "flip_averaging": self.recipe.flip_averaging,
            "labels": tuple(
                Label(name=kind.name, title=kind.value, threshold=GUARD_THRESHOLD)
                for kind in Appearance
            ),
        }

    def judged(self, draft: ModelCard) -> tuple[tuple[Label, ...], tuple[Metric, ...]]:
        """What it lets pass and catches of the validation part, in OpenVINO as it is served."""
        with tempfile.TemporaryDirectory(prefix="converted-") as cache:
            guard = ChestGuard(draft, OpenVinoBackend.load(draft, cache=Path(cache)))
            return draft.labels, guard_metrics(guard, self.data, Split.VALID)
