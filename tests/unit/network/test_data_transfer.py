"""P-DATA-TF are taken fragment by fragment, however they come over the connection."""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from dicom_node.network.data_transfer import (
    Fill,
    ReadAhead,
    encode_data,
    next_is_data,
    take_data,
)
from dicom_node.network.errors import MalformedPduError

_BODY = bytes(range(256)) * 100


@dataclass(slots=True)
class Taken:
    """Takes fragments."""

    fragments: list[tuple[int, int, bytes]] = field(default_factory=list)

    def receive(self, context_id: int, control: int, length: int, fill: Fill) -> None:
        """Take one."""
        body = bytearray(length)
        fill(memoryview(body))
        self.fragments.append((context_id, control, bytes(body)))

    def lost(self) -> None:
        """Let go of them."""
        self.fragments.clear()


def coming(data: bytes, each: int) -> Callable[[memoryview], int]:
    """Return what receives ``data`` by so many bytes at once, and then nothing."""
    rest = memoryview(data)

    def receive(target: memoryview) -> int:
        nonlocal rest
        count = min(each, len(target), len(rest))
        target[:count] = rest[:count]
        rest = rest[count:]
        return count

    return receive


def everything(_length: int) -> None:
    """Admit PDUs of any length."""


def pdu(*items: bytes) -> bytes:
    body = b"".join(items)
    return struct.pack(">BxL", 0x04, len(body)) + body


def item(context_id: int, control: int, body: bytes) -> bytes:
    return struct.pack(">LBB", len(body) + 2, context_id, control) + body


@pytest.mark.parametrize("each", [1, 7, 4096, 10**6])
def test_fragments_are_taken_however_they_come(each: int) -> None:
    sent = [(1, 3, b"command"), (1, 0, _BODY), (3, 2, b""), (5, 2, _BODY[:5000])]
    data = pdu(item(*sent[0]), item(*sent[1])) + pdu(item(*sent[2])) + pdu(item(*sent[3]))
    ahead, taken = ReadAhead(coming(data + b"\x05\0\0\0\0\4\0\0\0\0", each)), Taken()

    while next_is_data(ahead):
        take_data(ahead, taken, admit=everything)

    assert taken.fragments == sent
    rest = bytearray(10)
    ahead.fill(memoryview(rest))
    assert rest[0] == 0x05, "what is no data is left to others"


@pytest.mark.parametrize(
    "data",
    [
        struct.pack(">BxL", 0x04, 5) + bytes(5),
        struct.pack(">BxLLBB", 0x04, 6, 1, 1, 0),
        struct.pack(">BxLLBB", 0x04, 6, 3, 1, 0),
        pdu(item(1, 0, b"x"), b"\0\0"),
    ],
    ids=["half a head", "no header", "beyond the PDU", "a rest"],
)
def test_what_is_not_made_of_fragments_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedPduError):
        take_data(ReadAhead(coming(data, 4096)), Taken(), admit=everything)


@pytest.mark.parametrize("count", [8, 13, 3000])
def test_an_end_within_a_pdu_is_an_end_of_the_connection(count: int) -> None:
    with pytest.raises(ConnectionResetError):
        take_data(
            ReadAhead(coming(pdu(item(1, 0, _BODY))[:count], 4096)), Taken(), admit=everything
        )


def test_an_end_between_pdus_is_left_to_others() -> None:
    assert not next_is_data(ReadAhead(coming(b"\x04\0", 4096)))


def test_a_pdu_that_is_too_long_is_not_read() -> None:
    def nothing(length: int) -> None:
        raise OSError(length)

    ahead, taken = ReadAhead(coming(pdu(item(1, 0, _BODY)), 4096)), Taken()
    with pytest.raises(OSError, match=str(len(_BODY) + 6)):
        take_data(ahead, taken, admit=nothing)
    assert not taken.fragments


def test_what_is_encoded_is_what_is_taken() -> None:
    ahead, taken = ReadAhead(coming(encode_data(7, 3, b"answer"), 4096)), Taken()

    take_data(ahead, taken, admit=everything)

    assert taken.fragments == [(7, 3, b"answer")]
