"""How many associations and connections are open, counted over all receiver processes."""

from collections.abc import MutableSequence
from dataclasses import dataclass
from threading import Lock


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotCounts:
    """A number of associations and one of connections for each receiver; all can read them."""

    associations: MutableSequence[int]
    connections: MutableSequence[int]

    def clear(self, index: int) -> None:
        """Count nothing for a receiver that has died."""
        self.associations[index] = self.connections[index] = 0


class AssociationSlots:
    """One receiver's share in the common limit.

    Each receiver writes its own numbers only, so none can hold a lock that outlives it, and the
    pool clears the numbers of one that died. Two receivers that accept in the same instant may
    overshoot the limit by one each.

    An association ends before its connection does, and a peer may be slow to close that, or never
    do so: it no longer counts against the limit on associations, but still against that on
    connections.
    """

    def __init__(self, counts: SlotCounts, index: int, limit: int) -> None:
        """Count in ``counts`` at ``index``; ``limit`` is for the associations of all."""
        self._counts = counts
        self._index = index
        self._limit = limit
        self._lock = Lock()

    def enter(self) -> None:
        """Count a connection, and the association that it is for."""
        with self._lock:
            self._counts.associations[self._index] += 1
            self._counts.connections[self._index] += 1

    def end(self) -> None:
        """Count an association no longer; its connection may still be open."""
        with self._lock:
            self._counts.associations[self._index] -= 1

    def leave(self) -> None:
        """Count a connection no longer; its association has ended."""
        with self._lock:
            self._counts.connections[self._index] -= 1

    def exceeded(self) -> bool:
        """Tell whether more associations are open than the limit allows."""
        return sum(self._counts.associations) > self._limit

    def crowded(self, *, by: int) -> bool:
        """Tell whether more connections are open than the limit and ``by`` allow."""
        return sum(self._counts.connections) > self._limit + by

    def lead(self) -> int:
        """Return how many associations more are open here than in the least busy receiver."""
        return self._counts.associations[self._index] - min(self._counts.associations)
