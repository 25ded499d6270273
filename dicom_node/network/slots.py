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
        """Count in ``counts[index]``; the sum of all is kept below ``limit``."""
        self._counts = counts
        self._index = index
        self._limit = limit
        self._lock = Lock()

    def take(self) -> bool:
        """Take a slot; ``False`` when all are taken."""
        with self._lock:
            if sum(self._counts) >= self._limit:
                return False
            self._counts[self._index] += 1
            return True

    def give_back(self) -> None:
        """Give a slot back."""
        with self._lock:
            self._counts[self._index] -= 1
