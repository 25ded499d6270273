"""What the rooms record with, and the thread that writes it down in batches."""

import logging
import queue
import threading
from collections.abc import Callable
from datetime import datetime

from dicom_node.audit.chain import Chain
from dicom_node.audit.errors import AuditError
from dicom_node.audit.events import recording_lost
from dicom_node.audit.markup import written
from dicom_node.audit.message import AuditMessage, AuditSource

_LOG = logging.getLogger(__name__)

Record = Callable[[AuditMessage], None]
"""Records an audit message. It neither waits nor fails: nobody is held up by the trail."""

# So many records wait while they cannot be written: about a hundred megabytes.
_MOST_WAITING = 50_000
_BATCH = 500
_RETRY_SECONDS = 1.0


def unrecorded(_message: AuditMessage) -> None:
    """Record nothing: for what is put together without a node around it."""


class AuditTrail:
    """Writes what is recorded, in batches that are on the disk before the next one is taken."""

    def __init__(
        self,
        chain: Chain,
        source: AuditSource,
        *,
        clock: Callable[[], datetime],
        on_written: Callable[[], None] = lambda: None,
    ) -> None:
        """Write to ``chain`` in the name of ``source``; tell ``on_written`` of each batch."""
        self._chain = chain
        self._source = source
        self._clock = clock
        self._on_written = on_written
        self._waiting: queue.Queue[AuditMessage | None] = queue.Queue()
        self._lost = 0
        self._problem = ""
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def problem(self) -> str:
        """Why records are not being written; nothing while they are."""
        return self._problem

    def start(self) -> None:
        """Begin to write; what was recorded before waits for it."""
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    def record(self, message: AuditMessage) -> None:
        """Record a message; return at once."""
        if self._waiting.qsize() >= _MOST_WAITING:
            self._lost += 1
            return
        self._waiting.put(message)

    def stop(self) -> None:
        """Write what waits, once more at the most, and stop."""
        self._over.set()
        self._waiting.put(None)
        if self._thread is not None:
            self._thread.join()
        elif batch := self._taken(wait=False):
            self._write(batch)

    def _run(self) -> None:
        batch: list[AuditMessage] = []
        while not self._over.is_set() or batch or not self._waiting.empty():
            batch = batch or self._taken(wait=True)
            if self._write(batch):
                batch = []
            elif self._over.wait(_RETRY_SECONDS):
                break

    def _taken(self, *, wait: bool) -> list[AuditMessage]:
        """Return what waits; with ``wait``, at least something."""
        found: list[AuditMessage] = []
        try:
            while len(found) < _BATCH:
                message = self._waiting.get(block=wait and not found)
                if message is None:
                    break
                found.append(message)
        except queue.Empty:
            pass
        return found

    def _write(self, batch: list[AuditMessage]) -> bool:
        if not batch:
            return True
        lost = self._lost
        messages = [written(each, self._source) for each in batch]
        if lost:
            told = recording_lost(lost, at=self._clock())
            messages.append(written(told, self._source))
        try:
            self._chain.append(messages)
        except AuditError as error:
            if not self._problem:
                _LOG.error("audit trail not written: %s", error)
            self._problem = str(error)
            return False
        self._lost -= lost
        if self._problem:
            _LOG.info("audit trail is written again")
        self._problem = ""
        self._on_written()
        return True
