"""An acceptor's association that sleeps until there is something to do.

pynetdicom runs two threads per association; each sleeps a millisecond, looks around, and sleeps
again. That costs a few milliseconds per object, and a tenth of a core per open association whether
it sends or not, which is why its receivers slow down when senders overlap. Here both threads wait
for what wakes them, and the thread that has read an object stores it, which saves two changes of
thread and keeps a peer from sending faster than its objects are stored. State machine, PDUs,
messages and services are pynetdicom's own.
"""

import queue
import select
import socket
import threading
import time
from collections.abc import Callable
from io import BytesIO
from typing import Any

from pynetdicom import evt
from pynetdicom._globals import MODE_ACCEPTOR
from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import DIMSEMessage
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.service_class import StorageServiceClass
from pynetdicom.transport import AssociationServer, AssociationSocket

from dicom_node.network.responses import encode_store_response

# The ARTIM and idle timers are looked at this often.
_TICK_SECONDS = 0.25
_LONGEST_PATIENCE_SECONDS = 3600.0
# An A-ASSOCIATE-RQ with 128 contexts of 60 transfer syntaxes is about 400 KB; the maximum PDU
# length that was negotiated binds P-DATA-TF only (PS3.8 Annex D.1).
_LARGEST_OTHER_PDU = 1024 * 1024
# No asynchronous operations are negotiated, so a peer should have one request underway
# (PS3.7 D.3.3.3). One that does not wait for responses waits here.
_WAITING_MESSAGES = 4
# PS3.8 Section 9.3.5.1 and Annex E.2: item length, context ID, message control header.
_PDV_HEAD, _LAST_COMMAND = 6, b"\x03"


class ReceivingAssociation(Association):
    """The acceptor's side of an association, driven by events."""

    def __init__(
        self,
        server: AssociationServer,
        connection: socket.socket,
        *,
        max_object_bytes: int,
        on_end: Callable[[Association], None],
    ) -> None:
        """Serve an accepted connection; ``on_end`` is called when nothing more will happen."""
        super().__init__(server.ae, MODE_ACCEPTOR)
        self._server = server
        self._on_end = on_end
        self._transport = _Transport(self, connection, server.ae)
        self.dimse = _Messages(self, max_object_bytes)
        self._serving = self._storing = False
        self.dul.to_user_queue = _IndicationQueue(self._wake_up, self.dul.is_alive)
        self.dul.to_provider_queue = _RequestQueue(self._transport.ring)
        self.dul._run_loop_delay = 0  # noqa: SLF001  # waiting is the transport's business
        self.set_socket(self._transport)

    def run(self) -> None:
        """Run the association's thread, and clean up however it ends."""
        try:
            super().run()
        finally:
            self._transport.silence()
            self._on_end(self)

    def _wake_up(self) -> None:
        self.dimse.msg_queue.put((None, None))

    def is_over(self) -> bool:
        """Tell whether nothing is served any more."""
        return self._kill

    def store(self, request: Any, context_id: int | None) -> bool:
        """Serve a C-STORE on this thread; ``False`` where pynetdicom has to say why not."""
        context = self._accepted_cx.get(context_id or 0)
        if not self._serving or context is None or not request.is_valid_request:
            return False
        self._storing = True
        try:
            StorageServiceClass(self).SCP(request, context)
        finally:
            self._storing = False
        return True

    def _run_reactor(self) -> None:
        """Serve until the association ends: pynetdicom's loop but for the waiting."""
        self._serving = True
        self._transport.set_timeout(self.network_timeout)
        while not self._kill:
            try:
                context_id, message = self.dimse.msg_queue.get(timeout=_TICK_SECONDS)
            except queue.Empty:
                context_id, message = None, None
            if message is not None and context_id is not None:
                self._serve_waiting(message, context_id)
            if self._has_ended():
                self.kill()

    def _serve_waiting(self, message: Any, context_id: int) -> None:
        """Serve what had to wait: the first message may be here before anyone knows of us."""
        if not (isinstance(message, C_STORE) and self.store(message, context_id)):
            self._serve_request(message, context_id)
        self.dimse.msg_queue.task_done()

    def _has_ended(self) -> bool:
        """Answer a release, notice an abort; tell whether the association is over."""
        if self.is_established and self.acse.is_release_requested():
            self.acse.send_release(is_response=True)
            self.is_released = True
            self.is_established = False
            evt.trigger(self, evt.EVT_RELEASED, {})
            return True
        if self.acse.is_aborted():
            self.dul.receive_pdu(wait=False)
            self.is_aborted = True
            self.is_established = False
            evt.trigger(self, evt.EVT_ABORTED, {})
            return True
        if self.dul.idle_timer_expired() and not self._storing:
            self.abort()
            return True
        return not self.dul.is_alive()


class _RequestQueue(queue.Queue[Any]):
    """What we ask of the upper layer; wakes the thread that waits for the peer's data."""

    def __init__(self, wake_up: Callable[[], None]) -> None:
        super().__init__()
        self._wake_up = wake_up

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        super().put(item, block, timeout)
        self._wake_up()


