"""Several heads on one trunk: an image goes through the trunk once, whoever asks for it.

Heads of one trunk (`ai_engine.library.trunks`) see the same features of the same view, so that what
a further one costs is a product of its kernel with them.
"""

import threading
from collections.abc import Sequence

import numpy as np

from ai_engine.errors import ModelFolderError
from ai_engine.inference.backend import Activation, Backend, FloatArray
from ai_engine.library.card import ModelCard
from ai_engine.library.trunks import HEAD, is_head_on_trunk
from ai_engine.library.weights_file import read_weights


class RememberingBackend:
    """A back end that knows each thread's last batch: the same array once more costs nothing."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._last = threading.local()

    def predict(self, batch: FloatArray) -> Activation:
        """Run a batch: float32 (n, rows, columns, 1)."""
        known: tuple[FloatArray, Activation] | None = getattr(self._last, "run", None)
        if known is not None and known[0] is batch:
            return known[1]
        made = self._backend.predict(batch)
        self._last.run = batch, made
        return made


class HeadBackend:
    """A model that is a head on a trunk, on the features that another such model's network gives.

    Safe to call from several threads.
    """

    def __init__(self, card: ModelCard, trunk: Backend) -> None:
        """Put head and trunk together.

        Parameters
        ----------
        card
            The head's model.
        trunk
            The network of any model on the same trunk.

        Raises
        ------
        ModelFolderError
            If the weights are no such head, or not of the card's labels.
        """
        tensors = read_weights(card.weights_path)
        self._kernel = tensors.get(f"{HEAD}kernel", np.zeros((0, 0), np.float32))
        self._bias = tensors.get(f"{HEAD}bias", np.zeros(0, np.float32))
        if not self._kernel.shape[1] == self._bias.size == len(card.labels):
            raise ModelFolderError(
                f"{card.weights_path}: is no head for {len(card.labels)} labels; restore it"
            )
        self._trunk = trunk

    def predict(self, batch: FloatArray) -> Activation:
        """Run a batch: float32 (n, rows, columns, 1)."""
        features = self._trunk.predict(batch).features
        logits = features.mean(axis=(1, 2)) @ self._kernel + self._bias
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities = powers / powers.sum(axis=1, keepdims=True)
        return Activation(
            probabilities=np.asarray(probabilities, dtype=np.float32), features=features
        )


def share_trunk(cards: Sequence[ModelCard]) -> bool:
    """Whether models are heads on one trunk that see the same view of an image."""
    seen = {
        (one.architecture, one.input_size, one.equalized, one.center_crop, one.flip_averaging)
        for one in cards
    }
    return len(seen) == 1 and all(is_head_on_trunk(one.architecture) for one in cards)
