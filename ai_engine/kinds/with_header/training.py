"""Paper 4's second stage: the head that joins an image's classes with the header.

Importing this module loads TensorFlow.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from ai_engine.datasets.cxr import CxrItem, Split
from ai_engine.kinds.image_training import ImageTrainer, probabilities_of
from ai_engine.kinds.with_header.head import build_opacity_head, opacity_features
from ai_engine.library.card import Label, Metric, ModelCard
from ai_engine.library.labels import reported_label
from ai_engine.library.weights_file import assign_weights, model_tensors
from ai_engine.measures.metrics import best_f1_threshold
from ai_engine.measures.report import measure_split
from ai_engine.measures.scored import ScoredSplit
from ai_engine.models.catalogue import build
from ai_engine.preprocessing.patient_context import context_of
from ai_engine.training.image_batches import label_targets
from ai_engine.training.publishing import DEFAULT_THRESHOLD, FRONTAL_ONLY, LIMITATIONS
from ai_engine.training.trainer import Entry, Progress

FloatArray = npt.NDArray[np.float32]

ARCHITECTURE = "xception_with_header"
OPACITY = "Lung Opacity"
_BATCH = 64


class HeaderTrainer(ImageTrainer):
    """Trains the image's classes, then the head on what they are for the training part.

    The first stage can be resumed; the second takes seconds.
    """

    def run(self, *, resume: bool, progress: Progress) -> tuple[Entry, ...]:
        """Train both stages; ``joined`` and ``classes`` are then of the validation part.

        These are float32 (valid,), the head's answers, and (valid, 3), those of the image alone;
        both are means over an image and its mirror image, as they are served.
        """
        super().run(resume=resume, progress=progress)
        # The head has 49 weights, and as many digits as there are.
        keras.mixed_precision.set_global_policy("float32")
        tensors = model_tensors(self.network)
        network = build(
            self.recipe.architecture, labels=len(self.recipe.labels), size=self.recipe.input_size
        )
        assign_weights(network, tensors, source=self.folder)
        self.model = keras.Model(network.input, network.output[0])
        classes = self._classes(self.train)
        plain, mirrored = (self._classes(self.valid, mirrored=each) for each in (False, True))
        head, history = self._trained_head(classes, plain)
        # Serving takes the mean over an image and its mirror image, so do threshold and figures.
        made = [
            np.asarray(head.predict_on_batch(joined_features(each, self.valid)))[:, 0]
            for each in (plain, mirrored)
        ]
        self._tensors = tensors | model_tensors(head)
        self.joined: FloatArray = np.mean(made, axis=0).astype(np.float32)
        self.classes: FloatArray = np.mean([plain, mirrored], axis=0).astype(np.float32)
        self.history = [*self.history, *history]
        return tuple(self.history)

    def _classes(self, items: Sequence[CxrItem], *, mirrored: bool = False) -> FloatArray:
        return probabilities_of(self.model, self.data, items, self.recipe, mirrored=mirrored)

    def _trained_head(self, train: FloatArray, valid: FloatArray) -> tuple[Any, list[Entry]]:
        """The head of the epoch with the lowest validation loss, and each epoch's figures."""
        epochs = self.recipe.head_epochs
        keras.utils.set_random_seed(self.recipe.seed)
        head = build_opacity_head()
        head.compile(
            optimizer=keras.optimizers.Adam(self.recipe.head_learning_rate),
            loss="binary_crossentropy",
            jit_compile=False,
        )
        kept = keras.callbacks.EarlyStopping(
            monitor="val_loss", patience=epochs, restore_best_weights=True
        )
        learned, chosen = (
            (joined_features(classes, items), label_targets(items, (OPACITY,)))
            for classes, items in ((train, self.train), (valid, self.valid))
        )
        fitted = head.fit(
            *learned,
            validation_data=chosen,
            batch_size=_BATCH,
            epochs=epochs,
            callbacks=[kept],
            verbose=0,
        )
        rows = zip(fitted.history["loss"], fitted.history["val_loss"], strict=True)
        return head, [
            {"stage": "head", "loss": float(loss), "valid_loss": float(valid_loss)}
            for loss, valid_loss in rows
        ]

    def tensors(self) -> dict[str, Any]:
        """The weights of both stages by path."""
        return self._tensors

    def made(self) -> str:
        """The recipe; the epochs are those of the images."""
        images = [entry for entry in self.history if "stage" not in entry]
        return f"{self.recipe.name}, seed {self.recipe.seed}, {len(images)} epochs"

    def described(self) -> dict[str, Any]:
        """What joins image and header."""
        return super().described() | {
            "title": "Lung opacity from radiograph, sex, age and view",
            "architecture": ARCHITECTURE,
            "flip_averaging": True,
            "limitations": (
                *LIMITATIONS,
                "It knows how often sex, age and view went along with an opacity in its training "
                "data, which elsewhere may be otherwise.",
            ),
            "refuses": FRONTAL_ONLY,
        }

    def judged(self, draft: ModelCard) -> tuple[tuple[Label, ...], tuple[Metric, ...]]:
        """The threshold with the best F1 on the validation part, and the figures there."""
        del draft
        truth = label_targets(self.valid, (OPACITY,))[:, 0] == 1
        threshold = DEFAULT_THRESHOLD
        if truth.any():
            threshold = round(best_f1_threshold(truth, self.joined.astype(np.float64)), 4)
        labels = (reported_label(OPACITY, threshold=threshold),)
        probabilities = self.joined[:, np.newaxis].astype(np.float64)
        scored = ScoredSplit(
            items=tuple(self.valid), labels=(OPACITY,), probabilities=probabilities
        )
        return labels, measure_split(scored, labels, Split.VALID.value)


def joined_features(classes: FloatArray, items: Sequence[CxrItem]) -> FloatArray:
    """The six features of each image: float32 (items, 6)."""
    rows = [
        opacity_features(row, context_of(sex=item.sex, age=item.age, view=item.view.value))
        for row, item in zip(classes, items, strict=True)
    ]
    return np.concatenate(rows)
