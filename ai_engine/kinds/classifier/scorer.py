"""A model's own probabilities and nothing else: to compare models on the same images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ai_engine.inference.backend import Backend, FloatArray
from ai_engine.inference.input_channels import ChannelSource, require_sources
from ai_engine.inference.openvino_backend import OpenVinoBackend
from ai_engine.inference.views import model_batch, model_image, model_view
from ai_engine.library.card import ModelCard
from ai_engine.preprocessing.radiograph import Radiograph


class Scorer:
    """Runs a classifier as it is served, without guard, heat maps and thresholds."""

    def __init__(
        self, card: ModelCard, backend: Backend, channels: Sequence[ChannelSource] = ()
    ) -> None:
        require_sources(card, channels)
        self.card = card
        self._channels = tuple(channels)
        self.backend = backend

    @classmethod
    def load(
        cls,
        card: ModelCard,
        *,
        cache: Path,
        threads: int | None = None,
        channels: Sequence[ChannelSource] = (),
    ) -> "Scorer":
        """Load a model on OpenVINO, converting it into the cache first where needed.

        Raises
        ------
        ModelFolderError, BackendError
            If the model is damaged or can't be converted, or the channels are not its card's.
        """
        return cls(card, OpenVinoBackend.load(card, cache=cache, threads=threads), channels)

    def probabilities(self, radiograph: Radiograph) -> FloatArray:
        """The model's own probability of each label, float32 (labels,)."""
        view = model_view(self.card, radiograph)
        batch = model_batch(self.card, model_image(self.card, radiograph, view, self._channels))
        found = self.backend.predict(batch).probabilities.mean(axis=0)
        return np.asarray(found, dtype=np.float32)