class _IndicationQueue(queue.Queue[Any]):
    """What the upper layer says of the association; wakes the thread that waits for messages."""

    def __init__(self, wake_up: Callable[[], None], is_alive: Callable[[], bool]) -> None:
        super().__init__()
        self._wake_up = wake_up
        self._is_alive = is_alive

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        super().put(item, block, timeout)
        self._wake_up()

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Wait no longer than there is somebody who could put something."""
        deadline = time.monotonic() + timeout if block and timeout else 0.0
        while block and self._is_alive() and (not timeout or time.monotonic() < deadline):
            try:
                return super().get(timeout=_TICK_SECONDS)
            except queue.Empty:
                continue
        return super().get(block=False)


class _MessageQueue(queue.Queue[Any]):
    """Where messages wait to be served; a C-STORE with nothing before it does not wait."""

    def __init__(self, association: ReceivingAssociation) -> None:
        super().__init__(_WAITING_MESSAGES)
        self._association = association

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        context_id, message = item
        first = isinstance(message, C_STORE) and not self.unfinished_tasks
        if message is None:
            self._wake_up(item)
        elif not (first and self._association.store(message, context_id)):
            while not (self._association.is_over() or self._enqueue(item)):
                continue

    def _enqueue(self, item: Any) -> bool:
        try:
            super().put(item, timeout=_TICK_SECONDS)
        except queue.Full:
            return False
        return True

    def _wake_up(self, nothing: Any) -> None:
        """Wake the one who waits; it is awake where messages wait already."""
        with self.mutex:
            if not self._qsize():
                self._put(nothing)
                self.not_empty.notify()


class _Transport(AssociationSocket):
    """A connection whose data is waited for, and read in as few calls as possible."""

    def __init__(
        self, association: Association, connection: socket.socket, ae: ApplicationEntity
    ) -> None:
        super().__init__(association, client_socket=connection)
        self._patience = ae.network_timeout or _LONGEST_PATIENCE_SECONDS
        self._largest_pdu = max(ae.maximum_pdu_size, _LARGEST_OTHER_PDU)
        self._bell, self._rope = socket.socketpair()
        self._bell.setblocking(False)
        self._rope.setblocking(False)
        self._poll = select.poll()
        self._poll.register(self._bell, select.POLLIN)
        self._poll.register(connection, select.POLLIN)

    @property
    def ready(self) -> bool:
        """Wait for data, for something to send, or for a timer; tell whether it was data."""
        connection = self.socket
        if connection is None or not self._is_connected:
            return False
        woken_by = {descriptor for descriptor, _ in self._poll.poll(_TICK_SECONDS * 1000)}
        if self._bell.fileno() in woken_by:
            self._bell.recv(4096)
        return connection.fileno() in woken_by

    def set_timeout(self, seconds: float | None) -> None:
        """Wait so long for the rest of a PDU, once the association is open."""
        if self.socket is not None:
            self.socket.settimeout(seconds)

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

    def recv(self, nr_bytes: int) -> bytearray:
        """Read so many bytes, fewer only where the peer has closed the connection.

        Raises
        ------
        OSError
            The connection broke, the peer fell silent, or announced a PDU that is too long:
            pynetdicom would allocate whatever is announced, up to 4 GiB.
        """
        if nr_bytes > self._largest_pdu:
            raise OSError(f"a PDU of {nr_bytes} bytes was announced")
        data = bytearray(nr_bytes)
        view = memoryview(data)
        filled = 0
        deadline = time.monotonic() + self._patience
        while filled < nr_bytes:
            if time.monotonic() > deadline:
                raise TimeoutError("a PDU came too slowly")
            received = self.socket.recv_into(view[filled:]) if self.socket else 0
            if not received:
                return bytearray(view[:filled])
            filled += received
        return data


class BoundedBuffer(BytesIO):
    """Takes a data set up to a size, and from there on only counts it."""

    def __init__(self, limit: int) -> None:
        """Hold up to ``limit`` bytes."""
        super().__init__()
        self._limit = limit
        self.size = 0

    @property
    def overflowed(self) -> bool:
        """Whether more came than it holds; then it holds nothing."""
        return self.size > self._limit

    def write(self, data: Any) -> int:
        """Take bytes, or drop everything when they are too many."""
        self.size += len(data)
        if not self.overflowed:
            return super().write(data)
        self.truncate(0)
        return len(data)


class _Messages(DIMSEServiceProvider):
    """Messages whose data sets, and whose number, a peer cannot make arbitrarily large."""

    def __init__(self, association: ReceivingAssociation, max_object_bytes: int) -> None:
        super().__init__(association)
        self._max_object_bytes = max_object_bytes
        self.msg_queue = _MessageQueue(association)

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Put the fragments of a message together."""
        if self.message is None:
            self.message = DIMSEMessage()
            self.message.data_set = BoundedBuffer(self._max_object_bytes)
        super().receive_primitive(primitive)

    def send_msg(self, primitive: Any, context_id: int) -> None:
        """Send a message; the response that every object gets, the short way."""
        if isinstance(primitive, C_STORE) and primitive.MessageIDBeingRespondedTo is not None:
            command = encode_store_response(primitive)
            limit = self.maximum_pdu_size
            if limit == 0 or len(command) + _PDV_HEAD <= limit:
                fragment = P_DATA()
                fragment.presentation_data_value_list.append((context_id, _LAST_COMMAND + command))
                self.dul.send_pdu(fragment)
                return
        super().send_msg(primitive, context_id)
