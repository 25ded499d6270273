"""Messages on their way to be served, within bounds that a peer cannot exceed."""

import queue
import time
from collections.abc import Callable
from io import BytesIO
from typing import Any, Protocol

from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import DIMSEMessage
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.pdu_primitives import P_DATA

from dicom_node.network.connection import TICK_SECONDS
from dicom_node.network.responses import encode_store_response

# No asynchronous operations are negotiated, so a peer should have one request underway
# (PS3.7 D.3.3.3). One that does not wait for responses waits here.
_WAITING_MESSAGES = 4
# PS3.8 Section 9.3.5.1 and Annex E.2: item length, context ID, message control header.
_PDV_HEAD, _LAST_COMMAND = 6, b"\x03"


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


class Serving(Protocol):
    """The association, as messages see it."""

    def store(self, request: Any, context_id: int | None) -> bool:
        """Serve a C-STORE at once; ``False`` if that cannot be."""
        ...

    def is_over(self) -> bool:
        """Tell whether nothing is served any more."""
        ...


class Messages(DIMSEServiceProvider):
    """Messages whose data sets, and whose number, a peer cannot make arbitrarily large."""

    def __init__(
        self, association: Association, serving: Serving, *, max_object_bytes: int
    ) -> None:
        """Collect the association's messages for the one who serves them."""
        super().__init__(association)
        self._max_object_bytes = max_object_bytes
        self.msg_queue = MessageQueue(serving)

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


class MessageQueue(queue.Queue[Any]):
    """Where messages wait to be served; a C-STORE with nothing before it does not wait."""

    def __init__(self, serving: Serving) -> None:
        """Wait for, or hand over to, ``serving``."""
        super().__init__(_WAITING_MESSAGES)
        self._serving = serving

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Have a message served, or let it wait; ``(None, None)`` only wakes the one who serves."""
        context_id, message = item
        first = isinstance(message, C_STORE) and not self.unfinished_tasks
        if message is None:
            self._wake_up(item)
        elif not (first and self._serving.store(message, context_id)):
            while not (self._serving.is_over() or self._enqueue(item)):
                continue

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


class RequestQueue(queue.Queue[Any]):
    """What we ask of the upper layer; wakes the thread that waits for the peer's data."""

    def __init__(self, wake_up: Callable[[], None]) -> None:
        """Call ``wake_up`` for each request."""
        super().__init__()
        self._wake_up = wake_up

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Put, and wake."""
        super().put(item, block, timeout)
        self._wake_up()


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
