"""A linear head on what ImageNet's features see within the lungs. Importing this loads TensorFlow.

Of a few hundred images a network that is trained as a whole learns what its collection gives away;
features that are left alone keep what they were good for elsewhere (Kumar et al., Fine-Tuning can
Distort Pretrained Features and Underperform Out-of-Distribution, ICLR 2022). So two convex fits do
it: where the lungs are, taught by the active lung model, and which features go with the labels.
Every source and either answer counts alike for the labels.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ai_engine.datasets.cxr import CxrDataset
from ai_engine.kinds.classifier.linear_fits import Fit, balance, best_fit
from ai_engine.kinds.classifier.lungs_taught import LungsTaughtTrainer, lung_cells
from ai_engine.models.catalogue import build
from ai_engine.models.efficientnet_lungs import SMALLEST_SHARE
from ai_engine.training.image_batches import label_targets
from ai_engine.training.pretrained import imagenet_weights, start_from
from ai_engine.training.recipe import Recipe
from ai_engine.training.trainer import NO_MODELS, Entry, RunModels

FloatArray = npt.NDArray[np.float32]


class ProbeTrainer(LungsTaughtTrainer):
    """Fits the lungs' convolution, then the head, in one pass over the images each."""

    def __init__(
        self, recipe: Recipe, data: CxrDataset, *, folder: Path, models: RunModels = NO_MODELS
    ) -> None:
        """Build the network; ``models`` hold the lung model that teaches."""
        super().__init__(recipe, data, folder=folder, models=models)
        self.network = build(recipe.architecture, labels=len(recipe.labels), size=recipe.input_size)
        if recipe.imagenet:
            start_from(self.network, imagenet_weights(recipe.architecture))
        self._see = self._seeing("places", "columns", "lungs")

    def step(self, *batch: Any) -> Any:
        """What the network sees of an image: its cells and their lungs, or its pooled maps."""
        views, lungs = batch
        places, columns, weights = (np.asarray(one) for one in self._see(views))
        if lungs is not None:
            return lung_cells(places, lungs)
        return pooled(columns, weights)

    def summary(self, stage: int, losses: list[Any]) -> Entry:
        """Fit what the stage fits, and say how well."""
        if stage == 0:
            return self._fit_lungs(losses)
        maps = np.stack([one for one, _ in losses]), np.stack([share for _, share in losses])
        return self._fit_head(*maps)

    def _fit_head(self, maps: FloatArray, shares: FloatArray) -> Entry:
        """Centre the maps where they usually are, and fit the head of every label."""
        usual = self.network.get_layer("columns_bn")
        usual.moving_mean.assign(maps.mean(axis=0))
        usual.moving_variance.assign(maps.var(axis=0))
        mean, variance = usual.moving_mean.numpy(), usual.moving_variance.numpy()
        seen = (maps - mean * shares[:, None]) / np.sqrt(variance + usual.epsilon)
        targets = label_targets(self.train, self.recipe.labels)
        fits = [self._label_fit(seen, targets[:, column]) for column in range(targets.shape[1])]
        self._assign(
            "head",
            np.stack([fit.kernel[:, 0] for fit in fits], axis=1),
            np.concatenate([fit.bias for fit in fits]),
        )
        return {"loss": float(np.mean([fit.loss for fit in fits]))}

    def _label_fit(self, seen: FloatArray, target: FloatArray) -> Fit:
        known = ~np.isnan(target)
        items = [item for item, kept in zip(self.train, known, strict=True) if kept]
        sources = [item.device for item in items]
        truth = target[known] > 0.5
        return best_fit(
            seen[known],
            truth,
            balance(truth, sources),
            [item.patient_id for item in items],
            sources,
        )


def pooled(columns: FloatArray, lungs: FloatArray) -> tuple[FloatArray, float]:
    """Maps (2, h, w, channels) averaged where lungs are, as the network does it.

    Returns
    -------
    tuple
        Float32 (channels,), the mean of both mirrorings, and the sum of the weights, nearly 1.
    """
    weights = lungs / (lungs.mean(axis=(1, 2, 3), keepdims=True) + SMALLEST_SHARE)
    mean = (columns * weights).mean(axis=(0, 1, 2))
    return np.asarray(mean, dtype=np.float32), float(weights.mean())
