"""A classifier of what an image is that may refuse it for another model, and says what it sees.

Paper 2's module I must see an X-ray, module II a chest, and a third one a frontal view. They only
refuse: an image that none of them is certain about is left to the guard.
"""

import threading
import weakref
from typing import Protocol

import numpy as np

from ai_engine.errors import ModelFolderError
from ai_engine.inference.backend import Backend, FloatArray
from ai_engine.inference.views import model_batch, model_view
from ai_engine.kinds.guarding import Seen
from ai_engine.library.card import Label, ModelCard
from ai_engine.library.labels import IMAGE_KINDS, NO_CLASS, RADIOGRAPH, VIEWS
from ai_engine.preprocessing.radiograph import Radiograph


class Views(Protocol):
    """Makes what a network sees of an image."""

    def batch(self, radiograph: Radiograph) -> FloatArray:
        """What it sees: float32 (n, size, size, 1)."""
        ...


class LastView:
    """Views of one card's model; each thread's last one is kept, for others that see the same."""

    def __init__(self, card: ModelCard) -> None:
        self._card = card
        self._last = threading.local()

    def batch(self, radiograph: Radiograph) -> FloatArray:
        """What the model sees of an image, and of its mirror image where both are averaged."""
        known: tuple[weakref.ref[FloatArray], FloatArray] | None = getattr(self._last, "seen", None)
        if known is not None and known[0]() is radiograph.pixels:
            return known[1]
        view = model_view(self._card, radiograph).values
        made = model_batch(self._card, view[..., np.newaxis])
        # The image itself is not kept: it may have a hundred megabytes.
        self._last.seen = weakref.ref(radiograph.pixels), made
        return made


class Veto:
    """A classifier that must not be certain of anything else than what it is told to expect."""

    def __init__(
        self, card: ModelCard, backend: Backend, *, expected: str, views: Views | None = None
    ) -> None:
        """Put card and back end together.

        Parameters
        ----------
        expected
            The label that it must not be certain against.
        views
            Makes what the network sees of an image; its own, unless several see the same.

        Raises
        ------
        ModelFolderError
            If what is expected isn't among the card's labels.
        """
        names = [label.name for label in card.labels]
        if expected not in names:
            raise ModelFolderError(
                f"{card.folder}: has no label {expected!r} among {', '.join(names)}; a guard needs "
                "it, so correct the card or roll the model back"
            )
        self._card = card
        self._backend = backend
        self._expected = expected
        self._views = views or LastView(card)

    def objection(self, radiograph: Radiograph) -> str | None:
        """Say what the classifier is certain to see instead; None where there is nothing."""
        label = self._certain(radiograph)
        if label is None or label.name in NO_CLASS | {self._expected}:
            return None
        return f"{_seen(label).words} ({self._card.title})"

    def seen(self, radiograph: Radiograph) -> Seen | None:
        """What an image certainly is; None where it is not certain, or only that it is an X-ray."""
        label = self._certain(radiograph)
        if label is None or label.name in NO_CLASS | {RADIOGRAPH} | VIEWS.keys():
            return None
        return _seen(label)

    def _certain(self, radiograph: Radiograph) -> Label | None:
        """The likeliest class, where it reaches its threshold."""
        shares = self._backend.predict(self._views.batch(radiograph)).probabilities.mean(axis=0)
        label = self._card.labels[int(shares.argmax())]
        return label if shares.max() >= label.threshold else None


def _seen(label: Label) -> Seen:
    words = label.title[:1].lower() + label.title[1:]
    if label.name in IMAGE_KINDS or label.name in VIEWS:
        return Seen(words=label.title)
    return Seen(words=f"X-ray of the {words}", body_part=label.name.upper())
