"""What was found before anybody asked: kept for a while, given once."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ai_engine.kinds.deciding import Calibration
from ai_engine.kinds.shipped import LUNG_MODEL, guards_of
from ai_engine.library.card import ModelCard
from ai_engine.prediction import ModelIdentity
from ai_engine.result import Result
from dicom_node.domain.instance import ReceivedInstance

_KEPT = 32
"""Results of single images, a few kilobytes each."""
_ENOUGH, _LATELY = 6, 10.0
"""So many that nobody has asked for in so many seconds are enough: the workers keep no more images
decoded, and who then asks for one would have it decoded once more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """All that a prediction follows from: two that are equal have the same one.

    ``files`` are the images' paths and digests, ``versions`` those of the models that help.
    """

    model: ModelIdentity
    files: tuple[tuple[str, str], ...]
    versions: tuple[tuple[str, str], ...]
    calibrations: Mapping[str, Calibration]


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What was found, and all that it follows from."""

    sight: Sight
    found: Result


def sight_of(
    model: ModelIdentity,
    card: ModelCard,
    versions: Mapping[str, str],
    instances: Sequence[ReceivedInstance],
    calibrations: Mapping[str, Calibration],
) -> Sight:
    """Return what a prediction follows from; ``versions`` are the active ones of all models."""
    helpers = {*guards_of(card, versions), LUNG_MODEL}
    return Sight(
        model=model,
        files=tuple((each.path, each.digest) for each in instances),
        versions=tuple((name, versions[name]) for name in sorted(helpers) if name in versions),
        calibrations=dict(calibrations),
    )


class Seen:
    """Predictions that may be asked for; safe to use from several threads."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._kept: deque[tuple[float, Looked]] = deque(maxlen=_KEPT)
        self._looking: Counter[str] = Counter()

    @contextmanager
    def looking(self, subject: str) -> Iterator[None]:
        """Say that a subject is being looked at: whoever asks for it waits for what is found."""
        with self._changed:
            self._looking[subject] += 1
        try:
            yield
        finally:
            with self._changed:
                self._looking -= Counter({subject: 1})
                self._changed.notify_all()

    @property
    def are_enough(self) -> bool:
        """Whether nobody comes to ask as fast as is looked."""
        since = self._monotonic() - _LATELY
        with self._changed:
            return sum(at > since for at, _ in self._kept) >= _ENOUGH

    def keep(self, looked: Looked) -> None:
        """Keep what was found."""
        with self._changed:
            self._kept.append((self._monotonic(), looked))

    def take(self, subject: str, sight: Sight) -> Result | None:
        """Return what was found, once; None where nobody has looked."""
        with self._changed:
            self._changed.wait_for(lambda: not self._looking[subject])
            for place, (_, known) in enumerate(self._kept):
                if known.sight == sight:
                    del self._kept[place]
                    return known.found
        return None
