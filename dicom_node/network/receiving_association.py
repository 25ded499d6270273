"""An acceptor's association: its services, what it asks the requestor, and how it ends.

State machine, PDUs, messages and the loop that serves them are pynetdicom's own; ``reactor`` has
one whose loop sleeps until it is needed.
"""

import logging
import queue
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol, cast

from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_GET, C_MOVE, C_STORE, N_ACTION
from pynetdicom.dimse_primitives import N_EVENT_REPORT as N_EVENT_REPORT_RQ
from pynetdicom.pdu_primitives import A_RELEASE
from pynetdicom.presentation import PresentationContext
from pynetdicom.transport import AssociationServer

from dicom_node.domain.reception import AssociationEnd
from dicom_node.network.access import Refusal
from dicom_node.network.association_request import AssociateRequest
from dicom_node.network.command_set import C_STORE_RQ, N_EVENT_REPORT, RESPONSE, CommandSet
from dicom_node.network.commitment_data import PUSH_MODEL
from dicom_node.network.connection import TICK_SECONDS, Fault, PeerSocket
from dicom_node.network.endings import RequestQueue, ask_no_more
from dicom_node.network.errors import MalformedMessageError
from dicom_node.network.logs import fields
from dicom_node.network.messages import Messages
from dicom_node.network.object_buffer import ObjectLimits
from dicom_node.network.private import AcceptedAssociation
from dicom_node.network.received_object import Pieces, ReceivedObject, StoreRequest
from dicom_node.network.responses import Answer
from dicom_node.network.slots import Place
from dicom_node.network.status import PROCESSING_FAILURE

logger = logging.getLogger(__name__)

# What answers each request that the node itself makes of who has called it.
_ANSWERED_BY = MappingProxyType(
    {C_STORE: C_STORE_RQ | RESPONSE, N_EVENT_REPORT_RQ: N_EVENT_REPORT | RESPONSE}
)
# For the answer to a sub-operation, where nobody says how long.
_LONGEST_WAIT = 600.0
# For the thread that reads to see that the connection is closed, or to have stored an object.
_LAST_OBJECT_SECONDS = 60.0
# Serves a message; pynetdicom's primitives have no common type.
Service = Callable[["ReceivingAssociation", Any, PresentationContext], None]


class Storing(Protocol):
    """Who takes objects; each comes with its transfer syntax."""

    def begin(
        self, association: "ReceivingAssociation", command: CommandSet, syntax: str, pieces: Pieces
    ) -> ReceivedObject:
        """Return what takes the object that a command set announces."""
        ...

    def store(
        self, association: "ReceivingAssociation", request: StoreRequest, syntax: str
    ) -> Answer:
        """Store an object that has come, and return what is answered; raises nothing."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What serves messages in the place of pynetdicom: C-MOVE and C-GET, and commitment."""

    retrieve: Service | None = None
    commitment: Service | None = None


NO_SERVICES = Services()


