"""An acceptor's association, as pynetdicom drives it and as one that sleeps until it is needed.

pynetdicom runs two threads per association; each sleeps a millisecond, looks around, and sleeps
again. That costs a few milliseconds per object, and a tenth of a core per open association whether
it sends or not, which is why its receivers slow down when senders overlap. In a
``WaitingAssociation`` both threads wait for what wakes them, and the thread that has read an object
stores it, which saves two changes of thread and keeps a peer from sending faster than its objects
are stored. State machine, PDUs, messages and services are pynetdicom's own. A setting falls back to
``ReceivingAssociation``, which keeps pynetdicom's loop and its sleeping too.
"""

import queue
import socket
import threading
from collections.abc import Callable
from enum import Enum
from typing import Any, cast

from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.transport import AssociationServer

from dicom_node.network.connection import TICK_SECONDS, WaitingSocket
from dicom_node.network.endings import RequestQueue
from dicom_node.network.messages import IndicationQueue, Messages
from dicom_node.network.object_buffer import ObjectLimits
from dicom_node.network.receiving_association import (
    NO_SERVICES,
    ReceivingAssociation,
    Services,
    Storing,
)
from dicom_node.network.slots import Place

# PS3.8 Tables 9-6 to 9-8: the association is open.
_DATA_TRANSFER = "Sta6"


class Reactor(Enum):
    """What drives an association."""

    WAITING = "waiting"
    """Ours: sleeps until something is to be done."""
    PYNETDICOM = "pynetdicom"
    """The library's own: looks around every millisecond."""


class WaitingAssociation(ReceivingAssociation):
    """The acceptor's side of an association, driven by events."""

    connection: WaitingSocket

    def __init__(
        self,
        server: AssociationServer,
        connection: socket.socket,
        *,
        limits: ObjectLimits,
        place: Place,
        on_end: Callable[[Association], None] | None,
        services: Services = NO_SERVICES,
        storing: Storing | None = None,
    ) -> None:
        """Serve an accepted connection that holds ``place``."""
        self._serving = self._storing = False
        super().__init__(
            server,
            connection,
            limits=limits,
            place=place,
            on_end=on_end,
            services=services,
            storing=storing,
        )
        self.dul.to_user_queue = IndicationQueue(self._wake_up, self.dul.is_alive)
        self.spare_the_sleep()

    def _request_queue(self) -> RequestQueue:
        return RequestQueue(self.connection.ring)

    def _connect(self, connection: socket.socket, server: AssociationServer) -> WaitingSocket:
        return WaitingSocket(
            self,
            connection,
            server.ae,
            own_end=self._own_end,
            on_last_word=self.place.yield_now,
            transfer=self,
        )

    @property
    def goes_on(self) -> bool:
        """Whether messages come, and there is nothing else to do (PS3.8 Table 9-10, Sta6)."""
        return (
            self.dul.state_machine.current_state == _DATA_TRANSFER
            and self.dul.event_queue.empty()
            and self.dul.to_provider_queue.empty()
            and not self.is_over
        )

    @property
    def fragments(self) -> Messages:
        """Who takes what comes."""
        return cast("Messages", self.dimse)

    def send_at_once(self, pdu: bytes) -> bool:
        """Send a P-DATA-TF from the thread that sends, in its turn."""
        if threading.current_thread() is not self.dul or not self.goes_on:
            return False
        self.connection.send(pdu)
        return True

    def store_at_once(self, request: Any, context_id: int) -> bool:
        """Serve a C-STORE on this thread, unless the association's own does not serve yet."""
        if not self._serving:
            return False
        self._storing = True
        try:
            self.serve(request, context_id)
        finally:
            self._storing = False
        return True

    def _wake_up(self) -> None:
        self.dimse.msg_queue.put((None, None))

    def loop(self) -> None:
        """Serve until the association ends: pynetdicom's loop but for the waiting."""
        self._serving = True
        self.connection.set_timeout(self.network_timeout)
        while not self.is_over:
            try:
                context_id, message = self.dimse.msg_queue.get(timeout=TICK_SECONDS)
            except queue.Empty:
                context_id, message = None, None
            if message is not None and context_id is not None:
                # What had to wait: the first message may be here before anyone knows of us.
                self.serve(message, context_id)
                self.dimse.msg_queue.task_done()
            if self._has_ended():
                self.kill()

    def _has_ended(self) -> bool:
        """Answer a release, notice an abort; tell whether the association is over."""
        if self.is_established and self.acse.is_release_requested():
            # Before the peer learns of it: one that asks for the next association at once must
            # not be refused on account of this one.
            self.place.end()
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

    def _cleared(self) -> None:
        self.connection.silence()
        super()._cleared()


ASSOCIATIONS: dict[Reactor, type[ReceivingAssociation]] = {
    Reactor.WAITING: WaitingAssociation,
    Reactor.PYNETDICOM: ReceivingAssociation,
}
