"""The lungs as a channel for other networks."""

import numpy as np

from ai_engine.kinds.lungs.segmenter import LungSegmenter
from ai_engine.library.card import ChannelKind, ModelCard
from ai_engine.preprocessing.geometry import FloatImage
from ai_engine.preprocessing.radiograph import Radiograph


class LungChannel:
    """Where the lungs are: 1 on their pixels, 0 elsewhere."""

    kind = ChannelKind.LUNGS

    def __init__(self, segmenter: LungSegmenter) -> None:
        self._segmenter = segmenter

    @property
    def card(self) -> ModelCard:
        """The lung model's card."""
        return self._segmenter.card

    def plane(self, radiograph: Radiograph) -> FloatImage:
        """Both lungs: float32 (rows, columns), 0 or 1."""
        return self._segmenter.segment(radiograph).both.astype(np.float32)
