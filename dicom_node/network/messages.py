"""Messages on their way to be served, within bounds that a peer cannot exceed."""

import logging
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import DIMSEMessage
from pynetdicom.pdu_primitives import P_DATA

from dicom_node.network.command_set import (
    C_CANCEL_RQ,
    C_STORE_RQ,
    CommandSet,
    Fault,
    read_command_set,
)
from dicom_node.network.connection import TICK_SECONDS
from dicom_node.network.data_transfer import Fill, encode_data
from dicom_node.network.errors import MalformedMessageError
from dicom_node.network.object_buffer import BoundedBuffer, ObjectLimits
from dicom_node.network.received_object import Pieces, ReceivedObject, StoreRequest
from dicom_node.network.responses import Answer, encode_fault, encode_store_response
from dicom_node.network.served import misplaced

logger = logging.getLogger(__name__)

# No asynchronous operations are negotiated, so a peer should have one request underway
# (PS3.7 D.3.3.3). One that does not wait for responses waits here.
_WAITING_MESSAGES = 4
# A command set of the longest values is about 1 KB.
_LARGEST_COMMAND = 64 * 1024
# PS3.8 Section 9.3.5.1 and Annex E.2: item length, context ID, message control header.
_PDV_HEAD, _COMMAND, _LAST = 6, 1, 2
_LAST_COMMAND = bytes((_COMMAND | _LAST,))
_INVALID_PDU = "Evt19"  # PS3.8 Table 9-10: unrecognized or invalid PDU


class Serving(Protocol):
    """The association, as messages see it."""

    @property
    def is_over(self) -> bool:
        """Whether nothing is served any more."""
        ...

    def abstract_syntax(self, context_id: int) -> str:
        """Return what an accepted presentation context is for; empty where it was not accepted."""
        ...

    def store_at_once(self, request: Any, context_id: int) -> bool:
        """Serve a C-STORE on the thread that has read it; ``False`` if that cannot be."""
        ...

    def incoming(self, command: CommandSet, context_id: int, pieces: Pieces) -> ReceivedObject:
        """Return what takes the data set of a C-STORE request."""
        ...

    def send_at_once(self, pdu: bytes) -> bool:
        """Send a P-DATA-TF where nothing is to be sent before it; ``False`` if that cannot be."""
        ...

    def answered(self, response: CommandSet) -> bool:
        """Take an answer; tell whether it was waited for."""
        ...

    def violated(self, error: MalformedMessageError) -> None:
        """Take note that the peer broke the protocol."""
        ...


