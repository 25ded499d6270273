"""An SCU that sends whatever bytes it is given, and one that does not even speak properly."""

import socket
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import pytest
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, build_context, evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.pdu import A_ASSOCIATE_RJ

from tests.peers.dcmtk import Peer
from tests.peers.objects import CR_IMAGE

_SOCKET = "socket_as_opened"


@dataclass(slots=True)
class RawScu:
    """An open association over which any bytes can be sent as a data set."""

    association: Association
    sent: int = 0

    def store(
        self, data: bytes, *, sop_class: str = CR_IMAGE, sop_instance: str, syntax: str
    ) -> tuple[int, str]:
        """Send bytes as the data set of a C-STORE; return status and comment of the response."""
        self.send(data, sop_class=sop_class, sop_instance=sop_instance, syntax=syntax)
        with warnings.catch_warnings(action="ignore"):
            _, response = self.association.dimse.get_msg(block=True)
        if not isinstance(response, C_STORE):
            pytest.fail(f"no response to the C-STORE of {sop_instance}")
        return int(response.Status or 0), response.ErrorComment or ""

    def send(self, data: bytes, *, sop_class: str, sop_instance: str, syntax: str) -> None:
        """Send bytes as the data set of a C-STORE, and do not wait for the response."""
        self.sent += 1
        request: Any = C_STORE()
        request.MessageID = self.sent
        request.Priority = 2
        request.DataSet = BytesIO(data)
        (context,) = (
            each
            for each in self.association.accepted_contexts
            if (each.abstract_syntax, each.transfer_syntax[0]) == (sop_class, syntax)
        )
        with warnings.catch_warnings(action="ignore"):  # some real objects' UIDs are none
            request.AffectedSOPClassUID = sop_class
            request.AffectedSOPInstanceUID = sop_instance
            self.association.dimse.send_msg(request, context.context_id or 0)


def associate(
    peer: Peer,
    calling: str,
    pairs: Sequence[tuple[str, str]] = ((CR_IMAGE, ExplicitVRLittleEndian),),
    patience: float = 30.0,
) -> Association:
    """Ask for an association and return it, whatever became of it."""
    ae = AE(ae_title=calling)
    ae.dimse_timeout = ae.acse_timeout = ae.network_timeout = patience
    contexts = [build_context(sop_class, syntax) for sop_class, syntax in dict.fromkeys(pairs)]
    association = ae.associate(peer.host, peer.port, contexts=contexts, ae_title=peer.ae_title)
    transport = association.dul.socket
    # Kept for `hang_up`: pynetdicom forgets a socket that the peer has reset, and leaves it open.
    vars(association)[_SOCKET] = None if transport is None else transport.socket
    return association


def rejection(
    peer: Peer,
    calling: str,
    pairs: Sequence[tuple[str, str]] = ((CR_IMAGE, ExplicitVRLittleEndian),),
) -> tuple[int, int, int] | None:
    """Ask for an association; return result, source and reason of its rejection, None without one.

    What came over the wire is asked, not ``is_rejected``: pynetdicom's SCU calls an association
    aborted if the peer rejected it and hung up before the SCU's own thread looked.
    """
    received: list[tuple[int, int, int]] = []

    def note(event: evt.Event) -> None:
        if isinstance(event.pdu, A_ASSOCIATE_RJ):
            received.append((event.pdu.result, event.pdu.source, event.pdu.reason_diagnostic))

    ae = AE(ae_title=calling)
    ae.acse_timeout = ae.network_timeout = 30
    contexts = [build_context(sop_class, syntax) for sop_class, syntax in dict.fromkeys(pairs)]
    association = ae.associate(
        peer.host,
        peer.port,
        contexts=contexts,
        ae_title=peer.ae_title,
        evt_handlers=[(evt.EVT_PDU_RECV, note)],
    )
    if association.is_established:
        association.abort()
    return received[0] if received else None


def hang_up(association: Association) -> None:
    """Release an association, or give up what is left of it; pynetdicom leaves the socket open."""
    association._reactor_checkpoint.set()
    if association.is_established:
        association.release()
    association.join()
    opened: socket.socket | None = vars(association).get(_SOCKET)
    transport = association.dul.socket
    for each in (opened, None if transport is None else transport.socket):
        if each is not None:
            each.close()


@contextmanager
def raw_scu(
    peer: Peer,
    calling: str,
    pairs: Sequence[tuple[str, str]] = ((CR_IMAGE, ExplicitVRLittleEndian),),
    patience: float = 30.0,
) -> Iterator[RawScu]:
    """Open an association for some SOP Class and transfer syntax pairs.

    ``patience`` are the seconds for which a response is waited for.
    """
    association = associate(peer, calling, pairs, patience)
    if not association.is_established:
        pytest.fail("the association was not accepted")
    # As pynetdicom's own send_c_store does: its reactor must not take the responses.
    association._reactor_checkpoint.clear()
    try:
        yield RawScu(association)
    finally:
        hang_up(association)


@contextmanager
def tcp(peer: Peer, timeout: float = 30.0) -> Iterator[socket.socket]:
    """Open a bare connection."""
    with socket.create_connection((peer.host, peer.port), timeout=timeout) as connection:
        yield connection


def is_closed_by_peer(connection: socket.socket) -> bool:
    """Wait for the peer to close the connection; ``False`` when it does not within the timeout."""
    try:
        while connection.recv(4096):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return True
