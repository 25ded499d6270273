"""A user of storage commitment: asks a node, and takes the result wherever it comes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition
from typing import Any, cast

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE, build_role, evt
from pynetdicom.association import Association
from pynetdicom.events import Event

from tests.peers.dcmtk import Peer

PUSH_MODEL, INSTANCE = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"
_WAIT_SECONDS = 60.0


def reference(sop_class: str, uid: str) -> Dataset:
    """Return an item that refers to an instance."""
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class
    item.ReferencedSOPInstanceUID = uid
    return item


def request(*references: Dataset, transaction: str = "") -> Dataset:
    """Return the information of a request."""
    information = Dataset()
    information.TransactionUID = transaction or generate_uid()
    information.ReferencedSOPSequence = Sequence(references)
    return information


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A result that came: over an association that the SCU opened (``same``), or over another."""

    event_type: int
    committed: frozenset[str]
    failed: dict[str, int]
    same: bool


@dataclass(slots=True)
class Results:
    """The results that came, by Transaction UID, and what they are answered with."""

    status: int = 0x0000
    told: dict[str, Told] = field(default_factory=dict)
    changed: Condition = field(default_factory=Condition)

    def take(self, event: Event) -> tuple[int, None]:
        """Take a result."""
        information = event.event_information
        told = Told(
            event_type=int(cast("Any", event.request).EventTypeID),
            committed=frozenset(
                str(each.ReferencedSOPInstanceUID)
                for each in information.get("ReferencedSOPSequence") or ()
            ),
            failed={
                str(each.ReferencedSOPInstanceUID): int(each.FailureReason)
                for each in information.get("FailedSOPSequence") or ()
            },
            same=event.assoc.is_requestor,
        )
        with self.changed:
            if self.status == 0:
                self.told[str(information.TransactionUID)] = told
            self.changed.notify_all()
        return self.status, None

    def wait_for(self, transaction: str) -> Told:
        """Wait for the result of a transaction."""
        with self.changed:
            if not self.changed.wait_for(lambda: transaction in self.told, _WAIT_SECONDS):
                pytest.fail("no result of a commitment after a long wait")
        return self.told[transaction]


@contextmanager
def listening(results: Results, ae_title: str, *, port: int = 0) -> Iterator[int]:
    """Take results over associations that the node opens; yields the port."""
    ae = AE(ae_title=ae_title)
    ae.add_supported_context(PUSH_MODEL, scu_role=False, scp_role=True)
    server = ae.start_server(
        ("127.0.0.1", port),
        block=False,
        evt_handlers=[(evt.EVT_N_EVENT_REPORT, results.take)],
    )
    assert server is not None
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()


@contextmanager
def asking(node: Peer, ae_title: str, results: Results | None = None) -> Iterator[Association]:
    """Open an association to ask over; results that come over it go to ``results``."""
    ae = AE(ae_title=ae_title)
    ae.add_requested_context(PUSH_MODEL, ExplicitVRLittleEndian)
    handlers = [(evt.EVT_N_EVENT_REPORT, results.take)] if results is not None else []
    association = ae.associate(node.host, node.port, ae_title=node.ae_title, evt_handlers=handlers)
    yield association
    if association.is_established:
        association.release()


def ask(
    association: Association, information: Dataset | None, *, action: int = 1, uid: str = INSTANCE
) -> tuple[int, str]:
    """Ask for commitment; return status and comment of the answer."""
    status, _ = association.send_n_action(information, action, PUSH_MODEL, uid)
    return int(status.Status), str(status.get("ErrorComment", ""))


def scp_role() -> Any:
    """Return the role of whoever brings results."""
    return build_role(PUSH_MODEL, scp_role=True)
