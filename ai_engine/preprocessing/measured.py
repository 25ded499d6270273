"""What is measured of one image, once for all who ask."""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Measured:
    """Measurements of one image by what took them; safe to use from several threads.

    Whoever asks for one that another thread is taking waits for that.
    """

    def __init__(self) -> None:
        # One measure may ask for another.
        self._lock = threading.RLock()
        self._taken: dict[Callable[..., Any], Any] = {}

    def take(self, measure: Callable[[], T], of: Callable[..., Any]) -> T:
        """Return what ``measure`` says, known by ``of``; what it raises is not kept."""
        with self._lock:
            if of not in self._taken:
                self._taken[of] = measure()
            taken: T = self._taken[of]
            return taken
