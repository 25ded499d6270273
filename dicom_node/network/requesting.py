"""The requestor's side of an association: whoever waits for the peer is told at once of every end.

The library's own side answers what is no PDU by an A-ABORT, and then waits: its thread until the
peer closes the connection, and whoever asked until the time for an answer is over.
"""

import logging
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from ssl import SSLSocket
from typing import Any

from pydicom.uid import UID
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.events import Event
from pynetdicom.pdu_primitives import A_RELEASE, P_DATA
from pynetdicom.transport import T_CONNECT, AddressInformation

from dicom_node.network.association_accept import read_associate_accept
from dicom_node.network.connection import (
    ABORT,
    HEAD_BYTES,
    LARGEST_OTHER_PDU,
    LONGEST_PATIENCE_SECONDS,
    NO_PDU,
    TYPES,
    ClosingSocket,
    Fault,
)
from dicom_node.network.data_sets import decoded
from dicom_node.network.data_transfer import encode_data
from dicom_node.network.endings import (
    OPEN,
    RELEASE_ANSWERED,
    RELEASE_ASKED_FOR,
    RequestQueue,
    answer_release,
    ask_no_more,
)
from dicom_node.network.errors import IncompleteDataSetError, MalformedPduError
from dicom_node.query.reading import UNREADABLE

_LOG = logging.getLogger(__name__)

_ASSOCIATE_AC = 0x02
_READ_BYTES = 64 * 1024
# Written at once: a peer that takes 5 KB a second is in time for the usual timeout.
_WRITTEN_BYTES = 256 * 1024
# What the libraries raise of bytes that are no command set.
_UNREADABLE = (ArithmeticError, *UNREADABLE)


def connect(association: Association, address: AddressInformation) -> ClosingSocket:
    """Return a connection for an association, to be opened; it sends at once, and is closed."""
    association.dimse = Answers(association)
    requests = RequestQueue()
    association.dul.to_provider_queue = requests

    def moved(event: Event) -> None:
        if event.next_state == RELEASE_ASKED_FOR:
            answer_release(event, requests)
        elif not ask_no_more(event, requests):
            return
        elif event.fsm_event == RELEASE_ANSWERED:
            association.dul.to_user_queue.put(_released())  # whoever waits for it has asked as well
        association.dimse.msg_queue.put((None, None))  # there will be no answer

    association.bind(evt.EVT_FSM_TRANSITION, moved)
    return RequestingSocket(association, address).no_delay()


def _released() -> A_RELEASE:
    """Return what tells that an association is released."""
    answer = A_RELEASE()
    answer.result = "affirmative"
    return answer


class RequestingSocket(ClosingSocket):
    """A connection to a peer whose A-ASSOCIATE-AC is read as the Standard says.

    Whoever reads from it, or sends over it, waits for the peer no longer than the network timeout.
    """

    def __init__(self, association: Association, address: AddressInformation) -> None:
        """Connect to nobody yet."""
        super().__init__(association, address=address)
        self._patience = association.network_timeout or LONGEST_PATIENCE_SECONDS
        self._answered = self._within_pdu = False
        self._unread = bytearray()
        self._sending = threading.Lock()

    def connect(self, primitive: T_CONNECT) -> None:
        """Connect, and from then on wait for the peer with patience, not without limit."""
        super().connect(primitive)
        if self.socket is not None:
            self.socket.settimeout(self._patience)

    def send(self, bytestream: bytes) -> None:
        """Send whole PDUs, from any thread; an A-ABORT is the last word."""
        is_abort = bytestream[0] == ABORT
        with self._sending:
            super().send(self.stating_why(bytestream) if is_abort else bytestream)
        if is_abort:
            self.hear_no_more()

    @property
    def takes_writers(self) -> bool:
        """Whether others may write while the library reads: with TLS, to read may be to write."""
        return self.socket is not None and not isinstance(self.socket, SSLSocket)

    def write(self, pdus: bytes) -> bool:
        """Write whole PDUs, from any thread; where that cannot be, let the library find the end."""
        with self._sending:
            connection = self.socket
            if connection is None:
                return False
            try:
                connection.sendall(pdus)
            except OSError:
                with suppress(OSError):  # it is closed
                    connection.shutdown(socket.SHUT_RDWR)
                return False
        return True

    def recv(self, nr_bytes: int) -> bytearray:
        """Read so many bytes, fewer only where the peer has closed the connection."""
        if self._within_pdu:
            self._within_pdu = False
            if not self._unread:
                return self._read(nr_bytes)
            body, self._unread = self._unread, bytearray()
            return body
        head = self._read(nr_bytes)
        if len(head) < HEAD_BYTES:
            return head
        first, self._answered = not self._answered, True
        if head[0] not in TYPES:
            self.fault = Fault.UNRECOGNIZED_PDU
            return head
        if int.from_bytes(head[2:], "big") > LARGEST_OTHER_PDU:
            return self._refused()
        self._within_pdu = True
        return self._associate_accept(head) if first and head[0] == _ASSOCIATE_AC else head

    def _associate_accept(self, head: bytearray) -> bytearray:
        """Return the head of the acceptance as the library is to read it, and keep the rest."""
        length = int.from_bytes(head[2:], "big")
        self._unread = self._read(length)
        if len(self._unread) < length:
            return head
        try:
            pdu = read_associate_accept(bytes(head + self._unread))
        except MalformedPduError:
            return self._refused()
        self._unread = bytearray(pdu[HEAD_BYTES:])
        return bytearray(pdu[:HEAD_BYTES])

    def _refused(self) -> bytearray:
        """Return the head of no PDU, which has the library abort."""
        self.fault = Fault.INVALID_PARAMETER
        self._unread, self._within_pdu = bytearray(), False
        return bytearray(NO_PDU)

    def _read(self, nr_bytes: int) -> bytearray:
        data = bytearray()
        deadline = time.monotonic() + self._patience
        while len(data) < nr_bytes and self.socket is not None:
            if time.monotonic() > deadline:
                raise TimeoutError("a PDU came too slowly")
            part = self.socket.recv(min(nr_bytes - len(data), _READ_BYTES))
            if not part:
                break
            data += part
        return data