class Messages(DIMSEServiceProvider):
    """Messages whose data sets, and whose number, a peer cannot make arbitrarily large.

    Fragments are taken one by one, so that a P-DATA-TF may hold the end of a message and the
    beginning of the next (PS3.8 Section 9.3.5 and Annex E). What is wrong with a request and has a
    status is answered here, and its data set dropped; the rest of the association goes on.
    """

    def __init__(self, association: Association, serving: Serving, *, limits: ObjectLimits) -> None:
        """Collect the association's messages for the one who serves them."""
        super().__init__(association)
        self._serving = serving
        self._limits = limits
        self.msg_queue = self._waiting = MessageQueue(serving)
        self._open_context = 0
        self._encoded_command = b""
        self._command: CommandSet | None = None
        self._fault: Fault | None = None
        self._pieces = Pieces()
        self._received: ReceivedObject | None = None
        self._broken = self._cut_off = False
        # The fragments of a message follow each other (PS3.8 Annex E.1), and results of storage
        # commitment are told by threads of their own.
        self._speaking = threading.Lock()

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Take the fragments of a P-DATA-TF, and hand over each message that is complete."""
        for context_id, fragment in primitive.presentation_data_value_list:
            if self._broken:
                return
            try:
                self._take(context_id, bytes(fragment))
            except MalformedMessageError as error:
                self._break(error)

    def receive(self, context_id: int, control: int, length: int, fill: Fill) -> None:
        """Take a fragment that is still to be read, by ``fill``."""
        try:
            received = None if self._broken else self._destination(context_id, control)
        except MalformedMessageError as error:
            self._break(error)
        if self._broken or received is None:
            fragment = bytearray(1 + length)
            fragment[0] = control
            fill(memoryview(fragment)[1:])
            part = P_DATA()
            part.presentation_data_value_list.append((context_id, bytes(fragment)))
            self.receive_primitive(part)
            return
        while length:
            room = received.room()[:length]
            fill(room)
            received.advance(len(room))
            length -= len(room)
        self._end_fragment(control)

    def lost(self) -> None:
        """Let go of what has come of a message whose rest will not."""
        received, self._received = self._received, None
        if received is not None:
            self._cut_off = True
            received.close()

    @property
    def cut_off(self) -> bool:
        """Whether an object began to come whose rest has not."""
        return self._cut_off or self._received is not None

    def end(self) -> None:
        """Let go of everything that nobody will serve any more."""
        self.lost()
        self._waiting.clear()

    def _destination(self, context_id: int, control: int) -> ReceivedObject | None:
        """Return where a fragment of an object goes; nothing where it is one of something else."""
        if control & _COMMAND or self._received is None:
            return None
        self._check(context_id)
        return self._received

    def _break(self, error: MalformedMessageError) -> None:
        self._broken = True
        self._serving.violated(error)
        self.dul.event_queue.put(_INVALID_PDU)

    def _take(self, context_id: int, fragment: bytes) -> None:
        if not fragment:
            raise MalformedMessageError("a fragment without a message control header")
        self._check(context_id)
        if fragment[0] & _COMMAND:
            self._take_command(fragment)
        else:
            self._take_data(fragment)

    def _check(self, context_id: int) -> None:
        """Refuse a fragment of a presentation context that it cannot be of."""
        begun = self._command is not None or self._encoded_command
        if context_id != self._open_context and begun:
            raise MalformedMessageError("fragments of two messages are mixed")
        if not self._serving.abstract_syntax(context_id):
            raise MalformedMessageError(f"presentation context {context_id} was not accepted")
        self._open_context = context_id

    def _take_command(self, fragment: bytes) -> None:
        if self._command is not None:
            raise MalformedMessageError("a command set where a data set was to come")
        self._encoded_command += fragment[1:]
        if len(self._encoded_command) > _LARGEST_COMMAND:
            raise MalformedMessageError("a command set that does not end")
        if fragment[0] & _LAST:
            self._begin(read_command_set(self._encoded_command))

    def _begin(self, command: CommandSet) -> None:
        self._encoded_command = b""
        self._command = command
        answerable = command.is_request and command.field != C_CANCEL_RQ
        syntax = self._serving.abstract_syntax(self._open_context)
        self._fault = (command.fault() or misplaced(command, syntax)) if answerable else None
        if command.field == C_STORE_RQ:
            if self._fault is None:
                self._received = self._serving.incoming(command, self._open_context, self._pieces)
        elif command.is_request and self._fault is None:
            self._hand_on(_LAST_COMMAND + command.encoded())
        if not command.has_data_set:
            self._finish(command)

    def _take_data(self, fragment: bytes) -> None:
        command = self._command
        if command is None:
            raise MalformedMessageError("a data set without a command set")
        if self._received is not None:
            self._received.write(memoryview(fragment)[1:])
        elif command.is_request and self._fault is None:
            self._hand_on(fragment)
        self._end_fragment(fragment[0])

    def _end_fragment(self, control: int) -> None:
        if control & _LAST and self._command is not None:
            self._finish(self._command)

    def _hand_on(self, fragment: bytes) -> None:
        """Let the library take a fragment of any other message than a C-STORE."""
        if self.message is None:
            self.message = DIMSEMessage()
            self.message.data_set = BoundedBuffer(self._limits)
        part = P_DATA()
        part.presentation_data_value_list.append((self._open_context, fragment))
        super().receive_primitive(part)

    def _finish(self, command: CommandSet) -> None:
        fault, self._command, self._fault = self._fault, None, None
        if fault is not None:
            logger.warning(
                "message.refused status=0x%04X reason=%s", fault.status, repr(fault.comment)
            )
            self._send_command(encode_fault(command, fault), self._open_context)
        elif not command.is_request:
            if not self._serving.answered(command):
                logger.warning("message.ignored: an answer to nothing that was asked")
        elif self._received is not None:
            received, self._received = self._received, None
            request = StoreRequest(command=command, received=received)
            self._waiting.put((self._open_context, request))

    def answer(self, request: StoreRequest, answer: Answer, context_id: int) -> None:
        """Send the response that every object gets."""
        self._send_command(encode_store_response(request.command, answer), context_id)

    def send_msg(self, primitive: Any, context_id: int) -> None:
        """Send any other message."""
        with self._speaking:
            super().send_msg(primitive, context_id)

    def _send_command(self, command: bytes, context_id: int) -> None:
        """Send a command set, in as many fragments as the peer's maximum length makes of it."""
        room = (self.maximum_pdu_size or len(command) + _PDV_HEAD) - _PDV_HEAD & ~1
        with self._speaking:
            for start in range(0, len(command), room):
                last = _LAST if start + room >= len(command) else 0
                part = command[start : start + room]
                if self._serving.send_at_once(encode_data(context_id, _COMMAND | last, part)):
                    continue
                value = bytes((_COMMAND | last,)) + part
                fragment = P_DATA()
                fragment.presentation_data_value_list.append((context_id, value))
                self.dul.send_pdu(fragment)


