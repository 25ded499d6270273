"""The guard: a chest model must only ever see upright frontal chest radiographs.

It judges pixels. What the attributes say is the router's business; they help here only as a hint,
where they contradict what a frontal chest can be.

Paper 2 guards with two networks of its own: module I says whether an image is a radiograph at all,
module II of which body part. Where these are active, they have a veto beside the guard's network
(`ai_engine.kinds.guard.veto`).
"""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np

from ai_engine.errors import ImageRefusedError
from ai_engine.inference.backend import Backend
from ai_engine.kinds.guard.veto import Veto
from ai_engine.kinds.guarding import Seen, TagsHint
from ai_engine.library.card import ModelCard
from ai_engine.prediction import RefusalReason
from ai_engine.preprocessing.geometry import FloatImage, letterbox
from ai_engine.preprocessing.radiograph import Radiograph


class Appearance(StrEnum):
    """What an image looks like, in the order of the guard network's outputs."""

    FRONTAL = "upright frontal chest"
    QUARTER_TURN = "chest turned by 90 degrees"
    HALF_TURN = "chest turned by 180 degrees"
    THREE_QUARTER_TURN = "chest turned by 270 degrees"
    INVERTED = "chest with inverted grey scale"
    OTHER = "no frontal chest"


_TURNED_OR_INVERTED = frozenset(Appearance) - {Appearance.FRONTAL, Appearance.OTHER}

OTHER_MODALITIES = frozenset({"CT", "MR", "US", "MG", "PT", "NM", "XA", "RF", "IO", "PX"})
"""Modalities whose images are never projection radiographs of the chest."""


class ChestGuard:
    """Refuses what a frontal chest model must not report on. Safe to call from several threads."""

    sought = Appearance.FRONTAL.value
    body_part = "CHEST"

    def __init__(self, card: ModelCard, backend: Backend, vetoes: Sequence[Veto] = ()) -> None:
        self._card = card
        self._backend = backend
        self._threshold = card.labels[0].threshold
        self._vetoes = tuple(vetoes)

    def appearances(self, radiograph: Radiograph) -> dict[Appearance, float]:
        """Probability of each appearance, the mean over the image and its mirror image."""
        view = _view(radiograph, self._card.input_size)
        outputs = self._backend.predict(np.stack([view, view[:, ::-1]])[..., np.newaxis])
        plain, mirrored = (dict(zip(Appearance, row, strict=True)) for row in outputs.probabilities)
        # The mirror image of a quarter turn is a quarter turn the other way.
        turned = {
            Appearance.QUARTER_TURN: Appearance.THREE_QUARTER_TURN,
            Appearance.THREE_QUARTER_TURN: Appearance.QUARTER_TURN,
        }
        return {key: float(plain[key] + mirrored[turned.get(key, key)]) / 2 for key in Appearance}

    def check(
        self, radiograph: Radiograph, hint: TagsHint | None = None, *, least: float = 0.0
    ) -> None:
        """Pass an upright frontal chest radiograph.

        ``least`` raises the probability that it needs, as `OVERRULING` does where the attributes
        say otherwise.

        Raises
        ------
        ImageRefusedError
            For everything else; the detail says what the image looks like instead.
        """
        if hint is not None and (hint.is_lateral or hint.modality in OTHER_MODALITIES):
            raise ImageRefusedError(
                RefusalReason.NOT_FRONTAL_CHEST, "the attributes name another kind of image"
            )
        found = self.appearances(radiograph)
        if found[Appearance.FRONTAL] < max(self._threshold, least):
            others = {key: value for key, value in found.items() if key != Appearance.FRONTAL}
            likely = max(others, key=others.__getitem__)
            words = likely.value
            if likely is Appearance.OTHER and (seen := self._certain(radiograph)):
                words = seen.words
            raise ImageRefusedError(RefusalReason.NOT_FRONTAL_CHEST, f"looks like: {words}")
        for veto in self._vetoes:
            if objection := veto.objection(radiograph):
                raise ImageRefusedError(RefusalReason.NOT_FRONTAL_CHEST, f"looks like: {objection}")

    def seen(self, radiograph: Radiograph) -> Seen | None:
        """What the vetoes are certain of, in their order; None where none of them is.

        None too of what looks like a chest that is turned or inverted: they have only seen images
        as they are displayed, and take some of these for spines.
        """
        found = self.appearances(radiograph)
        likely = max(found, key=found.__getitem__)
        return None if likely in _TURNED_OR_INVERTED else self._certain(radiograph)

    def _certain(self, radiograph: Radiograph) -> Seen | None:
        return next((found for veto in self._vetoes if (found := veto.seen(radiograph))), None)


def _view(radiograph: Radiograph, size: int) -> FloatImage:
    """What a network of that input size sees: float32 (size, size)."""
    return letterbox(
        radiograph.pixels,
        size=size,
        content=radiograph.content,
        aspect_ratio=radiograph.aspect_ratio,
    ).values
