"""Training of a detector by a published recipe. Importing this module loads TensorFlow."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ai_engine.datasets.cxr import CxrDataset, Split
from ai_engine.kinds.detector.batches import box_batches, plain_batches
from ai_engine.kinds.detector.boxes import suppressed
from ai_engine.kinds.detector.dataset import BoxedItem, boxed_items
from ai_engine.kinds.detector.metrics import BoxedImage, average_precision
from ai_engine.kinds.detector.network import box_network, build_opacity_detector
from ai_engine.kinds.detector.predictor import LOWEST_SCORE
from ai_engine.prediction import FoundBox, Region
from ai_engine.training.keras_optimizer import recipe_optimizer
from ai_engine.training.keras_run import KerasRun, Progress
from ai_engine.training.published_recipe import PublishedRecipe


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class BoxTraining:
    """The network as it is served, each epoch's figures, and its boxes on the validation part."""

    network: Any
    history: tuple[dict[str, Any], ...]
    valid: tuple[BoxedImage, ...]
    train_boxes: int
    valid_boxes: int


class FittedDetector:
    """A detector as `KerasRun` trains models.

    KerasHub 0.32 can't take boxes and labels in ``train_on_batch``, so each batch is fitted.
    """

    def __init__(self, detector: Any) -> None:
        self._detector = detector

    @property
    def optimizer(self) -> Any:
        """The compiled optimiser."""
        return self._detector.optimizer

    @property
    def weights(self) -> Any:
        """All variables that are learned or counted."""
        return self._detector.weights

    @property
    def variables(self) -> Any:
        """The same, and the random states."""
        return self._detector.variables

    @property
    def trainable_variables(self) -> Any:
        """Those that are learned."""
        return self._detector.trainable_variables

    def train_on_batch(self, images: Any, targets: Any, *, return_dict: bool) -> dict[str, Any]:
        """Train one step and return its loss by name."""
        del return_dict
        history = self._detector.fit(
            images, targets, batch_size=len(images), shuffle=False, verbose=0
        )
        return {"loss": history.history["loss"][-1]}


def train_boxes(
    recipe: PublishedRecipe,
    dataset: CxrDataset,
    *,
    folder: Path,
    resume: bool,
    progress: Progress,
) -> BoxTraining:
    """Train on the training part's boxes; the validation part steers and chooses.

    Raises
    ------
    BackendError
        If KerasHub is not installed.
    DatasetError
        If the data set has no boxes of the recipe's labels.
    """
    # Boxes need more digits than half precision has.
    keras.mixed_precision.set_global_policy("float32")
    train, valid = (boxed_items(dataset, split) for split in (Split.TRAIN, Split.VALID))
    detector = build_opacity_detector(size=recipe.input_size, labels=len(recipe.labels))
    detector.compile(
        optimizer=recipe_optimizer(recipe),
        box_loss="auto",
        classification_loss="auto",
        jit_compile=False,
    )
    network = box_network(detector, size=recipe.input_size)
    run = KerasRun(
        FittedDetector(detector),
        recipe,
        batches=lambda epoch: box_batches(dataset, train, recipe, epoch),
        measure=lambda _: _measured(detector, network, dataset, valid, recipe),
        folder=folder,
    )
    history = run.run(resume=resume, progress=progress)
    return BoxTraining(
        network=network,
        history=history,
        valid=_found(network, dataset, valid, recipe),
        train_boxes=sum(len(each.boxes) for each in train),
        valid_boxes=sum(len(each.boxes) for each in valid),
    )


def _measured(
    detector: Any,
    network: Any,
    dataset: CxrDataset,
    items: Sequence[BoxedItem],
    recipe: PublishedRecipe,
) -> dict[str, float]:
    losses = [
        detector.evaluate(images, targets, batch_size=len(images), verbose=0, return_dict=True)[
            "loss"
        ]
        for images, targets in plain_batches(dataset, items, recipe)
    ]
    found = _found(network, dataset, items, recipe)
    return {"valid_loss": float(np.mean(losses)), "valid_ap50": average_precision(found)}


def _found(
    network: Any, dataset: CxrDataset, items: Sequence[BoxedItem], recipe: PublishedRecipe
) -> tuple[BoxedImage, ...]:
    """What the network finds of the first label, and what is there, on the views of images."""
    answers = []
    for start, (images, targets) in zip(
        range(0, len(items), recipe.batch_size),
        plain_batches(dataset, items, recipe),
        strict=True,
    ):
        made = network.predict_on_batch(images[..., :1])
        for row, item in enumerate(items[start : start + recipe.batch_size]):
            boxes, scores = made["boxes"][row], np.asarray(made["scores"])[row, :, 0]
            true = targets["boxes"][row][targets["labels"][row] >= 0]
            answers.append(
                BoxedImage(
                    patient=item.item.patient_id,
                    found=tuple(
                        FoundBox(region=_region(boxes[one]), probability=float(scores[one]))
                        for one in suppressed(
                            np.asarray(boxes), np.asarray(scores), lowest=LOWEST_SCORE
                        )
                    ),
                    truth=tuple(_region(box) for box in true),
                )
            )
    return tuple(answers)


def _region(box: Any) -> Region:
    left, top, right, bottom = (float(edge) for edge in box)
    return Region(left=left, top=top, right=right, bottom=bottom)
