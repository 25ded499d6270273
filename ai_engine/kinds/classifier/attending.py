"""A trained classifier that learns to look at the lungs. Importing this module loads TensorFlow.

A network that is trained as a whole looks wherever its collection gives something away: at
shoulders, at markers, beyond the body. Here what it sees is left as it is, and averaged where the
lungs are, as the active lung model teaches; the head is fitted anew to that mean, and drawn to the
one that it starts from. Two convex fits, one pass over the images each; and because they are fitted
to images that the network has learned from, which makes them too sure of themselves, one factor on
the log odds is taken from the validation part (Guo et al., On Calibration of Modern Neural
Networks, ICML 2017). It changes neither ranking nor heat map.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ai_engine.calibration.fitting import temperature_slope
from ai_engine.datasets.cxr import CxrDataset
from ai_engine.errors import RecipeError
from ai_engine.kinds.classifier.linear_fits import drawn_fit
from ai_engine.kinds.classifier.lungs_taught import LungsTaughtTrainer, lung_cells
from ai_engine.kinds.start_weights import build_network
from ai_engine.training.image_batches import label_targets
from ai_engine.training.recipe import Recipe
from ai_engine.training.trainer import NO_MODELS, Entry, RunModels

FloatArray = npt.NDArray[np.float32]


class AttendingTrainer(LungsTaughtTrainer):
    """Fits the lungs' convolution, then the head, on a classifier that is left as it is."""

    def __init__(
        self, recipe: Recipe, data: CxrDataset, *, folder: Path, models: RunModels = NO_MODELS
    ) -> None:
        """Build the network; ``models`` hold what it starts from and the lung model that teaches.

        Raises
        ------
        RecipeError
            If it starts from no model, or from one of other labels or another architecture.
        """
        super().__init__(recipe, data, folder=folder, models=models)
        start = models.start
        if start is None or tuple(label.name for label in start.labels) != recipe.labels:
            raise RecipeError(
                f"{recipe.name}: needs start_from, a model with the recipe's labels "
                f"({', '.join(recipe.labels)}); name one"
            )
        self.network = build_network(recipe, models)
        self._see = self._seeing("places", "pooled")

    def step(self, *batch: Any) -> Any:
        """What the network sees of an image: its cells and their lungs, or its pooled maps."""
        views, lungs = batch
        places, pooled = (np.asarray(one) for one in self._see(views))
        return lung_cells(places, lungs) if lungs is not None else pooled

    def summary(self, stage: int, losses: list[Any]) -> Entry:
        """Fit what the stage fits, and say how well."""
        return self._fit_lungs(losses) if stage == 0 else self._fit_head(np.stack(losses))

    def finish(self) -> None:
        """Make the head as sure as the validation part bears out."""
        super().finish()
        if not self.valid:
            return
        made = np.stack(
            [np.asarray(self.network.predict_on_batch(self._views(item))[0]) for item in self.valid]
        )
        head = self.network.get_layer("head")
        kernel, bias = head.kernel.numpy(), head.bias.numpy()
        targets = label_targets(self.valid, self.recipe.labels)
        for column in range(targets.shape[1]):
            known = ~np.isnan(targets[:, column])
            truth = np.repeat(targets[known, column] > 0.5, made.shape[1])
            if truth.any() and not truth.all():
                scores = made[known, :, column].ravel().astype(np.float64)
                factor = temperature_slope(scores, truth)
                kernel[:, column] *= factor
                bias[column] *= factor
        self._assign("head", kernel, bias)

    def _fit_head(self, pooled: FloatArray) -> Entry:
        """Fit every label's part of the head to means (items, 2, channels) of both mirrorings."""
        head = self.network.get_layer("head")
        kernel, bias = head.kernel.numpy(), head.bias.numpy()
        targets = label_targets(self.train, self.recipe.labels)
        losses = []
        for column in range(targets.shape[1]):
            known = ~np.isnan(targets[:, column])
            views = pooled[known]
            fit = drawn_fit(
                views.reshape(-1, views.shape[-1]),
                np.repeat(targets[known, column] > 0.5, views.shape[1]),
                start=(kernel[:, column], float(bias[column])),
                strength=self.recipe.weight_decay,
            )
            kernel[:, column], bias[column] = fit.kernel[:, 0], fit.bias[0]
            losses.append(fit.loss)
        self._assign("head", kernel, bias)
        return {"loss": float(np.mean(losses))}
