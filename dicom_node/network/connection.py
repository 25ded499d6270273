"""Connections that are waited for, read in few calls, and always closed."""

import logging
import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from enum import IntEnum
from hashlib import sha256
from ssl import SSLSocket
from typing import Protocol

from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association

from dicom_node.domain.reception import AssociationEnd
from dicom_node.network.association_request import AssociateRequest, read_associate_request
from dicom_node.network.data_transfer import Fragments, ReadAhead, next_is_data, take_data
from dicom_node.network.errors import MalformedPduError
from dicom_node.network.logs import fields
from dicom_node.network.private import Connection

logger = logging.getLogger(__name__)

# The ARTIM and idle timers are looked at this often.
TICK_SECONDS = 0.25
LONGEST_PATIENCE_SECONDS = 3600.0
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)
# An A-ASSOCIATE-RQ with 128 contexts of 60 transfer syntaxes is about 400 KB; the maximum PDU
# length that was negotiated binds P-DATA-TF only (PS3.8 Annex D.1).
LARGEST_OTHER_PDU = 1024 * 1024
# PS3.8 Section 9.3: type, a reserved byte and a length before what makes each PDU up.
HEAD_BYTES, TYPES = 6, range(0x01, 0x08)
_ASSOCIATE_RQ, _ASSOCIATE_RJ, _RELEASE_RP, ABORT = 0x01, 0x03, 0x06, 0x07
# Read by the library as a PDU that it does not know, which it answers by an A-ABORT (Evt19).
NO_PDU = bytes(HEAD_BYTES)
# PS3.8 Table 9-26: who aborts, and that the library says no reason for it
_BY_PROVIDER, _NO_REASON = 0x02, 0x00
# What has come by the time of an A-ABORT and is read away.
_MOST_READ_AWAY = 1024 * 1024
# PS3.8 Table 9-10: transport connection closed indication, and unrecognized or invalid PDU
_CONNECTION_LOST, _INVALID_PDU = "Evt17", "Evt19"


class Fault(IntEnum):
    """Why the provider of an association aborts it (PS3.8 Table 9-26)."""

    UNRECOGNIZED_PDU = 1
    INVALID_PARAMETER = 6


class Transfer(Protocol):
    """An association, as the connection sees it that takes its data."""

    @property
    def goes_on(self) -> bool:
        """Whether messages come, and there is nothing else to do."""
        ...

    @property
    def fragments(self) -> Fragments:
        """Who takes their fragments."""
        ...

    def heard(self) -> None:
        """Take note that the peer has sent something."""
        ...


class ClosingSocket(Connection):
    """A connection that is closed even where it was lost before.

    It sends at once, too. A message is two writes, and Nagle's algorithm holds the second one back
    until the peer's delayed acknowledgement of the first: 40 ms per object.

    ``fault`` is what the peer did wrong, if anything was noticed.
    """

    fault: Fault | None = None
    _deaf = False

    @property
    def ready(self) -> bool:
        """Whether there is something to read that is still listened to."""
        return not self._deaf and super().ready

    def stating_why(self, abort: bytes) -> bytes:
        """Return an A-ABORT with its reason, which the library knows none of (PS3.8 9.3.8)."""
        source, reason = abort[-2:]
        if self.fault is None or (source, reason) != (_BY_PROVIDER, _NO_REASON):
            return abort
        return abort[:-1] + bytes((self.fault,))

    def hear_no_more(self) -> None:
        """Have the library close the connection, once an A-ABORT is sent.

        It would take what is left of a broken PDU for others, and wait for their ends. What has
        come is read away: closing over it may cost the peer the A-ABORT.
        """
        self._deaf = True
        if self.socket is None:
            return
        with suppress(OSError):  # nothing more has come, or it is closed
            self.socket.settimeout(0)
            read = 0
            while read < _MOST_READ_AWAY and (part := self.socket.recv(64 * 1024)):
                read += len(part)

    def no_delay(self) -> "ClosingSocket":
        """Send small packets at once."""
        if self.socket is not None:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self

    @property
    def address_reached(self) -> str:
        """The peer's IP address; empty where the connection is closed."""
        try:
            return str(self.socket.getpeername()[0]) if self.socket is not None else ""
        except OSError:
            return ""

    @property
    def certificate(self) -> str:
        """The SHA-256 of the peer's certificate, in hexadecimal; empty where it showed none."""
        shown = (
            self.socket.getpeercert(binary_form=True)
            if isinstance(self.socket, SSLSocket)
            else None
        )
        return sha256(shown).hexdigest() if shown else ""

    def hang_up(self) -> None:
        """Shut the connection down and close it."""
        if self.socket is None:
            return
        with suppress(OSError):  # not connected any more, or never
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


