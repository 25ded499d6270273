"""A guard by classes: lets pass what looks like the one class that a model is for.

Paper 2's module II tells body parts apart; a model of the hand names it as guard and ``Hand`` as
what must be seen.
"""

import numpy as np

from ai_engine.errors import ImageRefusedError, ModelFolderError
from ai_engine.inference.backend import Backend, FloatArray
from ai_engine.inference.views import model_view
from ai_engine.kinds.guarding import Seen, TagsHint
from ai_engine.library.card import ModelCard
from ai_engine.library.labels import NO_CLASS
from ai_engine.prediction import RefusalReason
from ai_engine.preprocessing.radiograph import Radiograph


class ClassGuard:
    """Passes images of one class of a network whose classes exclude each other.

    Build it once; it is safe to call from several threads.
    """

    def __init__(self, card: ModelCard, backend: Backend, *, sees: str = "") -> None:
        """Put card and back end together.

        Parameters
        ----------
        sees
            The label that must be seen; the card's first without it.

        Raises
        ------
        ModelFolderError
            If the card has no such label.
        """
        names = [label.name for label in card.labels]
        if not names or (sees and sees not in names):
            raise ModelFolderError(
                f"{card.folder}: has no label {sees!r} among {', '.join(names) or 'none'}; correct "
                "the card of the model that it guards"
            )
        self._card = card
        self._backend = backend
        self._column = names.index(sees) if sees else 0

    @property
    def sought(self) -> str:
        """The class that passes, in words."""
        return self._card.labels[self._column].title

    @property
    def body_part(self) -> str:
        """The class in the words of Body Part Examined (0018,0015)."""
        return self._card.labels[self._column].name.upper()

    def check(
        self, radiograph: Radiograph, hint: TagsHint | None = None, *, least: float = 0.0
    ) -> None:
        """Pass an image of the class, at its threshold or ``least``.

        Raises
        ------
        ImageRefusedError
            For everything else; the detail says what the image looks like instead.
        """
        shares = self._shares(radiograph)
        label = self._card.labels[self._column]
        if shares[self._column] >= max(label.threshold, least):
            return
        others = np.where(np.arange(len(shares)) == self._column, -1, shares)
        likely = self._card.labels[int(others.argmax())]
        raise ImageRefusedError(RefusalReason.NOT_EXPECTED, f"looks like: {likely.title}")

    def seen(self, radiograph: Radiograph) -> Seen | None:
        """The likeliest class, where it reaches its threshold."""
        shares = self._shares(radiograph)
        label = self._card.labels[int(shares.argmax())]
        if shares.max() < label.threshold or label.name in NO_CLASS:
            return None
        return Seen(words=label.title, body_part=label.name.upper())

    def _shares(self, radiograph: Radiograph) -> FloatArray:
        view = model_view(self._card, radiograph).values
        pair = np.stack([view, view[:, ::-1]])[..., np.newaxis]
        return np.asarray(self._backend.predict(pair).probabilities.mean(axis=0), dtype=np.float32)
