"""Models in memory: each loaded once, the least used let go, none waiting for another."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Loaded = TypeVar("Loaded")

KEPT_MODELS = 4
"""The active versions, and those that jobs planned before a promotion still name."""


class LoadedModels(Generic[Key, Loaded]):
    """What was loaded, by what names it; safe to use from several threads.

    Loading takes seconds, or half a minute where a model is converted first. Whoever wants the
    same model waits for it; whoever wants another one does not.
    """

    def __init__(self, *, keep: int = KEPT_MODELS) -> None:
        """Keep at most ``keep`` models in memory, those that were used last."""
        self._keep = keep
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, Loaded] = OrderedDict()
        self._turns: dict[Key, threading.Lock] = {}

    def get(self, key: Key, load: Callable[[], Loaded]) -> Loaded:
        """Return a model, loaded by ``load`` if it is not in memory.

        Whatever ``load`` raises goes on to the caller; the next one who asks tries again.
        """
        with self._lock:
            if key in self._kept:
                return self._used(key)
            turn = self._turns.setdefault(key, threading.Lock())
        with turn:
            with self._lock:
                if key in self._kept:
                    return self._used(key)
            loaded = load()
            with self._lock:
                self._kept[key] = loaded
                self._turns.pop(key, None)
                while len(self._kept) > self._keep:
                    self._kept.popitem(last=False)
            return loaded

    def _used(self, key: Key) -> Loaded:
        self._kept.move_to_end(key)
        return self._kept[key]