class PeerSocket(ClosingSocket):
    """A peer's connection: its PDUs are read whole, and its request as the Standard says.

    ``request`` is the A-ASSOCIATE-RQ once it has come; ``end`` says how the peer, or the network,
    ended the association, and is ``None`` until one of them has.
    """

    def __init__(
        self,
        association: Association,
        connection: socket.socket,
        ae: ApplicationEntity,
        *,
        own_end: Callable[[], AssociationEnd],
        on_last_word: Callable[[], None],
    ) -> None:
        """Serve ``connection`` with the limits of ``ae``.

        ``own_end`` says why the node ends the association, when it does; ``on_last_word`` is
        called when the answer goes out after which only the peer's closing is left.
        """
        super().__init__(association, client_socket=connection)
        self._own_end = own_end
        self._on_last_word = on_last_word
        self.request: AssociateRequest | None = None
        self.end: AssociationEnd | None = None
        self._patience = ae.acse_timeout or LONGEST_PATIENCE_SECONDS
        self._largest_pdu = max(ae.maximum_pdu_size, LARGEST_OTHER_PDU)
        self._deadline = 0.0
        self._within_pdu = False
        self._unread = bytearray()

    def set_timeout(self, seconds: float | None) -> None:
        """Wait so long for the rest of a PDU, once the association is open."""
        self._patience = seconds or LONGEST_PATIENCE_SECONDS
        if self.socket is not None:
            with suppress(OSError):  # closed meanwhile, which whoever reads from it will see
                self.socket.settimeout(seconds)

    def recv(self, nr_bytes: int) -> bytearray:
        """Read so many bytes, fewer only where the peer has closed the connection.

        Raises
        ------
        OSError
            The connection broke, the peer fell silent, or announced a PDU that is too long:
            pynetdicom would allocate whatever is announced, up to 4 GiB.
        """
        if self._within_pdu:
            self._within_pdu = False
            if not self._unread:
                return self._read(nr_bytes)
            body, self._unread = self._unread, bytearray()
            return body
        head = self._read(HEAD_BYTES)
        if len(head) < HEAD_BYTES:
            return head
        self._within_pdu = head[0] in TYPES
        if not self._within_pdu:
            self.fault = Fault.UNRECOGNIZED_PDU
        if head[0] == ABORT:
            self._ended(AssociationEnd.ABORTED)
        if head[0] == _ASSOCIATE_RQ and self.request is None:
            return self._associate_request(head)
        return head

    def send(self, bytestream: bytes) -> None:
        """Send, or have the association end where that cannot be."""
        is_abort = bytestream[0] == ABORT
        if is_abort:
            self._ended(self._own_end())
            bytestream = self.stating_why(bytestream)
        if bytestream[0] in {_ASSOCIATE_RJ, _RELEASE_RP}:
            self._on_last_word()
        try:
            if self.socket is not None:
                self.socket.sendall(bytestream)
        except OSError as error:
            self._lost(error)
            self.event_queue.put(_CONNECTION_LOST)
        if is_abort:
            self.hear_no_more()

    def _associate_request(self, head: bytearray) -> bytearray:
        """Return the head of the request as the library is to read it, and keep the rest of it."""
        length = int.from_bytes(head[2:], "big")
        self._unread = self._read(length)
        if len(self._unread) < length:  # the connection was closed
            return head
        try:
            self.request = read_associate_request(bytes(head + self._unread))
        except MalformedPduError as error:
            self._within_pdu = False
            self.fault = Fault.INVALID_PARAMETER
            self._ended(AssociationEnd.PROTOCOL_ERROR)
            logger.warning("association.malformed %s", self._about(error))
            return bytearray(NO_PDU)
        self._unread = bytearray(self.request.pdu[HEAD_BYTES:])
        return bytearray(self.request.pdu[:HEAD_BYTES])

    def _read(self, nr_bytes: int) -> bytearray:
        self._admit(nr_bytes)
        data = bytearray(nr_bytes)
        view = memoryview(data)
        filled = 0
        self._begin_waiting()
        try:
            while filled < nr_bytes:
                received = self._receive_into(view[filled:])
                if not received:
                    self._ended(AssociationEnd.CONNECTION_LOST)
                    return bytearray(view[:filled])
                filled += received
        except OSError as error:
            self._lost(error)
            raise
        return data

    def _admit(self, length: int) -> None:
        """Refuse a PDU that is longer than any needs to be, which is an OSError."""
        if length > self._largest_pdu:
            self._ended(AssociationEnd.PROTOCOL_ERROR)
            error = OSError(f"a PDU of {length} bytes was announced")
            logger.warning("connection.refused %s", self._about(error))
            raise error

    def _begin_waiting(self) -> None:
        self._deadline = time.monotonic() + self._patience

    def _receive_into(self, target: memoryview) -> int:
        """Read what comes, but not beyond the deadline of what is being read."""
        if time.monotonic() > self._deadline:
            raise TimeoutError("a PDU came too slowly")
        return self.socket.recv_into(target) if self.socket else 0

    def _lost(self, error: OSError) -> None:
        timed_out = isinstance(error, TimeoutError)
        self._ended(AssociationEnd.TIMED_OUT if timed_out else AssociationEnd.CONNECTION_LOST)
        logger.warning("connection.lost %s", self._about(error))

    def _ended(self, end: AssociationEnd) -> None:
        """Take note of how it ended: the first sign of an end is the cause of those after it."""
        self.end = self.end or end

    def _about(self, reason: Exception) -> str:
        return fields(peer=self.assoc.requestor.address, reason=reason)


