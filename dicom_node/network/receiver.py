"""One receiver process: an AE that accepts associations until it is told to stop."""

import logging
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from threading import Lock, Thread
from typing import Any, cast

from pynetdicom import AE, evt
from pynetdicom.events import Event

from dicom_node.domain.reception import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    InstanceStore,
)
from dicom_node.errors import NodeError
from dicom_node.network.access import AccessFactory, Operation
from dicom_node.network.commitment_scp import CommitmentScp
from dicom_node.network.errors import ReceptionStoppedError
from dicom_node.network.events import Emit, ReceptionEvent
from dicom_node.network.libraries import set_up_dicom_libraries
from dicom_node.network.logs import ForwardingHandler, fields
from dicom_node.network.object_buffer import ObjectLimits
from dicom_node.network.query_scp import QueryScp
from dicom_node.network.reactor import Reactor
from dicom_node.network.receiving_association import ReceivingAssociation, Service, Services
from dicom_node.network.report_scp import ReportScp
from dicom_node.network.retrieve_scp import RetrieveScp
from dicom_node.network.slots import AssociationSlots, SlotCounts, SlotLimits
from dicom_node.network.sources import (
    OnceMade,
    SourceOfCommitments,
    SourceOfQueries,
    SourceOfReports,
)
from dicom_node.network.storage_scp import StorageScp
from dicom_node.network.tls import TlsFiles, server_context
from dicom_node.network.transport import ReceiverServer

logger = logging.getLogger(__name__)

