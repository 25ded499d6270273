"""How many jobs are worked on at once, and which of the waiting ones is next."""

import heapq
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# Where work waits of which nobody has said how probably it finds something.
_UNTOLD = 0.5


class Slots:
    """A number of places: urgent work first, then by triage, and otherwise first come first."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._changed = threading.Condition()
        self._order = itertools.count()
        self._waiting: list[tuple[bool, float, int]] = []
        self._holders: dict[int, tuple[bool, float | None]] = {}

    @contextmanager
    def one(self, *, urgent: bool, abnormal: float | None = None) -> Iterator[None]:
        """Hold a place for the length of a ``with`` block; wait for it where none is free.

        ``abnormal`` is how probably, by triage, the images are not normal; None: nobody has said.
        """
        holder = threading.get_ident()
        self._take(urgent=urgent, abnormal=abnormal)
        self._holders[holder] = (urgent, abnormal)
        try:
            yield
        finally:
            del self._holders[holder]
            self._leave()

    @contextmanager
    def rested(self) -> Iterator[None]:
        """Give the place that this thread holds to others, for the length of a ``with`` block.

        For who waits for something else than a place; nothing happens where it holds none.
        """
        held = self._holders.get(threading.get_ident())
        if held is None:
            yield
            return
        self._leave()
        try:
            yield
        finally:
            self._take(urgent=held[0], abnormal=held[1])

    def _take(self, *, urgent: bool, abnormal: float | None) -> None:
        with self._changed:
            likely = _UNTOLD if abnormal is None else abnormal
            turn = (not urgent, -likely, next(self._order))
            heapq.heappush(self._waiting, turn)
            self._changed.wait_for(lambda: self._free > 0 and self._waiting[0] == turn)
            heapq.heappop(self._waiting)
            self._free -= 1
            # Another place may be free for whoever is next now.
            self._changed.notify_all()

    def _leave(self) -> None:
        with self._changed:
            self._free += 1
            self._changed.notify_all()
