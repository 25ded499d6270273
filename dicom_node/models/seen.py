"""What was found before anybody asked: kept for a while, given once."""

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from ai_engine.kinds.deciding import Calibration
from ai_engine.prediction import ModelIdentity
from ai_engine.result import Result

_KEPT = 32
"""Results of single images, a few kilobytes each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """All that a prediction follows from: two that are equal have the same one.

    ``files`` are the images' paths and digests, ``versions`` those of the models that help.
    """

    model: ModelIdentity
    files: tuple[tuple[str, str], ...]
    versions: tuple[tuple[str, str], ...]
    calibrations: Mapping[str, Calibration]


class Seen:
    """Predictions that may be asked for; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: deque[tuple[Sight, Result]] = deque(maxlen=_KEPT)

    def keep(self, sight: Sight, result: Result) -> None:
        """Keep what was found."""
        with self._lock:
            self._kept.append((sight, result))

    def take(self, sight: Sight) -> Result | None:
        """Return what was found, once; None where nobody has looked."""
        with self._lock:
            for place, (known, result) in enumerate(self._kept):
                if known == sight:
                    del self._kept[place]
                    return result
        return None
