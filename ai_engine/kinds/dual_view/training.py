"""Training of the dual branch on pairs of views. Importing this module loads TensorFlow."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from ai_engine.datasets.cxr import Split
from ai_engine.kinds.dual_view.batches import HEADS, pair_batches, plain_pairs
from ai_engine.kinds.dual_view.dataset import view_pairs
from ai_engine.kinds.image_training import ImageTrainer, known_crossentropy
from ai_engine.training.image_batches import usable_items
from ai_engine.training.keras_optimizer import compile_model

_INFERENCE_BATCH = 4


class PairTrainer(ImageTrainer):
    """Learns from the data set's pairs; what is validated is the joined head, by the frontals."""

    def choose_items(self) -> None:
        """Pair the views of each study.

        Raises
        ------
        DatasetError
            If the data set has not what the recipe learns, or doesn't know studies.
        """
        usable_items(self.data, self.data.part(Split.TRAIN), self.recipe)
        self.pairs = view_pairs(self.data, Split.TRAIN)
        self.valid_pairs = view_pairs(self.data, Split.VALID)
        self.valid = tuple(pair.frontal for pair in self.valid_pairs)

    def compile(self) -> None:
        """Train the joined head and those of both branches alike."""
        joined, _, _, frontal, lateral = self.network.output
        heads = [joined, frontal, lateral]
        self.model = keras.Model(self.network.input, heads, name=self.network.name)
        compile_model(self.model, self.recipe, [known_crossentropy] * HEADS)

    def batches(self, stage: int, epoch: int) -> Iterator[tuple[Any, Any]]:
        """Varied pairs, and the labels of the three heads."""
        del stage
        return pair_batches(self.data, self.pairs, self.recipe, epoch, self.planes)

    def probabilities(self) -> npt.NDArray[np.float32]:
        """The joined head's answers on the validation part: float32 (pairs, labels)."""
        parts = []
        for start in range(0, len(self.valid_pairs), _INFERENCE_BATCH):
            pairs = self.valid_pairs[start : start + _INFERENCE_BATCH]
            inputs = plain_pairs(self.data, pairs, self.recipe, self.planes)
            parts.append(np.asarray(self.model.predict_on_batch(inputs)[0]))
        return np.concatenate(parts).astype(np.float32)
