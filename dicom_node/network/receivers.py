"""The receiver processes, seen from the main process: started, watched, restarted, stopped."""

import logging
import multiprocessing
import os
import queue
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from threading import Condition, Thread
from types import TracebackType

from dicom_node.domain.reception import AssociationEnd, AssociationEnded, InstanceStore
from dicom_node.isolation.parent import signals_left_to_the_node, start_parent
from dicom_node.network.access import AccessFactory
from dicom_node.network.errors import ReceptionError
from dicom_node.network.events import (
    AssociationClosed,
    AssociationOpened,
    ReceptionEvent,
)
from dicom_node.network.logs import fields, replay
from dicom_node.network.receiver import (
    Message,
    ReceiverReady,
    ReceiverTask,
    ScpSettings,
    Stop,
    run_receiver,
)
from dicom_node.network.slots import SlotCounts
from dicom_node.network.sources import SourceOfCommitments, SourceOfQueries, SourceOfReports
from dicom_node.network.transport import listen

logger = logging.getLogger(__name__)

RECEIVERS_NEED = ("dicom_node.network.receiver",)
"""Modules that receivers run; their parent imports them, once for all (`isolation.parent`)."""

EventSink = Callable[[Sequence[ReceptionEvent]], None]

# When the sink is this far behind, receivers wait with their answers instead of filling memory.
_WAITING_EVENTS = 10_000
_BATCH = 500
_GATHER_SECONDS = 0.005
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_STABLE_SECONDS = 60.0
_EXIT_SECONDS = 5.0


@dataclass(slots=True, kw_only=True)
class _Receiver:
    """One receiver's process as the pool sees it."""

    index: int
    process: BaseProcess
    channel: Connection
    started: float
    ready: bool = False
    associations: dict[str, str] = field(default_factory=dict)  # to calling AE titles


