"""What is asked of the upper layer, until the association has ended."""

import queue
from collections.abc import Callable
from typing import Any

from pynetdicom.events import Event

# PS3.8 Tables 9-6 to 9-8: waiting for the connection to close, or closed
CLOSING, _CLOSED = "Sta13", "Sta1"
# PS3.8 Table 9-10: what is asked of the upper layer to accept, reject, send, release and abort
_ASKED = frozenset({"Evt7", "Evt8", "Evt9", "Evt11", "Evt14", "Evt15"})


class RequestQueue(queue.Queue[Any]):
    """What is asked of the upper layer, until the association has ended.

    What is asked after that is no event of the library's state machine, which would raise.
    """

    def __init__(self, wake_up: Callable[[], None] = lambda: None) -> None:
        """Call ``wake_up`` for each request."""
        super().__init__()
        self._wake_up = wake_up
        self._ended = False

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Put, and wake the thread that waits for the peer's data."""
        super().put(item, block, timeout)
        self._wake_up()

    def end(self) -> None:
        """Drop what has been asked for, and what will be."""
        with self.mutex:
            self._ended = True
            self.queue.clear()

    def _put(self, item: Any) -> None:
        if not self._ended:
            super()._put(item)


def ask_no_more(transition: Event, requests: RequestQueue) -> bool:
    """Drop what is asked where a transition of the state machine leads to the end; tell whether.

    To be called on the thread that would be asked, which is the one that makes transitions.
    """
    if transition.next_state not in (CLOSING, _CLOSED):
        return False
    requests.end()
    events = transition.assoc.dul.event_queue
    with events.mutex:
        left = [each for each in events.queue if each not in _ASKED]
        events.queue.clear()
        events.queue.extend(left)
    return True