class WaitingSocket(PeerSocket):
    """A peer's connection whose data is waited for, and taken without the library's help."""

    def __init__(
        self,
        association: Association,
        connection: socket.socket,
        ae: ApplicationEntity,
        *,
        own_end: Callable[[], AssociationEnd],
        on_last_word: Callable[[], None],
        transfer: Transfer,
    ) -> None:
        """Serve ``connection`` with the limits of ``ae``; data is for ``transfer``."""
        super().__init__(association, connection, ae, own_end=own_end, on_last_word=on_last_word)
        self._transfer = transfer
        self._ahead = ReadAhead(super()._receive_into)
        self._bell, self._rope = socket.socketpair()
        self._bell.setblocking(False)
        self._rope.setblocking(False)
        self._poll = select.poll()
        self._poll.register(self._bell, select.POLLIN)
        self._poll.register(connection, select.POLLIN)

    @property
    def ready(self) -> bool:
        """Wait for data, for something to send, or for a timer.

        Takes P-DATA-TF as they come, and tells whether something else has come, for the library.
        """
        while not self._deaf and self._has_come():
            if not self._transfer.goes_on:
                return True
            if not self._next_is_data():
                return self.event_queue.empty()
            if not self._took_data() or not self._transfer.goes_on:
                return False
        return False

    def _next_is_data(self) -> bool:
        """Tell whether a P-DATA-TF has come; where the connection broke, that is an event."""
        self._begin_waiting()
        try:
            if next_is_data(self._ahead):
                return True
        except OSError as error:
            self._lost(error)
            self._give_up(_CONNECTION_LOST)
            return False
        self._transfer.fragments.lost()  # the end has come, and nothing more of an object will
        return False

    def _took_data(self) -> bool:
        try:
            take_data(self._ahead, self._transfer.fragments, admit=self._admit)
        except MalformedPduError as error:
            self.fault = Fault.INVALID_PARAMETER
            self._ended(AssociationEnd.PROTOCOL_ERROR)
            logger.warning("association.malformed %s", self._about(error))
            self._give_up(_INVALID_PDU)
            return False
        except OSError as error:
            self._lost(error)
            self._give_up(_CONNECTION_LOST)
            return False
        self._transfer.heard()
        return True

    def _give_up(self, event: str) -> None:
        self._transfer.fragments.lost()
        self.event_queue.put(event)

    def _has_come(self) -> bool:
        """Wait for data, for something to send, or for a timer; tell whether it was data."""
        connection = self.socket
        if connection is None or not self.is_connected:
            return False
        if self._ahead:
            return True
        self._acknowledge(connection)
        if isinstance(connection, SSLSocket) and connection.pending():
            return True  # decrypted already: nothing more need come
        # Each turn of the reactor handles one event: do not wait while there are others.
        patience = TICK_SECONDS * 1000 if self.event_queue.empty() else 0
        woken_by = {descriptor for descriptor, _ in self._poll.poll(patience)}
        if self._bell.fileno() in woken_by:
            with suppress(OSError):
                self._bell.recv(4096)
        return connection.fileno() in woken_by

    def _receive_into(self, target: memoryview) -> int:
        return self._ahead.take(target) or super()._receive_into(target)

    def _acknowledge(self, connection: socket.socket) -> None:
        """Acknowledge at once what has come (Linux; it has to be asked for each time).

        Most senders leave Nagle's algorithm on: it keeps the data set back until the command
        before it is acknowledged, which takes 40 ms where nobody asks.
        """
        if _QUICKACK is not None:
            with suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)

    def ring(self) -> None:
        """Wake the thread that waits for data, where another one calls."""
        if threading.current_thread() is self.assoc.dul:
            return
        try:
            self._rope.send(b"x")
        except OSError:  # full, so it rings already; or silenced, so nobody waits
            return

    def silence(self) -> None:
        """Give the bell's descriptors back."""
        self._rope.close()
        self._bell.close()
