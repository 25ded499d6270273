"""Two trained classifiers side by side on one head. Importing this module loads TensorFlow.

Networks that were trained on other sides of the same images err on other images, so the mean of
what they say errs less than either (Hansen and Salamon, Neural Network Ensembles, IEEE TPAMI 12,
1990). Both heads are linear, so their mean is one head on both networks' maps: what is served is
one network with one heat map. Each one's log odds count by their deviation over the validation
part, so that neither has a louder voice; one factor on their sum makes it as sure as that part
bears out. Nothing is learned otherwise.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ai_engine.calibration.fitting import temperature_slope
from ai_engine.calibration.probability import sigmoid
from ai_engine.datasets.cxr import CxrDataset
from ai_engine.errors import RecipeError
from ai_engine.kinds.classifier.lungs_taught import LungsTaughtTrainer
from ai_engine.kinds.start_weights import build_network
from ai_engine.library.card import ModelCard
from ai_engine.library.trunks import model_weights
from ai_engine.library.weights_file import assign_weights, model_tensors
from ai_engine.models.efficientnet_lungs import RANKS
from ai_engine.training.image_batches import label_targets
from ai_engine.training.recipe import Recipe
from ai_engine.training.trainer import NO_MODELS, Entry, RunModels

FloatArray = npt.NDArray[np.float32]

HEAD = "head/"
SIDES = ("efficientnet_lite2_lungs", "efficientnet_lungs")
"""The architectures of the look at grey values, and of the one at ranks."""


class JoiningTrainer(LungsTaughtTrainer):
    """Puts the model that it starts from beside another one."""

    def __init__(
        self, recipe: Recipe, data: CxrDataset, *, folder: Path, models: RunModels = NO_MODELS
    ) -> None:
        """Build the network of both; ``models`` hold what it starts from and what stands beside.

        Raises
        ------
        RecipeError
            If one of them is missing, of another architecture, or lacks one of the labels.
        """
        super().__init__(recipe, data, folder=folder, models=models)
        sides = self._sides()
        self.network = build_network(recipe, RunModels())
        given = [model_weights(card) for card in sides]
        tensors = model_tensors(self.network)
        for prefix, one in zip(("", RANKS), given, strict=True):
            tensors |= {f"{prefix}{path}": value for path, value in one.items() if HEAD not in path}
        assign_weights(self.network, tensors, source=sides[0].weights_path)
        self._heads = [
            _head_of(card, one, recipe.labels) for card, one in zip(sides, given, strict=True)
        ]
        self._see = self._seeing("pooled")

    @property
    def stages(self) -> tuple[int, ...]:
        """One pass over the validation part."""
        return (1,)

    def batches(self, stage: int, epoch: int) -> Iterator[tuple[Any, ...]]:
        """One image of the validation part and its mirror image each."""
        del stage, epoch
        for item in self.valid:
            yield (self._views(item),)

    def step(self, *batch: Any) -> FloatArray:
        """What both networks see of an image, float32 (2 or 1 mirrorings, channels)."""
        views = batch[0] if self.recipe.flip_averaging else batch[0][:1]
        return np.asarray(self._see(views), dtype=np.float32).reshape(len(views), -1)

    def summary(self, stage: int, losses: list[Any]) -> Entry:
        """Make one head of both, and say the deviation of each one's log odds."""
        del stage
        pooled = np.stack(losses)
        edge = self._heads[0][0].shape[0]
        parts = pooled[..., :edge], pooled[..., edge:]
        said = [
            part @ kernel + bias for part, (kernel, bias) in zip(parts, self._heads, strict=True)
        ]
        spreads = [one.mean(axis=1).std(axis=0) for one in said]
        joined = sum(one / spread / 2 for one, spread in zip(said, spreads, strict=True))
        factors = self._factors(np.asarray(joined))
        shares = [factors / spread / 2 for spread in spreads]
        self._assign(
            "head",
            np.concatenate(
                [kernel * at for (kernel, _), at in zip(self._heads, shares, strict=True)]
            ),
            np.sum([bias * at for (_, bias), at in zip(self._heads, shares, strict=True)], axis=0),
        )
        measured = self._auc_by_source(np.asarray(joined).mean(axis=1)[:, 0])
        return measured | {"spread": float(spreads[0][0]), "spread_beside": float(spreads[1][0])}

    def made(self) -> str:
        """The recipe, and what was joined."""
        sides = " and ".join(card.identity.key for card in self._sides())
        return f"{self.recipe.name}, seed {self.recipe.seed}, of {sides}"

    def _sides(self) -> tuple[ModelCard, ModelCard]:
        start, beside = self.models.start, self.models.beside
        if start is None or beside is None:
            raise RecipeError(
                f"{self.recipe.name}: joins two models, start_from and beside; name both"
            )
        found = (start.architecture, beside.architecture)
        if found != SIDES:
            raise RecipeError(
                f"{self.recipe.name}: joins {SIDES[0]} with {SIDES[1]}, not {found[0]} with "
                f"{found[1]}; name such models"
            )
        return start, beside

    def _factors(self, joined: FloatArray) -> FloatArray:
        """How sure each label's log odds (items, mirrorings, labels) may be."""
        targets = label_targets(self.valid, self.recipe.labels)
        factors = np.ones(joined.shape[-1], np.float32)
        for column in range(joined.shape[-1]):
            known = ~np.isnan(targets[:, column])
            truth = targets[known, column] > 0.5
            if truth.any() and not truth.all():
                odds = joined[known, :, column].mean(axis=1).astype(np.float64)
                factors[column] = temperature_slope(sigmoid(odds), truth)
        return factors


def _head_of(
    card: ModelCard, tensors: dict[str, FloatArray], labels: tuple[str, ...]
) -> tuple[FloatArray, FloatArray]:
    """The columns of a model's head that make some labels: kernel and bias.

    Raises
    ------
    RecipeError
        If it lacks one of them.
    """
    names = [label.name for label in card.labels]
    if missing := [label for label in labels if label not in names]:
        raise RecipeError(f"{card.identity.key} has no label {missing[0]}; join one that has it")
    columns = [names.index(label) for label in labels]
    return tensors[f"{HEAD}kernel"][:, columns], tensors[f"{HEAD}bias"][columns]