class ReceiverPool:
    """N processes that accept from one listening socket, and the stream of what they report."""

    def __init__(
        self,
        settings: ScpSettings,
        *,
        store: Callable[[], InstanceStore],
        access: AccessFactory,
        queries: SourceOfQueries | None = None,
        commitments: SourceOfCommitments | None = None,
        reports: SourceOfReports | None = None,
        on_events: EventSink,
    ) -> None:
        """Prepare; ``store`` and ``access`` are called in each receiver and must be picklable.

        ``on_events`` is called on one thread with everything that waits, in the order in which
        each association reported it. It must not raise: what it drops is found again only by
        reconciling the index with the archive.
        """
        self._settings = settings
        self._store = store
        self._access = access
        self._queries = queries
        self._commitments = commitments
        self._reports = reports
        self._on_events = on_events
        self._context = multiprocessing.get_context("forkserver")
        self._counts = SlotCounts.make(
            self._context.RawArray, receivers=settings.receivers, limits=settings.limits
        )
        self._changed = Condition()
        self._receivers: dict[int, _Receiver] = {}
        self._restarts: dict[int, float] = {}
        self._pauses: dict[int, float] = {}
        self._stopping = False
        self._events: queue.Queue[ReceptionEvent | None] = queue.Queue(_WAITING_EVENTS)
        self._threads: list[Thread] = []

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._port

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of the receivers that run."""
        with self._changed:
            return tuple(r.process.pid or 0 for r in self._receivers.values())

    def ready(self) -> bool:
        """Tell whether every receiver accepts associations."""
        with self._changed:
            return not self._stopping and self._all_ready()

    def start(self, timeout: float = 30.0) -> None:
        """Start the receivers and return when all of them accept associations.

        Raises
        ------
        ReceptionError
            The port is taken, or a receiver did not start.
        """
        self.listen()
        self.wait_until_ready(timeout)

    def listen(self) -> None:
        """Listen and return; receivers are being started, and the first answers who called.

        Raises
        ------
        ReceptionError
            The port is taken.
        """
        start_parent(RECEIVERS_NEED)
        self._listener = listen(self._settings.host, self._settings.port)
        self._port = int(self._listener.getsockname()[1])
        self._wake_reader, self._wake = os.pipe()
        self._threads = [
            Thread(target=self._read, name="reception-reader", daemon=True),
            Thread(target=self._dispatch, name="reception-events", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def wait_until_ready(self, timeout: float = 180.0) -> None:
        """Return when all receivers accept associations; on a busy machine that takes a while.

        Raises
        ------
        ReceptionError
            A receiver did not start; all are stopped.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._all_ready() or bool(self._restarts), timeout)
            started = self._all_ready()
        if not started:
            self.stop(graceful_timeout=0.0)
            raise ReceptionError("a receiver did not start; the lines logged above say why")
        logger.info(
            "reception.started %s",
            fields(ae=self._settings.ae_title, port=self.port, receivers=len(self.pids)),
        )

    def wait_until_settled(self, timeout: float = 30.0) -> None:
        """Return when all receivers accept associations, or it is known that one does not."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._all_ready() or bool(self._restarts) or self._stopping, timeout
            )

    def stop(self, graceful_timeout: float = 10.0) -> None:
        """Stop accepting, let open associations end within the timeout, hand over all events."""
        with self._changed:
            if self._stopping or not self._threads:
                return
            self._stopping = True
            receivers = list(self._receivers.values())
        os.write(self._wake, b"x")
        self._listener.close()  # the receivers close theirs: from then on callers are refused
        for receiver in receivers:
            self._order_stop(receiver, graceful_timeout)
        with self._changed:
            self._changed.wait_for(
                lambda: not self._receivers, timeout=graceful_timeout + _EXIT_SECONDS
            )
            for receiver in self._receivers.values():
                receiver.process.kill()
        for thread in self._threads:
            thread.join()
        os.close(self._wake)
        os.close(self._wake_reader)
        logger.info("reception.stopped")

    def __enter__(self) -> "ReceiverPool":
        """Start."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    def _all_ready(self) -> bool:
        return len(self._receivers) == self._settings.receivers and all(
            receiver.ready for receiver in self._receivers.values()
        )

    def _spawn(self, index: int) -> None:
        ours, theirs = self._context.Pipe()
        task = ReceiverTask(
            index=index,
            settings=self._settings,
            store=self._store,
            access=self._access,
            queries=self._queries,
            commitments=self._commitments,
            reports=self._reports,
        )
        process = self._context.Process(
            target=run_receiver,
            args=(task, self._listener, theirs, self._counts),
            name=f"receiver-{index}",
            daemon=True,
        )
        with signals_left_to_the_node():
            process.start()
        theirs.close()  # so that the pipe ends when the receiver does
        receiver = _Receiver(index=index, process=process, channel=ours, started=time.monotonic())
        with self._changed:
            self._receivers[index] = receiver
            is_wanted = not self._stopping
        if not is_wanted:
            self._order_stop(receiver, 0.0)

    def _order_stop(self, receiver: _Receiver, graceful_timeout: float) -> None:
        try:
            receiver.channel.send(Stop(graceful_timeout))
        except OSError:  # it has ended already
            logger.debug("receiver.gone %s", fields(index=receiver.index))

    # The reader thread -----------------------------------------------------------------------

    def _read(self) -> None:
        """Start receivers, take in what they send, and watch over them, until all have ended."""
        for index in range(self._settings.receivers):
            if not self._stopping:
                self._respawn(index)
        while True:
            with self._changed:
                receivers = {r.channel: r for r in self._receivers.values()}
                if self._stopping and not receivers:
                    break
            for source in wait([*receivers, self._wake_reader], self._until_restart()):
                if isinstance(source, int):
                    os.read(source, 1)
                elif isinstance(source, Connection):
                    self._take(receivers[source])
            self._restart_due()
            # Wakes up for what a few milliseconds bring together, not for each event.
            time.sleep(_GATHER_SECONDS)
        self._events.put(None)

    def _take(self, receiver: _Receiver) -> None:
        """Handle everything that one receiver has sent."""
        try:
            while receiver.channel.poll():
                self._handle(receiver, receiver.channel.recv())
        except (EOFError, OSError):
            self._bury(receiver)

    def _handle(self, receiver: _Receiver, message: Message) -> None:
        if isinstance(message, logging.LogRecord):
            replay(message)
            return
        if isinstance(message, ReceiverReady):
            with self._changed:
                receiver.ready = True
                self._changed.notify_all()
            return
        if isinstance(message, AssociationOpened):
            receiver.associations[message.association_id] = message.calling_ae
        elif isinstance(message, AssociationClosed):
            receiver.associations.pop(message.ended.association_id, None)
        self._events.put(message)

    def _bury(self, receiver: _Receiver) -> None:
        """Close what a receiver that ended left open, and see that another takes its place."""
        receiver.process.join()
        receiver.channel.close()
        for association_id, calling_ae in sorted(receiver.associations.items()):
            self._events.put(
                AssociationClosed(
                    ended=AssociationEnded(
                        association_id=association_id,
                        calling_ae=calling_ae,
                        end=AssociationEnd.RECEIVER_LOST,
                        at=datetime.now(UTC),
                    )
                )
            )
        self._counts.clear(receiver.index)
        with self._changed:
            del self._receivers[receiver.index]
            if not self._stopping:
                self._restarts[receiver.index] = time.monotonic() + self._pause(receiver)
                logger.error(
                    "receiver.died %s",
                    fields(index=receiver.index, exit_code=receiver.process.exitcode),
                )
            self._changed.notify_all()

    def _pause(self, receiver: _Receiver) -> float:
        """Return how long to wait before the next start: longer each time, unless it ran well."""
        lived = time.monotonic() - receiver.started
        last = 0.0 if lived > _STABLE_SECONDS else self._pauses.get(receiver.index, 0.0)
        pause = min(max(last * 2, _FIRST_PAUSE), _LONGEST_PAUSE)
        self._pauses[receiver.index] = pause
        return pause

    def _until_restart(self) -> float | None:
        if not self._restarts:
            return None
        return max(0.0, min(self._restarts.values()) - time.monotonic())

    def _restart_due(self) -> None:
        due = [index for index, at in self._restarts.items() if at <= time.monotonic()]
        for index in due:
            del self._restarts[index]
            if not self._stopping:
                self._respawn(index)

    def _respawn(self, index: int) -> None:
        try:
            self._spawn(index)
        except (OSError, EOFError) as error:  # no memory or process to spare just now
            logger.critical("receiver.unstarted %s", fields(index=index, reason=error))
            with self._changed:
                self._restarts[index] = time.monotonic() + _LONGEST_PAUSE
                self._changed.notify_all()

    # The event thread ------------------------------------------------------------------------

    def _dispatch(self) -> None:
        """Hand events over in batches of all that waits."""
        ended = False
        while not ended:
            batch = [self._events.get()]
            while len(batch) < _BATCH and not self._events.empty():
                batch.append(self._events.get())
            ended = batch[-1] is None
            events = [event for event in batch if event is not None]
            if events:
                self._hand_over(events)

    def _hand_over(self, events: list[ReceptionEvent]) -> None:
        try:
            self._on_events(events)
        except Exception:
            # The thread must outlive a failing sink; what it drops, reconciliation finds.
            logger.exception("reception.events_dropped %s", fields(events=len(events)))
