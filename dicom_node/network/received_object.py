"""A data set while it is received: small ones wait in memory, larger ones go to the store at once.

What comes in is read into a piece of memory that the association keeps for the next object. An
object that fits into it is stored whole. A larger one is handed on piece by piece, so that it is
hashed and on its way to the disk while the rest of it is still to come.
"""

from dataclasses import dataclass

from dicom_node.domain.reception import (
    Announcement,
    IncomingObject,
    InstanceStore,
    NotStoredError,
    ObjectTooLargeError,
    StoredObject,
)
from dicom_node.network.command_set import CommandSet

PIECE_BYTES = 2**20
"""Bytes of an unfinished object that stay in memory: a CT slice, but no radiograph."""


class Pieces:
    """The memory of one association's objects: most have one at a time."""

    def __init__(self) -> None:
        """Hold none yet."""
        self._spare: list[bytearray] = []

    def take(self) -> bytearray:
        """Return a piece that nobody else has; its bytes are what they are."""
        return self._spare.pop() if self._spare else bytearray(PIECE_BYTES)

    def give(self, piece: bytearray) -> None:
        """Take one back."""
        if not self._spare:
            self._spare.append(piece)


class ReceivedObject:
    """Takes a data set up to a size, and from there on only counts it."""

    def __init__(
        self,
        pieces: Pieces,
        *,
        store: InstanceStore | None = None,
        announced: Announcement | None = None,
        max_bytes: int = 0,
    ) -> None:
        """Have ``store`` take what was ``announced``; without one nothing is kept."""
        self._pieces = pieces
        self._piece = pieces.take()
        self._view = memoryview(self._piece)
        self._filled = 0
        self._store = store
        self._announced = announced
        self._max_bytes = max_bytes
        self._incoming: IncomingObject | None = None
        self._failure: NotStoredError | None = None
        self.size = 0

    def room(self) -> memoryview:
        """Return where the next bytes go; ``advance`` says how many have come."""
        return self._view[self._filled :]

    def advance(self, count: int) -> None:
        """Take so many bytes that were put into the room, or drop what is too much."""
        self.size += count
        if self.size > self._max_bytes and self._failure is None:
            self._fail(ObjectTooLargeError(f"{self.size} bytes and more; the node takes fewer"))
        if self._failure is not None:
            return
        self._filled += count
        if self._filled == PIECE_BYTES:
            self._hand_on()

    def write(self, data: memoryview) -> None:
        """Take bytes that lie elsewhere."""
        while data:
            room = self.room()
            count = min(len(room), len(data))
            room[:count] = data[:count]
            self.advance(count)
            data = data[count:]

    def store(self, announced: Announcement) -> StoredObject:
        """Have it made durable.

        Raises
        ------
        NotStoredError
            It was not stored; the subclass says why.
        """
        if self._incoming is not None and self._filled:
            self._hand_on()
        if self._failure is not None:
            raise self._failure
        if self._incoming is not None:
            return self._incoming.store(announced)
        if self._store is None:
            raise AssertionError("an object that nobody stores")
        return self._store.store(self._view[: self._filled], announced)

    def refuse(self, announced: Announcement, *, status: int, reason: str) -> str | None:
        """Have what has come of it kept, with the reason; return where, ``None`` if nowhere."""
        if self._incoming is not None:
            return self._incoming.refuse(announced, status=status, reason=reason)
        if self._store is None or not self._filled:
            return None
        dataset = self._view[: self._filled]
        return self._store.refuse(dataset, announced, status=status, reason=reason)

    def close(self) -> None:
        """Let go of it and of its memory."""
        self._drop()
        self._pieces.give(self._piece)

    def _hand_on(self) -> None:
        """Hand on what is in memory."""
        if self._store is None or self._announced is None:
            raise AssertionError("an object that nobody stores")
        try:
            if self._incoming is None:
                self._incoming = self._store.begin(self._announced)
            self._incoming.write(self._view[: self._filled])
            self._filled = 0
        except NotStoredError as error:
            self._fail(error)

    def _fail(self, error: NotStoredError) -> None:
        self._failure = error
        self._drop()

    def _drop(self) -> None:
        self._filled = 0
        incoming, self._incoming = self._incoming, None
        if incoming is not None:
            incoming.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRequest:
    """A C-STORE request and its data set; the library's own costs a fifth of a millisecond."""

    command: CommandSet
    received: ReceivedObject
