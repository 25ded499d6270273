"""How many associations and connections are open, counted over all receiver processes.

No peer can take all places. Associations are counted for each application entity and for each
address; connections that carry no association, because none has been asked for yet or because it is
over, are counted for each address, and the one that has been silent for longest gives way.
"""

import time
from collections.abc import Callable, MutableSequence
from dataclasses import dataclass
from hashlib import blake2b
from threading import Lock

# Connections beyond the limit that are told so; more are closed without a word.
_POLITELY_REJECTED = 32
# A sender may open some connections at once before it says anything on the first.
_FEWEST_SILENT = 8
# So long a connection does not give way to another: an A-ASSOCIATE-RQ takes a moment to come, and
# so does the answer that ends an association.
_GRACE_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotLimits:
    """How many there may be at once, over all receivers.

    ``associations`` in all, ``of_entity`` by one AE title at one address, ``of_address`` from one
    address; ``silent`` connections without an association from one address.
    """

    associations: int
    of_entity: int
    of_address: int
    silent: int

    @classmethod
    def of(
        cls, associations: int, *, of_entity: int = 0, of_address: int = 0, silent: int = 0
    ) -> "SlotLimits":
        """Return the limits; 0 takes half, three quarters, and half but no fewer than eight."""
        half, most = (associations + 1) // 2, (3 * associations + 3) // 4
        return cls(
            associations=associations,
            of_entity=of_entity or half,
            of_address=of_address or most,
            silent=silent or max(half, _FEWEST_SILENT),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotCounts:
    """What each receiver holds, in memory that all can read.

    One number for each receiver of ``associations``, ``silent`` and ``connections``; of
    ``entities`` and ``addresses`` as many for each as it may hold associations: digests of who
    holds each of them, 0 where nobody does.
    """

    associations: MutableSequence[int]
    silent: MutableSequence[int]
    connections: MutableSequence[int]
    entities: MutableSequence[int]
    addresses: MutableSequence[int]

    @classmethod
    def make(
        cls,
        array: Callable[[str, int], MutableSequence[int]],
        *,
        receivers: int,
        limits: SlotLimits,
    ) -> "SlotCounts":
        """Return counts of nothing, in what ``array`` returns for a type code and a length."""
        held = receivers * (limits.associations + 1)
        return cls(
            associations=array("i", receivers),
            silent=array("i", receivers),
            connections=array("i", receivers),
            entities=array("Q", held),
            addresses=array("Q", held),
        )

    @property
    def share(self) -> int:
        """How many associations each receiver has room for."""
        return len(self.entities) // len(self.associations)

    def clear(self, index: int) -> None:
        """Count nothing for a receiver that has died."""
        self.associations[index] = self.silent[index] = self.connections[index] = 0
        for held in range(index * self.share, (index + 1) * self.share):
            self.entities[held] = self.addresses[held] = 0


class Place:
    """What one connection holds: first as a silent one, then as an association, then silent."""

    def __init__(self, slots: "AssociationSlots", address: str) -> None:
        """Hold a place for a connection from ``address``."""
        self.address = address
        self.grace_ends = time.monotonic() + _GRACE_SECONDS
        self.last_word_said = False
        self.drop: Callable[[], None] = _nothing
        self.held: int | None = None
        self._slots = slots

    def admit(self, calling_ae: str) -> bool:
        """Become an association of this AE title; ``False`` where a limit is reached."""
        return self._slots.admit(self, calling_ae)

    def end(self) -> None:
        """Be no association any more, or never one; the connection may still be open."""
        self._slots.end(self)

    def yield_now(self) -> None:
        """Give way from now on: the last word is said, and only the peer's closing is left."""
        self.last_word_said = True

    def yields(self, now: float) -> bool:
        """Tell whether it gives way to another connection at a monotonic time."""
        return self.last_word_said or self.grace_ends <= now

    def leave(self) -> None:
        """Give the place back."""
        self._slots.leave(self)


class AssociationSlots:
    """One receiver's share in the common limits.

    Each receiver writes its own numbers only, so none can hold a lock that outlives it, and the
    pool clears the numbers of one that died. Two receivers that admit in the same instant may
    overshoot a limit by one each.

    An association ends before its connection does, and a peer may be slow to close that, or never
    do so: it no longer counts against the limits on associations, but against those on connections.
    """

    def __init__(self, counts: SlotCounts, index: int, limits: SlotLimits) -> None:
        """Count in ``counts`` at ``index``."""
        self._counts = counts
        self._index = index
        self._limits = limits
        self._silent_here = -(-limits.silent // len(counts.associations))
        self._held = range(index * counts.share, (index + 1) * counts.share)
        self._silent: dict[Place, None] = {}
        self._lock = Lock()

    def enter(self, address: str) -> Place | None:
        """Return a place for a new connection, ``None`` where there are too many to say anything.

        Where its address has too many silent ones, the one that has been silent for longest is
        closed in its favour.
        """
        connections = sum(self._counts.connections)
        if connections >= self._limits.associations + _POLITELY_REJECTED:
            return None
        with self._lock:
            same = [place for place in self._silent if place.address == address]
            yielding = None
            if len(same) >= self._silent_here:
                now = time.monotonic()
                yielding = next((place for place in same if place.yields(now)), None)
                if yielding is None:
                    return None
                self._speak(yielding)
            place = Place(self, address)
            self._counts.connections[self._index] += 1
            self._silence(place)
        if yielding is not None:
            yielding.drop()
        return place

    def admit(self, place: Place, calling_ae: str) -> bool:
        """Make a place that of an association; ``False`` where a limit is reached."""
        entity, address = _digest(place.address, calling_ae), _digest(place.address)
        counts, limits = self._counts, self._limits
        with self._lock:
            free = next((held for held in self._held if not counts.entities[held]), None)
            if (
                free is None
                or sum(counts.associations) >= limits.associations
                or counts.entities[:].count(entity) >= limits.of_entity
                or counts.addresses[:].count(address) >= limits.of_address
            ):
                return False
            counts.entities[free], counts.addresses[free] = entity, address
            counts.associations[self._index] += 1
            place.held = free
            self._speak(place)
        return True

    def end(self, place: Place) -> None:
        """Count an association no longer; its connection may still be open."""
        with self._lock:
            self._ended(place)
            self._speak(place)
            place.grace_ends = time.monotonic() + _GRACE_SECONDS
            self._silence(place)

    def leave(self, place: Place) -> None:
        """Count a connection no longer, nor its association."""
        with self._lock:
            self._ended(place)
            self._speak(place)
            self._counts.connections[self._index] -= 1

    def lead(self) -> int:
        """Return how many more associations and silent connections are here than where fewest."""
        counts = zip(self._counts.associations, self._counts.silent, strict=True)
        busy = [sum(both) for both in counts]
        return busy[self._index] - min(busy)

    def _ended(self, place: Place) -> None:
        if place.held is None:
            return
        self._counts.entities[place.held] = self._counts.addresses[place.held] = 0
        self._counts.associations[self._index] -= 1
        place.held = None

    def _silence(self, place: Place) -> None:
        self._silent[place] = None
        self._counts.silent[self._index] += 1

    def _speak(self, place: Place) -> None:
        if place in self._silent:
            del self._silent[place]
            self._counts.silent[self._index] -= 1


def _nothing() -> None:
    """Stand for what is done with a connection that is not there yet."""


def _digest(*words: str) -> int:
    """Return a number that stands for who it is; never 0, which stands for nobody."""
    return int.from_bytes(blake2b("\0".join(words).encode(), digest_size=8).digest()) or 1
