"""Protocol data units byte by byte, for peers that get them wrong (PS3.8 Section 9.3)."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from pydicom.uid import ExplicitVRLittleEndian

from tests.peers.dcmtk import Peer
from tests.peers.node import AE_TITLE, MODALITY
from tests.peers.objects import CR_IMAGE

ACCEPTED, REJECTED, DATA, RELEASED, ABORTED = 0x02, 0x03, 0x04, 0x06, 0x07
APPLICATION_CONTEXT = b"1.2.840.10008.3.1.1.1"
RELEASE = struct.pack(">BBLL", 0x05, 0, 4, 0)
ABORT = struct.pack(">BBLBBBB", 0x07, 0, 4, 0, 0, 0, 0)
_SYNTAX = str(ExplicitVRLittleEndian).encode()
_VERIFICATION = b"1.2.840.10008.1.1"


def item(kind: int, value: bytes) -> bytes:
    """Return an item: its type, a reserved byte, its length and its value."""
    return struct.pack(">BxH", kind, len(value)) + value


def context(
    number: int = 1,
    abstract: bytes = CR_IMAGE.encode(),
    transfer: Sequence[bytes] = (_SYNTAX,),
    extra: bytes = b"",
) -> bytes:
    """Return a presentation context item."""
    value = bytes((number, 0, 0, 0)) + item(0x30, abstract)
    return item(0x20, value + b"".join(item(0x40, uid) for uid in transfer) + extra)


VERIFICATION = context(3, _VERIFICATION)
MAXIMUM_LENGTH = item(0x51, struct.pack(">L", 16384))
IMPLEMENTATION = item(0x52, b"1.2.3")
USER_INFORMATION = item(0x50, MAXIMUM_LENGTH + IMPLEMENTATION)


def associate_rq(
    *,
    calling: bytes = MODALITY.encode().ljust(16),
    called: bytes = AE_TITLE.encode().ljust(16),
    version: int = 1,
    items: bytes = item(0x10, APPLICATION_CONTEXT) + context() + VERIFICATION + USER_INFORMATION,
) -> bytes:
    """Return an A-ASSOCIATE-RQ, correct but for what is given."""
    body = struct.pack(">HH16s16s32s", version, 0, called, calling, bytes(32)) + items
    return struct.pack(">BBL", 0x01, 0, len(body)) + body


def command(elements: Mapping[int, bytes]) -> bytes:
    """Return the elements of group 0000 in Implicit VR Little Endian, with their length."""
    body = b"".join(
        struct.pack("<HHL", 0, number, len(value)) + value
        for number, value in sorted(elements.items())
    )
    return struct.pack("<HHLL", 0, 0, 4, len(body)) + body


def short(value: int) -> bytes:
    """Return an unsigned short."""
    return struct.pack("<H", value)


def store_rq(sop_instance: bytes, *, message_id: int = 1, **changes: bytes | None) -> bytes:
    """Return the command set of a C-STORE-RQ; ``e0100=...`` sets an element, ``None`` drops it."""
    elements: dict[int, bytes | None] = {
        0x0002: CR_IMAGE.encode() + b"\0" * (len(CR_IMAGE) % 2),
        0x0100: short(0x0001),
        0x0110: short(message_id),
        0x0700: short(0),
        0x0800: short(0x0001),
        0x1000: sop_instance + b"\0" * (len(sop_instance) % 2),
    }
    elements.update({int(name[1:], 16): value for name, value in changes.items()})
    return command({number: value for number, value in elements.items() if value is not None})


def echo_rq(message_id: int = 9) -> bytes:
    """Return the command set of a C-ECHO-RQ."""
    return command(
        {
            0x0002: _VERIFICATION + b"\0",
            0x0100: short(0x0030),
            0x0110: short(message_id),
            0x0800: short(0x0101),
        }
    )


def fragment(value: bytes, *, of_command: bool, last: bool = True, number: int = 1) -> bytes:
    """Return a presentation data value item."""
    return struct.pack(">LBB", len(value) + 2, number, of_command | last << 1) + value


def data_tf(*fragments: bytes) -> bytes:
    """Return a P-DATA-TF."""
    body = b"".join(fragments)
    return struct.pack(">BBL", DATA, 0, len(body)) + body


@dataclass(slots=True)
class RawPeer:
    """A connection over which any bytes can be sent."""

    connection: socket.socket
    responses: list[dict[int, bytes]] = field(default_factory=list)

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.connection.sendall(data)

    def answer(self) -> tuple[int, bytes]:
        """Return type and body of the next PDU; type 0 where the connection was closed."""
        head = self._read(6)
        if len(head) < 6:
            return 0, b""
        return head[0], self._read(int.from_bytes(head[2:], "big"))

    def open(self, request: bytes | None = None) -> None:
        """Ask for an association that is to be accepted."""
        self.send(associate_rq() if request is None else request)
        kind, body = self.answer()
        assert kind == ACCEPTED, (kind, body)

    def response(self) -> dict[int, bytes]:
        """Return the elements of the next response, which is one command set."""
        encoded = b""
        last = False
        while not last:
            kind, body = self.answer()
            assert kind == DATA, (kind, body)
            encoded += body[6:]
            last = bool(body[5] & 2)
        elements = {}
        while encoded:
            number, length = struct.unpack_from("<2xHL", encoded)
            elements[number] = encoded[8 : 8 + length]
            encoded = encoded[8 + length :]
        return elements

    def status(self) -> tuple[int, int]:
        """Return which message the next response answers, and its status."""
        elements = self.response()
        return (
            struct.unpack("<H", elements[0x0120])[0],
            struct.unpack("<H", elements[0x0900])[0],
        )

    def release(self) -> None:
        """Release the association."""
        self.send(RELEASE)
        assert self.answer()[0] == RELEASED

    def is_closed(self) -> bool:
        """Tell whether the node has closed the connection by now."""
        self.connection.settimeout(0.05)
        try:
            return not self.connection.recv(1)
        except TimeoutError:
            return False
        except ConnectionError:
            return True

    def _read(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            try:
                part = self.connection.recv(length - len(data))
            except ConnectionError:
                part = b""
            if not part:
                return data
            data += part
        return data


@contextmanager
def raw_peer(peer: Peer, source: tuple[str, int] | None = None) -> Iterator[RawPeer]:
    """Open a connection that sends what it is told to, from an address of this machine."""
    address = (peer.host, peer.port)
    with socket.create_connection(address, timeout=30.0, source_address=source) as connection:
        yield RawPeer(connection)


@contextmanager
def lax_acceptor() -> Iterator[int]:
    """Accept one association without a maximum length and what it stores; yield the port."""
    with _acceptor(_accept_laxly) as port:
        yield port


@contextmanager
def silent_acceptor(last_words: bytes = b"") -> Iterator[int]:
    """Accept one association, say ``last_words`` when told to release it, and then nothing more.

    Yields the port. The connection stays open until the other side closes it.
    """
    with _acceptor(lambda listener: _fall_silent(listener, last_words)) as port:
        yield port


@contextmanager
def nonsense_acceptor(fragment: bytes) -> Iterator[int]:
    """Accept one association and answer the first message by bytes that are no command set."""
    with _acceptor(lambda listener: _answer_nonsense(listener, fragment)) as port:
        yield port


@contextmanager
def broken_acceptor(pdu: bytes, *, accepts: bool) -> Iterator[tuple[int, list[bytes]]]:
    """Say what is no PDU, or no expected one, to an A-ASSOCIATE-RQ, or to the first message.

    Yields the port, and what was heard afterwards until the end: type, source and reason. The
    connection stays open until the other side closes it.
    """
    heard: list[bytes] = []
    with _acceptor(lambda listener: _answer_broken(listener, pdu, heard, accepts=accepts)) as port:
        yield port, heard


@contextmanager
def releasing_acceptor() -> Iterator[tuple[int, threading.Event, list[int]]]:
    """Accept one association, and ask for its release.

    Yields the port, what has the release asked for, and the types of PDUs that are heard from then
    on until the other side closes the connection.
    """
    is_time, heard = threading.Event(), list[int]()
    with _acceptor(lambda listener: _ask_for_release(listener, is_time, heard)) as port:
        yield port, is_time, heard


@contextmanager
def rejecting_acceptor(source: int, reason: int) -> Iterator[int]:
    """Reject one association, for a reason that need not be one (PS3.8 Table 9-21)."""
    with _acceptor(lambda listener: _reject(listener, source, reason)) as port:
        yield port


@contextmanager
def _acceptor(accept: Callable[[socket.socket], None]) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, args=(listener,))
        thread.start()
        yield int(listener.getsockname()[1])
        thread.join(30.0)
        assert not thread.is_alive(), "nobody closed the connection"


def accepted_peer(listener: socket.socket) -> RawPeer:
    """Accept one association: one context, and items that nobody knows yet."""
    connection, _ = listener.accept()
    connection.settimeout(30.0)
    peer = RawPeer(connection)
    peer.answer()
    accepted = item(0x21, bytes((1, 0, 0, 0)) + item(0x40, _SYNTAX))
    unknown = item(0x7F, b"a later edition")
    items = unknown + item(0x10, APPLICATION_CONTEXT) + accepted
    body = associate_rq(items=items + item(0x50, IMPLEMENTATION + unknown))
    peer.send(b"\x02" + body[1:])
    return peer


def _reject(listener: socket.socket, source: int, reason: int) -> None:
    connection, _ = listener.accept()
    connection.settimeout(30.0)
    peer = RawPeer(connection)
    with peer.connection:
        peer.answer()
        peer.send(struct.pack(">BBLBBBB", 3, 0, 4, 0, 1, source, reason))
        while peer.answer()[0]:
            pass


def _answer_nonsense(listener: socket.socket, fragment: bytes) -> None:
    peer = accepted_peer(listener)
    with peer.connection:
        peer.answer()
        value = struct.pack(">LBB", len(fragment) + 2, 1, 0x03) + fragment
        peer.send(struct.pack(">BxL", DATA, len(value)) + value)
        while peer.answer()[0]:  # an A-ABORT, and then the end
            pass


def _answer_broken(
    listener: socket.socket, pdu: bytes, heard: list[bytes], *, accepts: bool
) -> None:
    if accepts:
        peer = accepted_peer(listener)
    else:
        connection, _ = listener.accept()
        connection.settimeout(30.0)
        peer = RawPeer(connection)
    with peer.connection:
        peer.answer()
        peer.send(pdu)
        while (said := peer.answer())[0]:
            kind, body = said
            if kind != DATA:  # the rest of the message, which was underway
                heard.append(bytes((kind,)) + body[2:4])


def _ask_for_release(listener: socket.socket, is_time: threading.Event, heard: list[int]) -> None:
    peer = accepted_peer(listener)
    with peer.connection:
        assert is_time.wait(30.0)
        peer.send(RELEASE)
        while kind := peer.answer()[0]:
            heard.append(kind)


def _fall_silent(listener: socket.socket, last_words: bytes) -> None:
    peer = accepted_peer(listener)
    with peer.connection:
        assert peer.answer()[0] == RELEASE[0]
        peer.send(last_words)
        while peer.answer()[0]:  # an A-ABORT, perhaps, and then the end
            pass


def _accept_laxly(listener: socket.socket) -> None:
    peer = accepted_peer(listener)
    with peer.connection:
        answered = False
        while not answered:
            _, body = peer.answer()
            answered = not body[5] & 1 and bool(body[5] & 2)
        response = {0x0100: short(0x8001), 0x0120: short(1), 0x0800: short(0x0101)}
        peer.send(data_tf(fragment(command({**response, 0x0900: short(0)}), of_command=True)))
        assert peer.answer()[0] == RELEASE[0]
        peer.send(struct.pack(">BBLL", RELEASED, 0, 4, 0))