_RECEPTION = frozenset({Operation.ECHO, Operation.STORE})
_QUERIES = frozenset({Operation.FIND, Operation.MOVE})
_ABORT_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScpSettings:
    """How the node receives; times in seconds, sizes in bytes."""

    ae_title: str = "AINODE"
    host: str = "0.0.0.0"  # noqa: S104  # modalities are other machines
    port: int = 11112
    receivers: int = 2
    max_associations: int = 64
    # 0: a share of the associations (``SlotLimits.of``)
    max_associations_per_entity: int = 0
    max_associations_per_address: int = 0
    max_silent_per_address: int = 0
    max_pdu_bytes: int = 128 * 1024
    max_object_bytes: int = 2048 * 1024 * 1024
    spill_folder: str | None = None
    idle_timeout: float = 60.0
    artim_timeout: float = 30.0
    reactor: Reactor = Reactor.WAITING
    tls: TlsFiles | None = None
    log_level: int = logging.INFO

    @property
    def object_limits(self) -> ObjectLimits:
        """How large an object may be, and where a large one waits for its end."""
        return ObjectLimits(max_bytes=self.max_object_bytes, folder=self.spill_folder)

    @property
    def limits(self) -> SlotLimits:
        """How many associations and silent connections there may be, over all receivers."""
        return SlotLimits.of(
            self.max_associations,
            of_entity=self.max_associations_per_entity,
            of_address=self.max_associations_per_address,
            silent=self.max_silent_per_address,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverTask:
    """What a receiver process needs to know; travels to it by pickle."""

    index: int
    settings: ScpSettings
    store: Callable[[], InstanceStore]
    access: AccessFactory
    queries: SourceOfQueries | None = None
    commitments: SourceOfCommitments | None = None
    reports: SourceOfReports | None = None


@dataclass(frozen=True, slots=True)
class ReceiverReady:
    """The receiver accepts associations."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop accepting; abort what is still open after ``graceful_timeout`` seconds."""

    graceful_timeout: float


Message = ReceptionEvent | ReceiverReady | logging.LogRecord


class _Link:
    """The pipe to the main process; many threads send."""

    def __init__(self, channel: Connection) -> None:
        self._channel = channel
        self._lock = Lock()

    def send(self, message: Message) -> None:
        """Send a message.

        Raises
        ------
        ReceptionStoppedError
            The main process has gone.
        """
        try:
            with self._lock:
                self._channel.send(message)
        except OSError as error:
            raise ReceptionStoppedError("the node is stopping") from error

    def send_log(self, record: logging.LogRecord) -> None:
        """Send a log record; when nobody is there to read it, it is lost."""
        try:
            self.send(record)
        except ReceptionStoppedError:
            return

    def wait_for_stop(self) -> Stop:
        """Wait for the order to stop; the death of the main process is one."""
        try:
            order = self._channel.recv()
        except (EOFError, OSError):
            return Stop(0.0)
        return order if isinstance(order, Stop) else Stop(0.0)


def run_receiver(
    task: ReceiverTask, listener: socket.socket, channel: Connection, counts: SlotCounts
) -> None:
    """Receive until told to stop, or until the main process has gone: a receiver's main function.

    Ends the process itself: pynetdicom's threads wait for their peers and would keep it alive.
    """
    # Ctrl-C reaches the whole process group; the main process is the one to act on it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The parent of all processes leaves what ends a service to the node; receivers stop by it.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    link = _Link(channel)
    root = logging.getLogger()
    root.addHandler(ForwardingHandler(link.send_log))
    root.setLevel(task.settings.log_level)
    set_up_dicom_libraries()
    threading.excepthook = _log_ended_thread
    try:
        server = _server(task, listener, link.send, counts)
    except NodeError as error:
        logger.critical("receiver.failed %s", fields(index=task.index, reason=error))
        sys.exit(1)
    _serve(server, link)
    os._exit(0)


def _log_ended_thread(ended: threading.ExceptHookArgs) -> None:
    """Log where an error ended a thread without its message, which may quote what a peer sent."""
    frames = "".join(traceback.format_tb(ended.exc_traceback))
    logger.error("thread.failed %s\n%s", fields(error=ended.exc_type.__name__), frames)


def _server(
    task: ReceiverTask,
    listener: socket.socket,
    emit: Emit,
    counts: SlotCounts,
) -> ReceiverServer:
    slots = AssociationSlots(counts, task.index, task.settings.limits)
    scp = StorageScp(
        ae_title=task.settings.ae_title,
        store=task.store(),
        access=task.access(),
        emit=emit,
        offered=_offered(task),
        max_object_bytes=task.settings.max_object_bytes,
    )
    finding, retrieve = _query_services(task, emit)
    reporting = ReportScp(task.reports, emit=emit).handlers() if task.reports else []
    commitment = CommitmentScp(task.commitments).serve if task.commitments else None
    return ReceiverServer(
        listener,
        _application_entity(task.settings),
        limits=task.settings.object_limits,
        slots=slots,
        handlers=[*scp.handlers(), *finding, *reporting],
        on_end=scp.on_end,
        services=Services(retrieve=retrieve, commitment=commitment),
        storing=scp,
        tls=server_context(task.settings.tls) if task.settings.tls else None,
        reactor=task.settings.reactor,
    )


def _offered(task: ReceiverTask) -> frozenset[Operation]:
    queries = _QUERIES if task.queries is not None else frozenset[Operation]()
    commitment = {Operation.COMMIT} if task.commitments is not None else set()
    reports = {Operation.REPORT} if task.reports is not None else set()
    return _RECEPTION | queries | commitment | reports


def _query_services(
    task: ReceiverTask, emit: Emit
) -> tuple[list[tuple[Any, Callable[[Event], Any]]], Service | None]:
    """Return what serves queries and retrievals, where the receiver has anything to serve."""
    if task.queries is None:
        return [], None
    source, ae_title = OnceMade(task.queries), task.settings.ae_title
    finding = QueryScp(source, ae_title=ae_title, emit=emit).on_find
    return [(evt.EVT_C_FIND, finding)], RetrieveScp(source, ae_title=ae_title, emit=emit).serve


def _serve(server: ReceiverServer, link: _Link) -> None:
    orders: list[Stop] = []

    def obey() -> None:
        orders.append(link.wait_for_stop())
        server.shutdown()

    def terminate(_signal: int, _frame: object) -> None:
        Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, terminate)
    Thread(target=obey, name="stop-order", daemon=True).start()
    link.send(ReceiverReady())
    server.serve()
    _finish(server, orders[0].graceful_timeout if orders else _ABORT_SECONDS)


def _finish(server: ReceiverServer, graceful_timeout: float) -> None:
    """Let open associations end by themselves, then abort those that do not."""
    _join(server, graceful_timeout)
    for association in server.active_associations:
        cast("ReceivingAssociation", association).stop()
    _join(server, _ABORT_SECONDS)


def _join(server: ReceiverServer, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    for association in server.active_associations:
        association.join(max(0.0, deadline - time.monotonic()))


def _application_entity(settings: ScpSettings) -> AE:
    ae = AE(ae_title=settings.ae_title)
    ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    ae.maximum_pdu_size = settings.max_pdu_bytes
    ae.network_timeout = settings.idle_timeout
    ae.acse_timeout = settings.artim_timeout
    ae.dimse_timeout = settings.idle_timeout
    # Ours is counted over all receivers, before pynetdicom looks at its own.
    ae.maximum_associations = sys.maxsize
    return ae
