"""Findings, auxiliary labels and patients' attributes as targets, of images held in memory."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ai_engine.datasets.cxr import CxrDataset, CxrItem, View
from ai_engine.training.ahead import made_ahead
from ai_engine.training.augmentation import Sample, augmented_image
from ai_engine.training.image_batches import plain_channels, sample_of
from ai_engine.training.recipe import Recipe

FloatArray = npt.NDArray[np.float32]
Batch = tuple[FloatArray, FloatArray, FloatArray]
"""Views (n, size, size, channels), targets and how much each of them counts (n, targets)."""

AGE_CENTER = 47.0
AGE_SPREAD = 17.0
ATTRIBUTES = 3
"""Targets beside the labels: sex, view and age."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TrainingSet:
    """Images in memory and their targets, float32 (n, labels + auxiliary labels + 3).

    The targets are 0/1, but for the last column: age in deviations from the mean. ``weights`` says
    how much each target counts, of the same shape; None counts all alike.
    """

    samples: tuple[Sample, ...]
    targets: FloatArray
    weights: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.samples)

    def decided(self, target: int) -> "TrainingSet":
        """The images of which it is known whether they have this target."""
        if self.weights is None:
            return self
        rows = np.flatnonzero(self.weights[:, target])
        return TrainingSet(
            samples=tuple(self.samples[row] for row in rows),
            targets=self.targets[rows],
            weights=self.weights[rows],
        )

    def reduced(self, size: int) -> "TrainingSet":
        """The same with smaller images: what views of the given size show of them."""
        samples = tuple(sample.shown(size) for sample in self.samples)
        return TrainingSet(samples=samples, targets=self.targets, weights=self.weights)


def load_training_set(dataset: CxrDataset, items: Sequence[CxrItem], recipe: Recipe) -> TrainingSet:
    """Read the images of some items and put their targets beside them.

    Labels that nobody decided on count nothing.
    """
    samples = tuple(sample_of(dataset, item, recipe) for item in items)
    targets = np.array([_targets(item, recipe) for item in items], dtype=np.float32)
    decided = np.array([_decided(item, recipe) for item in items], dtype=np.float32)
    weights = None if decided.all() else decided
    return TrainingSet(samples=samples, targets=targets, weights=weights)


def plain_views(data: TrainingSet, size: int, *, ranks: bool = False) -> FloatArray:
    """The views that serving would build: float32 (n, size, size, channels)."""
    return np.stack([plain_channels(sample, size, ranks=ranks) for sample in data.samples])


def epoch_batches(
    data: TrainingSet, recipe: Recipe, *, size: int, seed: Sequence[int]
) -> Iterator[Batch]:
    """One epoch's batches in random order, the incomplete last one left out.

    ``seed`` (recipe's seed, stage, epoch) decides everything random in the epoch, so a resumed
    run sees what an uninterrupted one would have seen.
    """
    return made_ahead(_batches(data, recipe, size, np.random.default_rng(seed)))


def _batches(
    data: TrainingSet, recipe: Recipe, size: int, rng: np.random.Generator
) -> Iterator[Batch]:
    weights = np.ones_like(data.targets) if data.weights is None else data.weights
    order = rng.permutation(len(data))
    for start in range(0, len(order) - recipe.batch_size + 1, recipe.batch_size):
        chosen = order[start : start + recipe.batch_size]
        views = np.stack(
            [
                augmented_image(
                    data.samples[index],
                    size=size,
                    settings=recipe.augmentation,
                    rng=rng,
                    ranks=recipe.ranks_beside,
                )
                for index in chosen
            ]
        )
        targets = _smooth(data.targets[chosen], recipe.label_smoothing)
        yield _mix((views, targets, weights[chosen]), recipe, rng)


def _smooth(targets: FloatArray, amount: float) -> FloatArray:
    """Label smoothing (Szegedy et al., 2016) of all but the age."""
    smooth = targets * np.float32(1 - 2 * amount) + np.float32(amount)
    smooth[:, -1] = targets[:, -1]
    return smooth


def _mix(batch: Batch, recipe: Recipe, rng: np.random.Generator) -> Batch:
    """Mixup (Zhang et al., 2018) of a part of the batches."""
    if rng.random() >= recipe.augmentation.mixup:
        return batch
    views, targets, weights = batch
    share = rng.beta(0.4, 0.4, len(views)).astype(np.float32)[:, np.newaxis]
    partner = rng.permutation(len(views))
    image_share = share[:, :, np.newaxis, np.newaxis]
    return (
        views * image_share + views[partner] * (1 - image_share),
        targets * share + targets[partner] * (1 - share),
        weights * share + weights[partner] * (1 - share),
    )


def _decided(item: CxrItem, recipe: Recipe) -> list[float]:
    labels = (*recipe.labels, *recipe.auxiliary_labels)
    return [*(float(label not in item.uncertain) for label in labels), *(1.0,) * ATTRIBUTES]


def _targets(item: CxrItem, recipe: Recipe) -> list[float]:
    labels = (*recipe.labels, *recipe.auxiliary_labels)
    years = AGE_CENTER if math.isnan(item.age) else item.age
    age = float(np.clip((years - AGE_CENTER) / AGE_SPREAD, -3, 3))
    return [
        *(float(label in item.labels) for label in labels),
        float(item.sex == "M"),
        float(item.view is View.AP),
        age,
    ]
