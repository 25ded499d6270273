"""Dispatch: a courier for each destination for which something waits, each in a thread of its own.

No destination waits for another. The rows are the queue: what is planned wakes the destination's
courier at once, and a sweep finds what somebody else has planned or reopened.
"""

import logging
import threading
import time
from dataclasses import dataclass

from dicom_node.workflow.delivery.courier import Courier, CourierParts, undone_destinations

_LOG = logging.getLogger(__name__)
# How long a courier pauses whose round broke off: a database that is away comes back.
_BROKEN_OFF = 5.0


@dataclass(slots=True, kw_only=True)
class _Post:
    """A courier with the thread that it works in, and the bell that wakes it."""

    courier: Courier
    bell: threading.Event
    thread: threading.Thread | None = None


class Dispatch:
    """Runs the couriers, between ``start`` and ``stop``."""

    def __init__(self, parts: CourierParts) -> None:
        self._parts = parts
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._over.set()
        self._posts: dict[str, _Post] = {}

    def start(self) -> None:
        """Send the couriers out."""
        self._over.clear()
        self.sweep()

    def stop(self, timeout: float = 10.0) -> None:
        """Let each courier end the delivery that it is at, up to ``timeout`` seconds for all."""
        self._over.set()
        with self._lock:
            posts = list(self._posts.values())
        for each in posts:
            each.bell.set()
        deadline = time.monotonic() + timeout
        for each in posts:
            if each.thread is not None:
                each.thread.join(max(0.0, deadline - time.monotonic()))

    def sweep(self) -> None:
        """Wake the couriers of all destinations for which something waits."""
        for destination in sorted(undone_destinations(self._parts)):
            self.wake(destination)

    def wake(self, destination: str) -> None:
        """See to it that a destination's courier looks what there is to do."""
        if self._over.is_set():
            return
        with self._lock:
            post = self._posts.get(destination)
            if post is None:
                courier = Courier(destination, self._parts, is_over=self._over.is_set)
                post = self._posts[destination] = _Post(courier=courier, bell=threading.Event())
            post.bell.set()
            if post.thread is None:
                thread = threading.Thread(
                    target=self._work, args=(post,), name=f"courier-{destination}", daemon=True
                )
                try:
                    thread.start()
                except RuntimeError as error:  # there are too many: the next sweep tries again
                    _LOG.warning("no courier destination=%s reason=%r", destination, str(error))
                    return
                post.thread = thread

    def expect(self, destination: str) -> None:
        """Have what takes something to a destination made ready, while it is being made."""
        with self._lock:
            post = self._posts.get(destination)
        if self._over.is_set() or (post is not None and post.courier.finds_it_down):
            return
        try:
            self._parts.expect(destination)
        except Exception as error:  # noqa: BLE001  # what is only ahead of its time must stop nothing
            _LOG.debug("nothing made ready destination=%s reason=%r", destination, str(error))

    def _work(self, post: _Post) -> None:
        while not self._over.is_set():
            post.bell.clear()
            pause = self._round(post.courier)
            if pause is None:
                with self._lock:
                    if not post.bell.is_set():
                        post.thread = None
                        return
            else:
                post.bell.wait(pause)

    def _round(self, courier: Courier) -> float | None:
        try:
            return courier.round()
        except Exception:  # noqa: BLE001  # nothing may end the service of a destination
            # Most likely the database is away, and comes back.
            _LOG.exception("a round of deliveries broke off; it is begun again")
            return _BROKEN_OFF
