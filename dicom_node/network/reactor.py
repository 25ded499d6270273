"""An acceptor's association that sleeps until there is something to do.

pynetdicom runs two threads per association; each sleeps a millisecond, looks around, and sleeps
again. That costs a few milliseconds per object, and a tenth of a core per open association whether
it sends or not, which is why its receivers slow down when senders overlap. Here both threads wait
for what wakes them, and the thread that has read an object stores it, which saves two changes of
thread and keeps a peer from sending faster than its objects are stored. State machine, PDUs,
messages and services are pynetdicom's own.
"""

import queue
import socket
from collections.abc import Callable
from typing import Any

from pynetdicom import evt
from pynetdicom._globals import MODE_ACCEPTOR
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.service_class import StorageServiceClass
from pynetdicom.transport import AssociationServer

from dicom_node.network.access import Refusal
from dicom_node.network.connection import TICK_SECONDS, WaitingSocket
from dicom_node.network.messages import IndicationQueue, Messages, RequestQueue
from dicom_node.network.slots import AssociationSlots


class ReceivingAssociation(Association):
    """The acceptor's side of an association, driven by events."""

    def __init__(
        self,
        server: AssociationServer,
        connection: socket.socket,
        *,
        max_object_bytes: int,
        slots: AssociationSlots,
        on_end: Callable[[Association], None] | None,
    ) -> None:
        """Serve an accepted connection that is counted in ``slots``.

        ``on_end`` is called when nothing more will happen.
        """
        super().__init__(server.ae, MODE_ACCEPTOR)
        self._server = server
        self._slots = slots
        self._counted = True
        self._on_end = on_end
        self._transport = WaitingSocket(self, connection, server.ae)
        self.dimse = Messages(self, self, max_object_bytes=max_object_bytes)
        self._serving = self._storing = False
        self.timed_out = False
        self.dul.to_user_queue = IndicationQueue(self._wake_up, self.dul.is_alive)
        self.dul.to_provider_queue = RequestQueue(self._transport.ring)
        self.dul._run_loop_delay = 0  # noqa: SLF001  # waiting is the transport's business
        self.set_socket(self._transport)

    def run(self) -> None:
        """Run the association's thread, and clean up however it ends."""
        try:
            super().run()
        finally:
            self.dul.kill_dul()
            self._transport.silence()
            self._give_up_slot()
            self._slots.leave()
            if self._on_end is not None:
                self._on_end(self)

    def reject(self, refusal: Refusal) -> None:
        """Send an A-ASSOCIATE-RJ (PS3.8 Section 9.3.4), and end once it is sent."""
        self._give_up_slot()
        self.acse.send_reject(*refusal.value)
        self.kill()

    def _give_up_slot(self) -> None:
        """Count no longer against the limit on associations.

        Before the peer learns that the association is over: one that asks for the next at once
        must not be refused on account of this one.
        """
        if self._counted:
            self._counted = False
            self._slots.end()

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

    def _wake_up(self) -> None:
        self.dimse.msg_queue.put((None, None))

    def _run_reactor(self) -> None:
        """Serve until the association ends: pynetdicom's loop but for the waiting."""
        self._serving = True
        self._transport.set_timeout(self.network_timeout)
        while not self._kill:
            try:
                context_id, message = self.dimse.msg_queue.get(timeout=TICK_SECONDS)
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
            self._give_up_slot()
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
            self.timed_out = True
            self.abort()
            return True
        return not self.dul.is_alive()
