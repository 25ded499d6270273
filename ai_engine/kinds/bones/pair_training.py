"""Training of the bone U-Net on pairs alone. Importing this module loads TensorFlow."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ai_engine.kinds.bones.batches import FloatArray, patch_batches, plain_pairs
from ai_engine.kinds.bones.dataset import BonePair
from ai_engine.kinds.bones.training import BonePairTrainer, drawn
from ai_engine.models.catalogue import build
from ai_engine.training.ahead import made_ahead
from ai_engine.training.keras_optimizer import compile_model
from ai_engine.training.recipe import Recipe
from ai_engine.training.trainer import NO_MODELS, Entry, RunModels

PATCH = 128
"""Rows and columns of what is learned from at a time: half a chest, at a quarter of the work."""

EDGES = 2.0
"""What a difference of neighbours counts beside one of grey values."""


class BoneUnetTrainer(BonePairTrainer):
    """Learns from patches; whole images of the validation part choose the epoch."""

    def __init__(
        self,
        recipe: Recipe,
        data: Sequence[BonePair],
        *,
        folder: Path,
        models: RunModels = NO_MODELS,
    ) -> None:
        """Read the pairs and build the network; it raises what `BonePairTrainer` does."""
        super().__init__(recipe, data, folder=folder, models=models)
        self._side = min(PATCH, recipe.input_size)
        labels = len(recipe.labels)
        self.network = build(recipe.architecture, labels=labels, size=recipe.input_size)
        self.model = build(recipe.architecture, labels=labels, size=self._side)
        compile_model(self.model, recipe, distance)

    def batches(self, stage: int, epoch: int) -> Iterator[tuple[FloatArray, FloatArray]]:
        """Patches of radiographs and bones, moved alike."""
        del stage
        return made_ahead(patch_batches(self._train, self.recipe, self._side, epoch))

    def validate(self, stage: int, epoch: int) -> Entry:
        """The distance on the validation part's whole images."""
        del stage, epoch
        self.serve()
        radiographs, bones = plain_pairs(self._valid, self.recipe.input_size)
        made = drawn(self.network, radiographs)
        return {"valid_loss": float(np.mean(distance(bones, made)))}

    def made(self) -> str:
        """How the weights were made, in one line."""
        recipe = self.recipe
        return (
            f"{recipe.name}, seed {recipe.seed}, batch {recipe.batch_size}: {len(self.history)} "
            f"epochs at {recipe.input_size} px, patches of {self._side}"
        )

    def serve(self) -> None:
        """Put the patches' weights where whole images are drawn."""
        self.network.set_weights(self.model.get_weights())


def distance(real: Any, made: Any) -> Any:
    """The mean difference of grey values and, counting `EDGES`, of those of neighbours."""
    error = keras.ops.cast(made, "float32") - keras.ops.cast(real, "float32")
    total = keras.ops.mean(keras.ops.abs(error))
    for edges in (error[:, 1:] - error[:, :-1], error[:, :, 1:] - error[:, :, :-1]):
        total = total + EDGES * keras.ops.mean(keras.ops.abs(edges))
    return total
