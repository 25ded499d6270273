"""A softmax head on ImageNet's features as they are: what an image is of, learned from few.

Features that are left alone keep what they were good for elsewhere (Kumar et al., Fine-Tuning can
Distort Pretrained Features and Underperform Out-of-Distribution, ICLR 2022), and body parts lie in
them nearly side by side. A class is answered only from a threshold on, so that nearly all answers
are right: what is of no class is rarely that sure. Importing this loads Keras.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ai_engine.datasets.cxr import CxrDataset, CxrItem, Split
from ai_engine.inference.openvino_backend import OpenVinoBackend
from ai_engine.kinds.classifier.class_fits import class_fit
from ai_engine.kinds.classifier.classes import Called, called_images, class_metrics
from ai_engine.kinds.guarding import OVERRULING
from ai_engine.library.card import UNGUARDED, Label, Metric, ModelCard, write_card
from ai_engine.library.labels import NO_CLASS, reported_label
from ai_engine.library.names import UNFINISHED
from ai_engine.library.trunks import trunk_tensors
from ai_engine.models.catalogue import build
from ai_engine.training.image_batches import label_targets, plain_view, sample_of, usable_items
from ai_engine.training.pretrained import start_from
from ai_engine.training.publishing import DEFAULT_THRESHOLD, PublishedTrainer, split_by_patient
from ai_engine.training.recipe import Recipe
from ai_engine.training.trainer import NO_MODELS, Entry, RunModels

FloatArray = npt.NDArray[np.float32]

RIGHT = 0.99
"""The part of the answers on validation images that has to be right: the threshold is the lowest
with which it is, not below `OVERRULING`, for an answer may keep an image from its model."""

TRUNK_FOLDER = f"trunk{UNFINISHED}"
"""Folder of a run where the network that its features come from is kept: its head is none yet."""

_BATCH = 16


class ClassProbeTrainer(PublishedTrainer):
    """Fits the head in one pass over the images and their mirror images."""

    keeps_best = False

    def __init__(
        self, recipe: Recipe, data: CxrDataset, *, folder: Path, models: RunModels = NO_MODELS
    ) -> None:
        """Build the network.

        Raises
        ------
        DatasetError
            If the data set has not what the recipe learns.
        """
        super().__init__(recipe, data, folder=folder, models=models)
        self.train, self.valid = (
            usable_items(data, data.part(split), recipe) for split in (Split.TRAIN, Split.VALID)
        )
        self.network = build(recipe.architecture, labels=len(recipe.labels), size=recipe.input_size)
        start_from(self.network, trunk_tensors(recipe.architecture))
        self._backend: OpenVinoBackend | None = None

    @property
    def stages(self) -> tuple[int, ...]:
        """One pass."""
        return (1,)

    def enter(self, stage: int) -> None:
        """Convert the network: features are learned from as they are served, and sooner."""
        del stage
        place = self.folder / TRUNK_FOLDER
        name, digest = self.write_weights(place)
        card = ModelCard(
            folder=place,
            name=self.recipe.model_name,
            version="0",
            title="",
            manufacturer="",
            kind=self.recipe.kind,
            architecture=self.recipe.architecture,
            input_size=self.recipe.input_size,
            weights_file=name,
            weights_digest=digest,
            research_only=True,
            intended_use="",
            limitations=(),
            refuses=(),
            licence="",
            attribution="",
            labels=tuple(_label(name) for name in self.recipe.labels),
        )
        write_card(card)
        self._backend = OpenVinoBackend.load(card, cache=place / "converted")

    def set_rate(self, history: list[Entry]) -> Entry:
        """There is no rate to set."""
        del history
        return {}

    def batches(self, stage: int, epoch: int) -> Iterator[tuple[Any, ...]]:
        """Images, each followed by its mirror image."""
        del stage, epoch
        for start in range(0, len(self.train), _BATCH):
            views = [self._views(item) for item in self.train[start : start + _BATCH]]
            yield (np.concatenate(views),)

    def step(self, *batch: Any) -> Any:
        """What the network sees of some images: float32 (images, 2, channels)."""
        (views,) = batch
        assert self._backend is not None  # noqa: S101 - enter() was called
        seen = self._backend.predict(views).features.mean(axis=(1, 2))
        return seen.reshape(-1, 2, seen.shape[-1])

    def summary(self, stage: int, losses: list[Any]) -> Entry:
        """Fit the head to all images and their mirror images."""
        del stage
        features = np.concatenate(losses)
        truth = label_targets(self.train, self.recipe.labels).argmax(axis=1)
        fit = class_fit(
            np.concatenate([features[:, 0], features[:, 1]]),
            np.concatenate([truth, truth]),
            [item.patient_id for item in (*self.train, *self.train)],
            [item.device for item in (*self.train, *self.train)],
        )
        head = self.network.get_layer("head")
        head.kernel.assign(fit.kernel)
        head.bias.assign(fit.bias)
        return {"loss": fit.loss}

    def variables(self) -> dict[str, list[Any]]:
        """The network's weights: nothing else goes from one pass to the next."""
        return {"network": [one for one in self.network.variables if "seed" not in one.path]}

    def described(self) -> dict[str, Any]:
        """Data and labels, and that both mirrorings are averaged."""
        names = self.recipe.labels
        return {
            "data": split_by_patient(replace(self.data, name=self._sources())),
            "flip_averaging": self.recipe.flip_averaging,
            "exclusive": True,
            "guard": UNGUARDED,
            "labels": tuple(_label(name) for name in names),
        }

    def _sources(self) -> str:
        """The data set's folder, and the sources that it was put together from."""
        names = dict.fromkeys(item.device for item in self.data.items if item.device)
        return " of ".join(filter(None, (self.data.folder.name, ", ".join(names))))

    def made(self) -> str:
        """The recipe; one pass has no epochs worth naming."""
        return f"{self.recipe.name}, seed {self.recipe.seed}{self.started()}"

    def judged(self, draft: ModelCard) -> tuple[tuple[Label, ...], tuple[Metric, ...]]:
        """The threshold, and the figures of the validation part, scored in OpenVINO as served."""
        with tempfile.TemporaryDirectory(prefix="converted-") as cache:
            backend = OpenVinoBackend.load(draft, cache=Path(cache))
            called = called_images(draft, backend, self.data, self.valid)
        threshold = certain_from(called, draft.labels)
        labels = tuple(replace(label, threshold=threshold) for label in draft.labels)
        return labels, tuple(class_metrics(labels, called, Split.VALID.value))

    def _views(self, item: CxrItem) -> FloatArray:
        """An item and its mirror image as they are served, (2, size, size, 1)."""
        sample = sample_of(self.data, item, self.recipe)
        view = plain_view(sample, self.recipe.input_size).values
        return np.stack([view, view[:, ::-1]])[..., None]


def certain_from(called: Called, labels: Sequence[Label]) -> float:
    """The lowest threshold, not below `OVERRULING`, from which `RIGHT` of the answers are right."""
    other = [index for index, label in enumerate(labels) if label.name in NO_CLASS]
    sure = called.probabilities.max(axis=1)
    answered = ~np.isin(called.predicted, other)
    right = called.true == called.predicted
    wrong = np.sort(sure[answered & ~right])
    for threshold in (OVERRULING, *wrong[wrong > OVERRULING]):
        kept = answered & (sure > threshold)
        if kept.any() and right[kept].mean() >= RIGHT:
            return round(float(threshold) + 5e-5, 4)
    return 1.0


def _label(name: str) -> Label:
    return reported_label(name, threshold=DEFAULT_THRESHOLD)
