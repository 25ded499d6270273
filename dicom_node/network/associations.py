"""Associations that the node opens: how they begin, and that they end (PS3.8 Section 7).

A peer may fall silent at any time, in the middle of a PDU too. Whoever opened the association
waits for it so long as ``ScuTimeouts`` says and no longer, also while releasing or aborting it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ssl import SSLContext
from threading import Timer
from typing import cast

from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.events import Event, EventHandlerType
from pynetdicom.pdu import A_ABORT_RQ, A_ASSOCIATE_RJ
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import PresentationContext

from dicom_node.domain.reception import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_node.network.connection import ClosingSocket
from dicom_node.network.errors import (
    AssociationAbortedError,
    AssociationRejectedError,
    ConnectionFailedError,
)
from dicom_node.network.private import RequestingEntity
from dicom_node.network.requesting import Answers, connect

# An A-ABORT needs no answer: so much longer than for an answer is waited for an end.
_GRACE_SECONDS = 2.0
# PS3.8 Table 9-26: who aborts, and why.
_SERVICE_PROVIDER = 2
_ABORTERS = (0, _SERVICE_PROVIDER)
_WHY_ABORTED = (0, 1, 2, 4, 5, 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A peer to which the node opens associations."""

    ae_title: str
    host: str
    port: int
    tls: SSLContext | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScuTimeouts:
    """How long to wait, in seconds, for the connection, the association and each response."""

    connection: float = 10.0
    acse: float = 30.0
    dimse: float = 60.0
    network: float = 60.0


@contextmanager
def serving(association: Association) -> Iterator[None]:
    """Serve, for a ``with`` block, what the peer asks over an association that the node opened."""
    dimse = cast("Answers", association.dimse)
    dimse.serves = True
    try:
        yield
    finally:
        dimse.serves = False


@contextmanager
def open_association(
    destination: Destination,
    contexts: list[PresentationContext],
    calling_ae: str,
    timeouts: ScuTimeouts,
    *,
    roles: Sequence[SCP_SCU_RoleSelectionNegotiation] = (),
    handlers: Sequence[EventHandlerType] = (),
) -> Iterator[Association]:
    """Open an association, and release it afterwards.

    ``roles`` are those that the node offers to take besides that of an SCU, ``handlers`` serve
    what the peer then asks for.

    Yields an association without accepted contexts where the peer accepted none: pynetdicom has
    aborted it already, and the caller says so of each object.
    """
    ae = RequestingEntity(calling_ae, connect)
    ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    ae.connection_timeout = timeouts.connection
    ae.acse_timeout = timeouts.acse
    ae.dimse_timeout = timeouts.dimse
    ae.network_timeout = timeouts.network
    connected: list[Event] = []
    rejections: list[str] = []

    def note(event: Event) -> None:
        if isinstance(event.pdu, A_ASSOCIATE_RJ):
            rejections.append(_reason(event.pdu))
        if isinstance(event.pdu, A_ASSOCIATE_RJ | A_ABORT_RQ):
            _make_known(event.pdu)

    try:
        association = ae.associate(
            destination.host,
            destination.port,
            contexts=contexts,
            ae_title=destination.ae_title,
            tls_args=(destination.tls, destination.host) if destination.tls else None,
            ext_neg=list(roles),
            evt_handlers=[
                (evt.EVT_CONN_OPEN, connected.append),
                (evt.EVT_PDU_RECV, note),
                *handlers,
            ],
        )
    except (OSError, UnicodeError) as error:  # a host name that is not known, or is none
        raise ConnectionFailedError(f"{_peer(destination)} cannot be reached: {error}") from error
    try:
        _check(association, destination, rejections, connected=bool(connected))
        yield association
    finally:
        if association.is_established:
            end(association, association.release)


def end(association: Association, way: Callable[[], None]) -> None:
    """Release or abort an association, for no longer than its peer may take to answer.

    pynetdicom waits without limit for its own threads, which wait for the peer. A peer that has
    not answered in time, or answered half, loses the connection.
    """
    patience = (association.acse_timeout or 0.0) + _GRACE_SECONDS
    watch = Timer(patience, _by_force, [association])
    watch.daemon = True
    watch.start()
    try:
        way()
    finally:
        watch.cancel()


def peer_address(association: Association) -> str:
    """Return the IP address at which an association's peer was reached; empty once it is closed."""
    connection = association.dul.socket
    return connection.address_reached if isinstance(connection, ClosingSocket) else ""


def _by_force(association: Association) -> None:
    """Close the connection, which wakes whoever waits for it."""
    connection = association.dul.socket
    if isinstance(connection, ClosingSocket):
        connection.hang_up()
    association.kill()


def _peer(destination: Destination) -> str:
    return f"{destination.ae_title} at {destination.host} port {destination.port}"


def _check(
    association: Association,
    destination: Destination,
    rejections: Sequence[str],
    *,
    connected: bool,
) -> None:
    """Raise the error that says why there is no association.

    What came over the wire is asked, not ``is_rejected``: an association that the peer rejected
    before pynetdicom's own thread looked is called aborted there.
    """
    peer = _peer(destination)
    if association.is_established or association.rejected_contexts:
        return
    if not connected:
        raise ConnectionFailedError(f"{peer} cannot be reached")
    if rejections:
        raise AssociationRejectedError(f"{peer} rejected the association: {rejections[0]}")
    connection = association.dul.socket
    if isinstance(connection, ClosingSocket) and connection.fault is not None:
        raise AssociationAbortedError(f"{peer} answers what is no DICOM: is it the right port?")
    raise AssociationAbortedError(f"{peer} aborted the association, or did not answer in time")


def _reason(rejection: A_ASSOCIATE_RJ) -> str:
    """Say why (PS3.8 Table 9-21), also where that is nothing of the Standard's."""
    try:
        return str(rejection.reason_str)
    except ValueError:
        return f"source {rejection.source}, reason {rejection.reason_diagnostic}"


def _make_known(pdu: A_ASSOCIATE_RJ | A_ABORT_RQ) -> None:
    """Have an end for no reason of the Standard be one without a reason.

    The library's thread would end on it otherwise, and leave the connection open.
    """
    if isinstance(pdu, A_ABORT_RQ):
        pdu.source = pdu.source if pdu.source in _ABORTERS else _SERVICE_PROVIDER
        if pdu.reason_diagnostic not in _WHY_ABORTED:
            pdu.reason_diagnostic = 0
        return
    try:
        pdu.to_primitive()
    except ValueError:
        pdu.result = pdu.source = pdu.reason_diagnostic = 1