class ReceivingAssociation(AcceptedAssociation):
    """The acceptor's side of an association, driven by pynetdicom."""

    connection: PeerSocket

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
        """Serve an accepted connection that holds ``place``.

        ``on_end`` is called when nothing more will happen; ``storing`` takes objects, for which
        there must be one where contexts of storage are accepted.
        """
        super().__init__(server)
        self.place = place
        self._on_end = on_end
        self._stopping = False
        self._awaited: dict[int, queue.SimpleQueue[CommandSet]] = {}
        self._services = services
        self._storing_scp = storing
        self.over = threading.Event()
        self.dimse = Messages(self, self, limits=limits)
        self.connection = self._connect(connection, server)
        self.set_socket(self.connection)
        self.dul.to_provider_queue = self._requests = self._request_queue()
        self.bind(evt.EVT_RELEASED, self._released)
        self.bind(evt.EVT_FSM_TRANSITION, self._moved)

    def _request_queue(self) -> RequestQueue:
        return RequestQueue()

    def _moved(self, event: evt.Event) -> None:
        ask_no_more(event, self._requests)

    def _released(self, _event: evt.Event) -> None:
        self.place.end()

    def _connect(self, connection: socket.socket, server: AssociationServer) -> PeerSocket:
        return PeerSocket(
            self,
            connection,
            server.ae,
            own_end=self._own_end,
            on_last_word=self.place.yield_now,
        )

    @property
    def proposal(self) -> AssociateRequest:
        """The A-ASSOCIATE-RQ; there is one before any event of the association."""
        request = self.connection.request
        if request is None:
            raise AssertionError("an association that nobody asked for")
        return request

    @property
    def certificate(self) -> str:
        """The SHA-256 of the certificate that the peer showed over TLS; empty without one."""
        return self.connection.certificate

    @property
    def end(self) -> AssociationEnd:
        """How the association ended, once it has; a release within an object is no orderly one."""
        if self.is_released:
            cut_off = cast("Messages", self.dimse).cut_off
            return AssociationEnd.PROTOCOL_ERROR if cut_off else AssociationEnd.RELEASED
        return self.connection.end or self._own_end()

    def run(self) -> None:
        """Run the association's thread, and clean up however it ends."""
        try:
            super().run()
        finally:
            self.dul.kill_dul()
            self._cleared()
            self._let_go()
            self.over.set()
            self.place.leave()
            if self._on_end is not None:
                self._on_end(self)

    def reject(self, refusal: Refusal) -> None:
        """Send an A-ASSOCIATE-RJ (PS3.8 Section 9.3.4), and end once it is sent."""
        self.place.end()
        self.acse.send_reject(*refusal.value)
        self.kill()

    def stop(self) -> None:
        """Abort, because the node stops; return before that is done."""
        self._stopping = True
        self.abort(block=False)

    def drop(self) -> None:
        """Close the connection: others from the same address need its place."""
        self.connection.hang_up()

    def abstract_syntax(self, context_id: int) -> str:
        """Return what an accepted presentation context is for; empty where it was not accepted."""
        context = self.context(context_id)
        return str(context.abstract_syntax) if context is not None else ""

    def violated(self, error: MalformedMessageError) -> None:
        """Take note that the peer broke the protocol."""
        self.connection.fault = Fault.INVALID_PARAMETER
        peer = self.requestor.address
        logger.warning("message.malformed %s", fields(peer=peer, reason=error))

    def store_at_once(self, _request: Any, _context_id: int) -> bool:
        """Let every message wait for the association's own thread."""
        return False

    def send_at_once(self, _pdu: bytes) -> bool:
        """Let the library send every message."""
        return False

    def incoming(self, command: CommandSet, context_id: int, pieces: Pieces) -> ReceivedObject:
        """Return what takes the data set of a C-STORE request."""
        context = self.context(context_id)
        if context is None or self._storing_scp is None:
            return ReceivedObject(pieces)
        return self._storing_scp.begin(self, command, _syntax(context), pieces)

    def loop(self) -> None:
        """Serve until the association ends."""
        self.connection.set_timeout(self.network_timeout)
        super().loop()

    def serve(self, message: Any, context_id: int) -> None:
        """Serve a request; objects of private and unknown SOP Classes are stored, too."""
        context = self.context(context_id)
        if isinstance(message, StoreRequest):
            self._store(message, context_id)
        elif context is not None and (service := self._service(message, context)):
            service(self, message, context)
        else:
            super().serve(message, context_id)

    def _store(self, request: StoreRequest, context_id: int) -> None:
        """Have an object stored whatever its SOP Class, and answer."""
        context = self.context(context_id)
        if context is None or self._storing_scp is None:
            raise AssertionError("an object of a context that was not accepted")
        answer = self._storing_scp.store(self, request, _syntax(context))
        if self.is_established:
            cast("Messages", self.dimse).answer(request, answer, context_id)

    def _service(self, message: Any, context: PresentationContext) -> Service | None:
        if isinstance(message, C_GET | C_MOVE):
            return self._services.retrieve
        if (
            isinstance(message, N_ACTION | N_EVENT_REPORT_RQ)
            and context.abstract_syntax == PUSH_MODEL
        ):
            return self._services.commitment
        return None

    @property
    def is_leaving(self) -> bool:
        """Whether the peer is about to end the association, or it is over."""
        return self.has_gone or not self.is_established or self.acse.is_release_requested()

    @property
    def has_gone(self) -> bool:
        """Whether the peer has ended the association, or the node has, while it is served."""
        return self.is_over or not self.dul.is_alive() or self.acse.is_aborted()

    @property
    def has_asked_to_leave(self) -> bool:
        """Whether the peer waits for its release, and so answers nothing any more."""
        primitive: Any = self.dul.peek_next_pdu()
        return isinstance(primitive, A_RELEASE) and primitive.result is None

    def store_back(self, request: C_STORE, context_id: int) -> int | None:
        """Send an object to the requestor (PS3.4 Section C.4.3.3); return its status, if any.

        Who does not answer in time is left alone: whatever follows would be waited for, too.
        """
        status = self.ask(request, context_id)
        if status is None and not self.has_gone and not self.has_asked_to_leave:
            self.abort(block=False)
        return status

    def spare_message_id(self) -> int:
        """Return a Message ID that no answer is waited for under."""
        return next(each for each in range(0xFFFF, 0, -1) if each not in self._awaited)

    def ask(self, request: Any, context_id: int) -> int | None:
        """Send the requestor a request; return the status of the answer, if one came in time."""
        answers: queue.SimpleQueue[CommandSet] = queue.SimpleQueue()
        self._awaited[request.MessageID] = answers
        try:
            self.dimse.send_msg(request, context_id)
            answer = self._answer(answers)
        finally:
            del self._awaited[request.MessageID]
        if answer is None:
            return None
        answers_this = answer.field == _ANSWERED_BY[type(request)] and answer.affected_instance in (
            "",
            str(request.AffectedSOPInstanceUID),
        )
        return answer.status if answers_this else PROCESSING_FAILURE

    def answered(self, response: CommandSet) -> bool:
        """Take an answer; tell whether it was waited for."""
        answers = self._awaited.get(response.message_id)
        if answers is not None:
            answers.put(response)
        return answers is not None

    def _answer(self, answers: "queue.SimpleQueue[CommandSet]") -> CommandSet | None:
        deadline = time.monotonic() + (self.dimse_timeout or _LONGEST_WAIT)
        while True:
            with suppress(queue.Empty):
                return answers.get(timeout=TICK_SECONDS)
            if time.monotonic() >= deadline or self.has_gone or self.has_asked_to_leave:
                return None

    def _own_end(self) -> AssociationEnd:
        """Return why the node itself ends the association, if it does."""
        if self._stopping:
            return AssociationEnd.NODE_STOPPED
        idle = self.dul.idle_timer_expired()
        return AssociationEnd.TIMED_OUT if idle else AssociationEnd.PROTOCOL_ERROR

    def _cleared(self) -> None:
        """Give back what the loop needed."""
        self.connection.hang_up()

    def _let_go(self) -> None:
        """Give back what unfinished objects hold, once nobody adds to them.

        Otherwise it is held until the interpreter looks for cycles: on a quiet receiver, for hours.
        """
        if self.dul.is_alive():
            self.dul.join(_LAST_OBJECT_SECONDS)
        if not self.dul.is_alive():
            cast("Messages", self.dimse).end()


def _syntax(context: PresentationContext) -> str:
    return str(context.transfer_syntax[0])
