"""How many jobs are worked on at once, and which of the waiting ones is next."""

import heapq
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Slots:
    """A number of places; urgent work waits before other work, and otherwise first come first."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._changed = threading.Condition()
        self._order = itertools.count()
        self._waiting: list[tuple[bool, int]] = []

    @contextmanager
    def one(self, *, urgent: bool) -> Iterator[None]:
        """Hold a place for the length of a ``with`` block; wait for it where none is free."""
        with self._changed:
            turn = (not urgent, next(self._order))
            heapq.heappush(self._waiting, turn)
            self._changed.wait_for(lambda: self._free > 0 and self._waiting[0] == turn)
            heapq.heappop(self._waiting)
            self._free -= 1
            # Another place may be free for whoever is next now.
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()
