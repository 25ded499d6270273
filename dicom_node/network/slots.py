"""How many associations are open, counted over all receiver processes."""

from collections.abc import MutableSequence
from threading import Lock


class AssociationSlots:
    """One receiver's share in the common limit.

    Each receiver writes its own number only, so none can hold a lock that outlives it, and the
    pool clears the number of one that died. Two receivers that accept in the same instant may
    overshoot the limit by one each.
    """

    def __init__(self, counts: MutableSequence[int], index: int, limit: int) -> None:
        """Count in ``counts[index]``; ``limit`` is for the sum of all."""
        self._counts = counts
        self._index = index
        self._limit = limit
        self._lock = Lock()

    def enter(self) -> None:
        """Count a connection."""
        with self._lock:
            self._counts[self._index] += 1

    def leave(self) -> None:
        """Count a connection no longer."""
        with self._lock:
            self._counts[self._index] -= 1

    def exceeded(self, *, by: int = 0) -> bool:
        """Tell whether more connections are open than the limit and ``by`` allow."""
        return sum(self._counts) > self._limit + by

    def lead(self) -> int:
        """Return how many connections more are open here than in the least busy receiver."""
        return self._counts[self._index] - min(self._counts)
