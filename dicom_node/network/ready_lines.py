"""Associations opened ahead: while what goes over them is still being made.

To open one takes two round trips and the peer's own time, 6 ms to a PACS on the same network, which
whoever waits for a report waits for as well.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field

from dicom_node.errors import NodeError
from dicom_node.network.storage_scu import StorageLine

_LOG = logging.getLogger(__name__)
# For so many seconds one that nobody takes is kept; so many are opened at once.
KEPT_SECONDS = 2.0
_MOST = 8


@dataclass(slots=True, eq=False)
class _Slot:
    """An association that is being opened, or is open; ``stack`` releases it."""

    stack: ExitStack = field(default_factory=ExitStack)
    line: StorageLine | None = None
    opened: threading.Event = field(default_factory=threading.Event)
    taken: threading.Event = field(default_factory=threading.Event)


class ReadyLines:
    """Associations opened ahead, one for each peer, each given once; safe for several threads."""

    def __init__(self, kept_seconds: float = KEPT_SECONDS) -> None:
        self._kept_seconds = kept_seconds
        self._lock = threading.Lock()
        self._slots: dict[Hashable, _Slot] = {}
        self._served: Counter[Hashable] = Counter()

    @contextmanager
    def served(self, peer: Hashable) -> Iterator[None]:
        """Say that an association to a peer is in use: none is opened beside it meanwhile.

        What follows goes over the same one, and some peers take one at a time.
        """
        with self._lock:
            self._served[peer] += 1
        try:
            yield
        finally:
            with self._lock:
                self._served -= Counter({peer: 1})

    def open(
        self, peer: Hashable, opened: Callable[[], AbstractContextManager[StorageLine]]
    ) -> None:
        """Have an association opened that `taken` gives; return at once.

        Where there is one already, the peer is `served`, or too many are being opened, this does
        nothing.
        """
        slot = _Slot()
        with self._lock:
            if peer in self._slots or self._served[peer] or len(self._slots) >= _MOST:
                return
            self._slots[peer] = slot
        keeper = threading.Thread(
            target=self._keep, args=(peer, slot, opened), name="ready-line", daemon=True
        )
        try:
            keeper.start()
        except RuntimeError as error:  # there are too many threads: it is opened when it is needed
            _LOG.debug("not opened ahead reason=%r", str(error))
            self._dropped(peer, slot)

    @contextmanager
    def taken(self, peer: Hashable) -> Iterator[StorageLine | None]:
        """Give what was opened ahead, and release it afterwards; None where nothing was."""
        with self._lock:
            slot = self._slots.pop(peer, None)
        if slot is None:
            yield None
            return
        slot.taken.set()
        slot.opened.wait()
        with slot.stack:
            yield slot.line

    def _keep(
        self,
        peer: Hashable,
        slot: _Slot,
        opened: Callable[[], AbstractContextManager[StorageLine]],
    ) -> None:
        try:
            slot.line = slot.stack.enter_context(opened())
        except NodeError as error:  # whoever opens the next one will say so
            _LOG.debug("not opened ahead reason=%r", str(error))
        finally:
            slot.opened.set()
            if slot.line is None:
                self._dropped(peer, slot)
        if slot.line is None or slot.taken.wait(self._kept_seconds):
            return
        if self._dropped(peer, slot):
            slot.stack.close()

    def _dropped(self, peer: Hashable, slot: _Slot) -> bool:
        """Give up what nobody has taken; tell whether that is so."""
        with self._lock:
            if self._slots.get(peer) is not slot:
                return False
            del self._slots[peer]
            return True
