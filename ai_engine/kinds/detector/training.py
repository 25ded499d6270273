"""Training of a detector. Importing this module loads TensorFlow."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ai_engine.datasets.cxr import CxrDataset, Split
from ai_engine.inference.packed_network import NETWORK_FILE, pack_network
from ai_engine.kinds.boxes import suppressed
from ai_engine.kinds.detector.batches import box_batches, plain_batches
from ai_engine.kinds.detector.dataset import boxed_items
from ai_engine.kinds.detector.evaluation import box_metrics
from ai_engine.kinds.detector.metrics import BoxedImage, average_precision, best_box_threshold
from ai_engine.kinds.detector.network import box_network, build_opacity_detector
from ai_engine.kinds.detector.predictor import LOWEST_SCORE
from ai_engine.library.card import Label, Metric, ModelCard
from ai_engine.library.labels import reported_label
from ai_engine.prediction import FoundBox, Region
from ai_engine.training.keras_optimizer import recipe_optimizer
from ai_engine.training.publishing import (
    DEFAULT_THRESHOLD,
    FRONTAL_ONLY,
    LIMITATIONS,
    PublishedTrainer,
)
from ai_engine.training.recipe import Recipe
from ai_engine.training.trainer import NO_MODELS, Entry, RunModels

ENOUGH_BOXES = 500
"""With fewer boxes to learn from a card warns that they are too few."""


class BoxTrainer(PublishedTrainer):
    """Learns from the training part's boxes; the validation part steers and chooses."""

    def __init__(
        self, recipe: Recipe, data: CxrDataset, *, folder: Path, models: RunModels = NO_MODELS
    ) -> None:
        """Choose the images and build the network.

        Raises
        ------
        BackendError
            If KerasHub is not installed.
        DatasetError
            If the data set has no boxes of the recipe's labels.
        """
        super().__init__(recipe, data, folder=folder, models=models)
        # Boxes need more digits than half precision has.
        keras.mixed_precision.set_global_policy("float32")
        self.train, self.valid = (boxed_items(data, split) for split in (Split.TRAIN, Split.VALID))
        self.model = build_opacity_detector(size=recipe.input_size, labels=len(recipe.labels))
        self.model.compile(
            optimizer=recipe_optimizer(recipe),
            box_loss="auto",
            classification_loss="auto",
            jit_compile=False,
        )
        self.network = box_network(self.model, size=recipe.input_size)

    def batches(self, stage: int, epoch: int) -> Iterator[tuple[Any, Any]]:
        """Varied views and their boxes."""
        del stage
        return box_batches(self.data, self.train, self.recipe, epoch)

    def step(self, *batch: Any) -> float:
        """Fit one batch: KerasHub 0.32 can't take boxes and labels in ``train_on_batch``."""
        images, targets = batch
        fitted = self.model.fit(images, targets, batch_size=len(images), shuffle=False, verbose=0)
        return float(fitted.history["loss"][-1])

    def validate(self, stage: int, epoch: int) -> Entry:
        """Validation loss, and the average precision of the boxes found."""
        del stage, epoch
        losses = [
            self.model.evaluate(
                images, targets, batch_size=len(images), verbose=0, return_dict=True
            )["loss"]
            for images, targets in plain_batches(self.data, self.valid, self.recipe)
        ]
        precision = average_precision(self.found())
        return {"valid_loss": float(np.mean(losses)), "valid_ap50": precision}

    def found(self) -> tuple[BoxedImage, ...]:
        """What the network finds of the first label, and what is there, on the validation part."""
        return tuple(
            _boxed(item.item.patient_id, boxes, scores, truth)
            for item, (boxes, scores, truth) in zip(self.valid, self._answers(), strict=True)
        )

    def _answers(self) -> Iterator[tuple[Any, Any, Any]]:
        for images, targets in plain_batches(self.data, self.valid, self.recipe):
            made = self.network.predict_on_batch(images[..., :1])
            scores = np.asarray(made["scores"])[..., 0]
            for row in range(len(images)):
                true = targets["boxes"][row][targets["labels"][row] >= 0]
                yield np.asarray(made["boxes"][row]), scores[row], true

    def write_weights(self, folder: Path) -> tuple[str, str]:
        """Write a packed OpenVINO network, which runs without the package it was built with."""
        with tempfile.TemporaryDirectory(prefix="exporting-") as place:
            model = Path(place) / "model.xml"
            self.network.export(str(model), format="openvino", verbose=False)
            return NETWORK_FILE, pack_network(model, folder / NETWORK_FILE)

    def described(self) -> dict[str, Any]:
        """What is found, and of how many boxes it was learned."""
        learned, chosen = (
            sum(len(each.boxes) for each in part) for part in (self.train, self.valid)
        )
        few = f"Trained on {learned} boxes, which is far too few to find opacities with."
        own = (
            *([few] if learned < ENOUGH_BOXES else []),
            *LIMITATIONS,
            "A box says where the network sees an opacity, not what its outline is.",
        )
        return {
            "title": f"{reported_label(self.recipe.labels[0], threshold=0.5).title} as boxes",
            "limitations": own,
            "refuses": FRONTAL_ONLY,
            "attribution": f"Data: {self.data.name}.",
            "data": f"{self.data.name}, split by patient: {learned} boxes to learn from, "
            f"{chosen} to choose with",
        }

    def judged(self, draft: ModelCard) -> tuple[tuple[Label, ...], tuple[Metric, ...]]:
        """The threshold with the best F1 over the validation part's boxes, and their figures."""
        del draft
        found, name = self.found(), self.recipe.labels[0]
        try:
            threshold = round(best_box_threshold(found), 4)
        except ValueError:
            threshold = DEFAULT_THRESHOLD
        label = reported_label(name, threshold=threshold)
        return (label,), box_metrics(found, name, threshold, split=Split.VALID.value)


def _boxed(patient: str, boxes: Any, scores: Any, truth: Any) -> BoxedImage:
    kept = suppressed(boxes, scores, lowest=LOWEST_SCORE)
    return BoxedImage(
        patient=patient,
        found=tuple(
            FoundBox(region=_region(boxes[one]), probability=float(scores[one])) for one in kept
        ),
        truth=tuple(_region(box) for box in truth),
    )


def _region(box: Any) -> Region:
    left, top, right, bottom = (float(edge) for edge in box)
    return Region(left=left, top=top, right=right, bottom=bottom)