class MessageQueue(queue.Queue[Any]):
    """Where messages wait to be served; a C-STORE with nothing before it does not wait."""

    def __init__(self, serving: Serving) -> None:
        """Wait for, or hand over to, ``serving``."""
        super().__init__(_WAITING_MESSAGES)
        self._serving = serving

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Have a message served, or let it wait; ``(None, None)`` only wakes the one who serves."""
        context_id, message = item
        first = isinstance(message, StoreRequest) and not self.unfinished_tasks
        if message is None:
            self._wake_up(item)
        elif not (first and self._serving.store_at_once(message, context_id)):
            while not self._enqueue(item):
                if self._serving.is_over:
                    _let_go(message)
                    return

    def clear(self) -> None:
        """Let go of what waits."""
        with suppress(queue.Empty):
            while True:
                _, message = self.get_nowait()
                _let_go(message)

    def _enqueue(self, item: Any) -> bool:
        try:
            super().put(item, timeout=TICK_SECONDS)
        except queue.Full:
            return False
        return True

    def _wake_up(self, nothing: Any) -> None:
        """Wake the one who waits; it is awake where messages wait already."""
        with self.mutex:
            if not self._qsize():
                self._put(nothing)
                self.not_empty.notify()


def _let_go(message: Any) -> None:
    """Give the memory and the file of an object back; no other message has any."""
    if isinstance(message, StoreRequest):
        message.received.close()


class IndicationQueue(queue.Queue[Any]):
    """What the upper layer says of the association; wakes the thread that waits for messages."""

    def __init__(self, wake_up: Callable[[], None], is_alive: Callable[[], bool]) -> None:
        """Call ``wake_up`` for each indication; they come only while ``is_alive``."""
        super().__init__()
        self._wake_up = wake_up
        self._is_alive = is_alive

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Put, and wake."""
        super().put(item, block, timeout)
        self._wake_up()

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Wait no longer than there is somebody who could put something."""
        deadline = time.monotonic() + timeout if block and timeout else 0.0
        while block and self._is_alive() and (not timeout or time.monotonic() < deadline):
            try:
                return super().get(timeout=TICK_SECONDS)
            except queue.Empty:
                continue
        return super().get(block=False)
