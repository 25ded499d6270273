"""Triage: how probably a radiograph is not normal, and nothing else (paper 3, section 3.3).

"The binary classification model can tell normal radiographs apart from those that contain
anomalies [...] it is suitable for patient triage in highly dynamic and time-sensitive
environments." It decides what is looked at first; it makes no findings.
"""

from collections.abc import Sequence

from ai_engine.errors import ModelFolderError
from ai_engine.inference.backend import Backend
from ai_engine.inference.input_channels import ChannelSource, require_sources
from ai_engine.inference.views import model_batch, model_image, model_view
from ai_engine.kinds.guarding import Guard, passes
from ai_engine.library.card import ModelCard
from ai_engine.prediction import ABNORMAL, NO_FINDING, Triage, abnormality
from ai_engine.preprocessing.radiograph import Radiograph


class TriageModel:
    """Tells normal radiographs from others. Safe to call from several threads."""

    def __init__(
        self,
        card: ModelCard,
        backend: Backend,
        *,
        guard: Guard,
        channels: Sequence[ChannelSource] = (),
    ) -> None:
        """Put the parts together.

        Raises
        ------
        ModelFolderError
            If no label says whether a radiograph is normal, or the channels are not the card's.
        """
        known = [
            index
            for index, label in enumerate(card.labels)
            if label.name == ABNORMAL or label.name in NO_FINDING
        ]
        if not known:
            raise ModelFolderError(
                f"{card.folder}: triage needs a label {ABNORMAL} or No_Finding; correct the card"
            )
        require_sources(card, channels)
        self._card = card
        self._channels = tuple(channels)
        self._backend = backend
        self._guard = guard
        self._column = known[0]
        label = card.labels[self._column]
        self._label = label.name
        self._threshold = abnormality(label.name, label.threshold) or 0.0

    @property
    def card(self) -> ModelCard:
        """The model's card."""
        return self._card

    @property
    def guard(self) -> Guard:
        """What decides which images the model may see."""
        return self._guard

    def assess(self, radiographs: Sequence[Radiograph]) -> Triage | None:
        """Look at the images of one study; None where the guard passes none of them."""
        found = [
            Triage(
                model=self._card.identity,
                sop_instance_uid=each.sop_instance_uid,
                probability=self._probability(each),
                threshold=self._threshold,
            )
            for each in radiographs
            if passes(self._guard, each)
        ]
        return max(found, key=lambda one: one.probability, default=None)

    def _probability(self, radiograph: Radiograph) -> float:
        view = model_view(self._card, radiograph)
        image = model_image(self._card, radiograph, view, self._channels)
        outputs = self._backend.predict(model_batch(self._card, image))
        share = float(outputs.probabilities[:, self._column].mean())
        return abnormality(self._label, share) or 0.0