class Answers(DIMSEServiceProvider):
    """Messages of a requestor, for the one who waits for them alone.

    pynetdicom's reactor looks for requests now and then. It is to pause while an answer is awaited,
    but on a busy machine it may look once more, and drop the answer as no request. Nobody sends
    requests to a storage SCU, so the reactor finds nothing here, but while it ``serves``.

    Nor does the library ask what an answer answers: of a peer that says something twice, every
    later object would have the status of the one before, and one that was refused be stored.
    """

    serves = False
    _asked: tuple[type, int] | None = None

    def send_msg(self, primitive: Any, context_id: int) -> None:
        """Send a message, and remember what was asked.

        An object is written by the thread that sends it. The library hands each fragment, 16 KB for
        most peers, to its own thread, which makes a PDU of it by way of three objects: half of the
        time that an overlay takes to a peer on the same network.
        """
        if primitive.MessageIDBeingRespondedTo is None:
            self._asked = type(primitive), primitive.MessageID
            if isinstance(primitive, C_STORE):
                self._store(primitive, context_id)
                return
        super().send_msg(primitive, context_id)

    def _store(self, primitive: C_STORE, context_id: int) -> None:
        message = C_STORE_RQ()
        message.primitive_to_message(primitive)
        message.context_id = context_id
        evt.trigger(self.assoc, evt.EVT_DIMSE_SENT, {"message": message})
        self._write(message.encode_msg(context_id, self.maximum_pdu_size))

    def _write(self, fragments: Iterable[P_DATA]) -> None:
        """Write fragments; the library sends what is left where the peer asks for release."""
        for block in _blocks(fragments):
            connection = self._writable()
            if connection is None:
                for fragment in block:
                    self.dul.send_pdu(fragment)
            elif not connection.write(_encoded(block)):
                return

    def _writable(self) -> RequestingSocket | None:
        """The connection, where nothing but messages goes over it, and it takes them from here."""
        connection = self.dul.socket
        is_open = self.dul.state_machine.current_state == OPEN
        if is_open and isinstance(connection, RequestingSocket) and connection.takes_writers:
            return connection
        return None

    def get_msg(self, block: bool = False) -> Any:
        """Return the next message to whoever waits for it; what answers nothing is no message."""
        if not (block or self.serves):
            return None, None
        context_id, message = super().get_msg(block=block)
        if not block or message is None:
            return context_id, message
        if self._is_awaited(message):
            return (context_id, message) if self._is_whole(context_id, message) else (None, None)
        _LOG.warning("answer to another message than was asked kind=%s", type(message).__name__)
        return None, None

    def _is_awaited(self, message: Any) -> bool:
        """Whether a message is a request, or the answer to the last one (PS3.7 Section 9.3)."""
        answered = message.MessageIDBeingRespondedTo
        return answered is None or (type(message), answered) == self._asked

    def _is_whole(self, context_id: int | None, message: Any) -> bool:
        """Whether what an answer says is all there; the library makes do with its beginning."""
        said = getattr(message, "Identifier", None) or getattr(message, "AttributeList", None)
        if said is None or message.MessageIDBeingRespondedTo is None:
            return True
        accepted = self.assoc.accepted_contexts
        syntaxes = [each.transfer_syntax for each in accepted if each.context_id == context_id]
        try:
            for syntax in syntaxes:
                decoded(said, UID(syntax[0]))
        except (IncompleteDataSetError, *_UNREADABLE) as error:
            _LOG.warning("answer cannot be read error=%s", type(error).__name__)
            return False
        return True

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Take a P-DATA-TF; one that is no message ends the association.

        The library's exception would end its thread alone, and whoever waits would wait on.
        """
        try:
            super().receive_primitive(primitive)
        except _UNREADABLE as error:
            _LOG.warning("answer is no message of DICOM error=%s", type(error).__name__)
            self.message = None
            self.msg_queue.put((None, None))  # whoever waits aborts, as where no answer comes


def _blocks(fragments: Iterable[P_DATA]) -> Iterator[list[P_DATA]]:
    """Gather fragments, as many as are written at once."""
    block, size = list[P_DATA](), 0
    for fragment in fragments:
        block.append(fragment)
        size += sum(len(value) for _, value in fragment.presentation_data_value_list)
        if size >= _WRITTEN_BYTES:
            yield block
            block, size = [], 0
    if block:
        yield block


def _encoded(fragments: Sequence[P_DATA]) -> bytes:
    """Return the P-DATA-TFs of fragments, one for each."""
    return b"".join(
        encode_data(context_id, value[0], value[1:])
        for fragment in fragments
        for context_id, value in fragment.presentation_data_value_list
    )
