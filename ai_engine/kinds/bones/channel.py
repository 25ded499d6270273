"""The bones as a channel for other networks."""

from ai_engine.kinds.bones.predictor import BoneSubtractor
from ai_engine.library.card import ChannelKind, ModelCard
from ai_engine.preprocessing.geometry import FloatImage
from ai_engine.preprocessing.radiograph import Radiograph


class BoneChannel:
    """How much of each pixel is bone."""

    kind = ChannelKind.BONES

    def __init__(self, subtractor: BoneSubtractor) -> None:
        self._subtractor = subtractor

    @property
    def card(self) -> ModelCard:
        """The bone generator's card."""
        return self._subtractor.card

    def plane(self, radiograph: Radiograph) -> FloatImage:
        """The bones: float32 (rows, columns), 0 to 1."""
        drawn = self._subtractor.draw(radiograph)
        return drawn.bones(rows=radiograph.rows, columns=radiograph.columns)
