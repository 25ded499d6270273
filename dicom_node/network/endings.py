"""What is asked of the upper layer, until the association has ended."""

import queue
from collections.abc import Callable
from typing import Any

from pynetdicom.events import Event
from pynetdicom.pdu_primitives import A_RELEASE

# PS3.8 Tables 9-6 to 9-8: waiting for the connection to close, or closed
CLOSING, _CLOSED = "Sta13", "Sta1"
# PS3.8 Table 9-10, Sta6: ready for messages
OPEN = "Sta6"
# PS3.8 Table 9-9: the peer asks for release
RELEASE_ASKED_FOR = "Sta8"
# PS3.8 Table 9-10: what is asked of the upper layer to accept, reject, send, release and abort
_RELEASE_ASKED, RELEASE_ANSWERED = "Evt11", "Evt14"
_ASKED = frozenset({"Evt7", "Evt8", "Evt9", _RELEASE_ASKED, RELEASE_ANSWERED, "Evt15"})


class RequestQueue(queue.Queue[Any]):
    """What is asked of the upper layer, until the association has ended.

    What is asked after that is no event of the library's state machine, which would raise.
    """

    def __init__(self, wake_up: Callable[[], None] = lambda: None) -> None:
        """Call ``wake_up`` for each request."""
        super().__init__()
        self._wake_up = wake_up
        self._ended = self._peer_releases = False

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Put, and wake the thread that waits for the peer's data."""
        super().put(item, block, timeout)
        self._wake_up()

    def end(self) -> None:
        """Drop what has been asked for, and what will be."""
        with self.mutex:
            self._ended = True
            self.queue.clear()

    def only_answer_release(self) -> None:
        """Drop the release that has been asked for, and that will be: the peer has asked first."""
        with self.mutex:
            self._peer_releases = True
            left = [each for each in self.queue if not _asks_release(each)]
            self.queue.clear()
            self.queue.extend(left)

    def _put(self, item: Any) -> None:
        if not (self._ended or (self._peer_releases and _asks_release(item))):
            super()._put(item)


def _asks_release(item: Any) -> bool:
    return isinstance(item, A_RELEASE) and item.result is None


def ask_no_more(transition: Event, requests: RequestQueue) -> bool:
    """Drop what is asked where a transition of the state machine leads to the end; tell whether.

    To be called on the thread that would be asked, which is the one that makes transitions.
    """
    if transition.next_state not in (CLOSING, _CLOSED):
        return False
    requests.end()
    _forget(transition, _ASKED)
    return True


def answer_release(transition: Event, requests: RequestQueue) -> None:
    """Have the release that the peer has asked for answered, and none asked for any more.

    To be called on the thread that makes transitions, of the one to `RELEASE_ASKED_FOR`. The state
    machine has no way on from there with a release of its own (PS3.8 Table 9-10, Sta8).
    """
    requests.only_answer_release()
    _forget(transition, frozenset({_RELEASE_ASKED}))


def _forget(transition: Event, asked: frozenset[str]) -> None:
    events = transition.assoc.dul.event_queue
    with events.mutex:
        left = [each for each in events.queue if each not in asked]
        events.queue.clear()
        events.queue.extend(left)
