"""What every model that looks at single frontal radiographs can do, whatever it makes of them."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from ai_engine.kinds.bones.prediction import BonePrediction
from ai_engine.kinds.classifier.predictor import Calibration
from ai_engine.kinds.guard.guard import ChestGuard, TagsHint
from ai_engine.library.card import ModelCard
from ai_engine.prediction import Prediction, Refusal
from ai_engine.preprocessing.radiograph import Radiograph


class RadiographPredictor(Protocol):
    """Analyses radiographs one by one. Safe to call from several threads."""

    @property
    def card(self) -> ModelCard:
        """The model's card."""
        ...

    @property
    def guard(self) -> ChestGuard:
        """What decides which images the model may see."""
        ...

    def predict(
        self,
        radiographs: Sequence[Radiograph],
        *,
        refusals: Sequence[Refusal] = (),
        calibrations: Mapping[str, Calibration] | None = None,
        hints: Mapping[str, TagsHint] | None = None,
    ) -> Prediction | BonePrediction:
        """Analyse the images of one study; ``refusals`` of those that couldn't be read go along."""
        ...
