"""What trainings share in which the active lung model teaches where lungs are.

Importing this module loads TensorFlow.
"""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from sklearn.metrics import roc_auc_score

from ai_engine.datasets.cxr import CxrDataset, CxrItem, Split, View
from ai_engine.inference.openvino_backend import OpenVinoBackend
from ai_engine.kinds.classifier.evaluation import evaluation_predictor
from ai_engine.kinds.classifier.linear_fits import lungs_fit
from ai_engine.kinds.classifier.scoring import score_split
from ai_engine.library.card import Label, Metric, ModelCard
from ai_engine.library.labels import reported_label
from ai_engine.measures.operating import balanced_threshold
from ai_engine.measures.report import measure_split
from ai_engine.preprocessing.geometry import fitted
from ai_engine.training.channel_planes import ChannelPlanes, as_values
from ai_engine.training.image_batches import label_targets, plain_channels, sample_of
from ai_engine.training.publishing import DEFAULT_THRESHOLD, PublishedTrainer, split_by_patient
from ai_engine.training.recipe import Recipe
from ai_engine.training.trainer import NO_MODELS, Entry, RunModels

FloatArray = npt.NDArray[np.float32]

LUNG_IMAGES = 300
"""So many images teach where lungs are: a hundred cells of each are more than enough."""

PLANES_FOLDER = "lungs"
"""Folder of a run where the outlines of its images are kept."""

LUNGS = "lungs"
"""The convolution that says where lungs are, in every network that has one."""


class LungsTaughtTrainer(PublishedTrainer):
    """Two passes over the images: where lungs are, and then what a kind makes of it."""

    keeps_best = False

    def __init__(
        self, recipe: Recipe, data: CxrDataset, *, folder: Path, models: RunModels = NO_MODELS
    ) -> None:
        """Make ready to learn; ``models`` hold the lung model that teaches."""
        super().__init__(recipe, data, folder=folder, models=models)
        self.train, self.valid = (
            tuple(item for item in data.part(split) if item.view is not View.LATERAL)
            for split in (Split.TRAIN, Split.VALID)
        )
        teachers = [models.teacher] if models.teacher else []
        self.planes = ChannelPlanes(teachers, folder / PLANES_FOLDER)

    @property
    def stages(self) -> tuple[int, ...]:
        """The lungs, then the head: one pass each."""
        return (1, 1)

    def enter(self, stage: int) -> None:
        """Nothing is to be made ready."""

    def set_rate(self, history: list[Entry]) -> Entry:
        """There is no rate to set."""
        del history
        return {}

    def batches(self, stage: int, epoch: int) -> Iterator[tuple[Any, ...]]:
        """One image and its mirror image each; with the lungs at first."""
        del epoch
        items = self.train
        if stage == 0:
            chance = np.random.default_rng(self.recipe.seed)
            chosen = chance.permutation(len(items))[:LUNG_IMAGES]
            items = tuple(items[at] for at in sorted(chosen))
        for item in items:
            yield self._views(item), self._lungs(item) if stage == 0 else None

    def _seeing(self, *names: str) -> Callable[[FloatArray], list[Any]]:
        """What gives the outputs of layers for views (n, y, x, channels)."""
        outputs = [self.network.get_layer(name).output for name in names]
        seen = keras.Model(self.network.input, outputs)
        see: Callable[[FloatArray], list[Any]] = tf.function(
            lambda views: seen(views, training=False),
            input_signature=[tf.TensorSpec((None, None, None, self.recipe.planes), tf.float32)],
        )
        return see

    def _fit_lungs(self, losses: list[Any]) -> Entry:
        """Fit the lungs' convolution to what `lung_cells` gave of each image."""
        places, lungs = (np.concatenate(part) for part in zip(*losses, strict=True))
        fit = lungs_fit(places, lungs)
        self._assign(LUNGS, fit.kernel[None, None], fit.bias)
        return {"loss": fit.loss}

    def validate(self, stage: int, epoch: int) -> Entry:
        """AUC of the first label on each source's validation part."""
        del epoch
        if stage == 0 or not self.valid:
            return {}
        scores = [
            self.network.predict_on_batch(self._views(item))[0][:, 0].mean() for item in self.valid
        ]
        return self._auc_by_source(np.array(scores))

    def _auc_by_source(self, scores: FloatArray) -> Entry:
        """AUC of the first label, by what each item of the validation part scores (items,)."""
        truth = label_targets(self.valid, self.recipe.labels)[:, 0]
        sources = np.array([item.device for item in self.valid])
        return {
            f"valid_auc {source}".strip(): float(roc_auc_score(truth[rows], scores[rows]))
            for source in np.unique(sources)
            if len(np.unique(truth[rows := sources == source])) == 2
        }

    def variables(self) -> dict[str, list[Any]]:
        """The network's weights: nothing else goes from one pass to the next."""
        return {"network": [one for one in self.network.variables if "seed" not in one.path]}

    def described(self) -> dict[str, Any]:
        """Data and labels, and that both mirrorings are averaged if the recipe says so."""
        thresholds = dict.fromkeys(self.recipe.labels, DEFAULT_THRESHOLD)
        return {
            "data": split_by_patient(self.data),
            "flip_averaging": self.recipe.flip_averaging,
            "labels": _labels(thresholds),
        }

    def made(self) -> str:
        """The recipe, and who taught where the lungs are."""
        teacher = self.models.teacher
        taught = f", lungs after {teacher.card.identity.key}" if teacher else ""
        return f"{self.recipe.name}, seed {self.recipe.seed}{self.started()}{taught}"

    def judged(self, draft: ModelCard) -> tuple[tuple[Label, ...], tuple[Metric, ...]]:
        """Thresholds and figures of the validation part, scored in OpenVINO as it is served."""
        with tempfile.TemporaryDirectory(prefix="converted-") as cache:
            backend = OpenVinoBackend.load(draft, cache=Path(cache))
            scored = score_split(evaluation_predictor(draft, backend), self.data, self.valid)
        labels = _labels({name: balanced_threshold(scored, name) for name in self.recipe.labels})
        return labels, measure_split(scored, labels, Split.VALID.value)

    def _views(self, item: CxrItem) -> FloatArray:
        """An item and its mirror image as they are served, (2, size, size, channels)."""
        sample = sample_of(self.data, item, self.recipe)
        view = plain_channels(sample, self.recipe.input_size, ranks=self.recipe.ranks_beside)
        return np.stack([view, view[:, ::-1]])

    def _lungs(self, item: CxrItem) -> FloatArray:
        """The lungs on both views as they were taught, (2, size, size), 0 to 1."""
        sample = sample_of(self.data, item, self.recipe, self.planes)
        (plane,) = sample.planes.values()
        shown = fitted(as_values(plane), size=self.recipe.input_size, content=sample.content)
        return np.stack([shown.values, shown.values[:, ::-1]])

    def _assign(self, layer: str, kernel: FloatArray, bias: FloatArray) -> None:
        found = self.network.get_layer(layer)
        found.kernel.assign(kernel)
        found.bias.assign(bias)


def lung_cells(places: FloatArray, lungs: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Each cell of maps (n, h, w, channels), and the part of it that lungs (n, y, x) cover."""
    cells = tf.image.resize(lungs[..., None], places.shape[1:3], method="area").numpy()
    return places.reshape(-1, places.shape[-1]), cells.ravel()


def _labels(thresholds: dict[str, float]) -> tuple[Label, ...]:
    return tuple(reported_label(name, threshold=one) for name, one in thresholds.items())
