"""P-DATA-TF PDUs, each fragment read from the connection to where it stays (PS3.8 Section 9.3.5).

The library reads a PDU whole, takes it apart into objects, and hands those on: six copies of each
byte, and a third of a millisecond for each PDU.
"""

import struct
from collections.abc import Callable
from typing import Protocol

from dicom_node.network.errors import MalformedPduError

P_DATA_TF = 0x04
_PDU_HEAD = struct.Struct(">BxL")
# Section 9.3.5.1 and Annex E.2: length, context ID, message control header. The length counts the
# context ID and the header.
_ITEM_HEAD = struct.Struct(">LBB")
_COUNTED = 2
# Heads are read with a little of what follows them, which is then copied; the rest is not.
_AHEAD_BYTES = 4096
_MESSAGE = struct.Struct(">BxLLBB")

Fill = Callable[[memoryview], None]


class Fragments(Protocol):
    """Who takes the fragments of messages."""

    def receive(self, context_id: int, control: int, length: int, fill: Fill) -> None:
        """Take a fragment of so many bytes, and have ``fill`` read every one of them."""
        ...

    def lost(self) -> None:
        """Let go of what has come of a message whose rest will not."""
        ...


class ReadAhead:
    """What has come over a connection, and has not been taken."""

    def __init__(self, receive: Callable[[memoryview], int]) -> None:
        """Read by ``receive``, which waits for what comes, and returns 0 where nothing will."""
        self._receive = receive
        self._bytes = memoryview(bytearray(_AHEAD_BYTES))
        self._start = self._end = 0

    def __bool__(self) -> bool:
        """Whether anything has come."""
        return self._end > self._start

    def take(self, target: memoryview) -> int:
        """Move what has come, and fits, into ``target``; return how many bytes that are."""
        count = min(self._end - self._start, len(target))
        target[:count] = self._bytes[self._start : self._start + count]
        self._start += count
        return count

    def peek(self, count: int) -> memoryview | None:
        """Read until so many bytes have come, and return them; ``None`` where fewer will.

        Raises
        ------
        OSError
            The connection broke, or nothing came.
        """
        if self._end - self._start < count:
            left = self._end - self._start
            self._bytes[:left] = self._bytes[self._start : self._end].tobytes()
            self._start, self._end = 0, left
            while self._end < count:
                received = self._receive(self._bytes[self._end :])
                if not received:
                    return None
                self._end += received
        return self._bytes[self._start : self._start + count]

    def skip(self, count: int) -> None:
        """Have taken so many bytes of those that have come."""
        self._start += count

    def fill(self, target: memoryview) -> None:
        """Read until ``target`` is full.

        Raises
        ------
        OSError
            The connection broke, was closed, or nothing came.
        """
        filled = self.take(target)
        while filled < len(target):
            received = self._receive(target[filled:])
            if not received:
                raise ConnectionResetError("the connection was closed within a PDU")
            filled += received


def next_is_data(ahead: ReadAhead) -> bool:
    """Tell whether a P-DATA-TF begins; what else does, or does not begin whole, is left as it is.

    Raises
    ------
    OSError
        The connection broke, or nothing came.
    """
    head = ahead.peek(_PDU_HEAD.size)
    return head is not None and head[0] == P_DATA_TF


def take_data(ahead: ReadAhead, fragments: Fragments, *, admit: Callable[[int], None]) -> None:
    """Take the P-DATA-TF that begins; ``admit`` raises an OSError where it is too long.

    Raises
    ------
    MalformedPduError
        It is not made up of fragments.
    OSError
        It is too long, or the connection broke or was closed within it.
    """
    _, left = _PDU_HEAD.unpack(_whole(ahead.peek(_PDU_HEAD.size)))
    admit(left)
    ahead.skip(_PDU_HEAD.size)
    while left:
        if left < _ITEM_HEAD.size:
            raise MalformedPduError("a P-DATA-TF ends within the head of a fragment")
        item = _whole(ahead.peek(_ITEM_HEAD.size))
        length, context_id, control = _ITEM_HEAD.unpack(item)
        ahead.skip(_ITEM_HEAD.size)
        left -= _ITEM_HEAD.size
        length -= _COUNTED
        if not 0 <= length <= left:
            raise MalformedPduError("a fragment reaches beyond its P-DATA-TF, or is none")
        fragments.receive(context_id, control, length, ahead.fill)
        left -= length


def _whole(head: memoryview | None) -> memoryview:
    if head is None:
        raise ConnectionResetError("the connection was closed within a PDU")
    return head


def encode_data(context_id: int, control: int, fragment: bytes) -> bytes:
    """Return a P-DATA-TF of one fragment."""
    counted = len(fragment) + _COUNTED
    head = _MESSAGE.pack(P_DATA_TF, counted + 4, counted, context_id, control)
    return head + fragment
