"""A destination that commits over the association that asked, or answers what a test wants."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.events import Event

from tests.peers.commitment_scu import INSTANCE, PUSH_MODEL
from tests.peers.dcmtk import Peer


@dataclass(slots=True)
class CommittingScp:
    """What it was asked, and whether it is silent, refuses, or commits at once."""

    peer: Peer
    status: int = 0x0000
    is_silent: bool = False
    hung_up: threading.Event = field(default_factory=threading.Event)
    asked: list[Sequence[str]] = field(default_factory=list)

    def action(self, event: Event) -> tuple[int, None]:
        """Take a request, and report on it from another thread once it is answered."""
        if self.is_silent:
            self.hung_up.wait(60)
            return 0x0110, None
        information = event.action_information
        self.asked.append(
            [str(each.ReferencedSOPInstanceUID) for each in information.ReferencedSOPSequence]
        )
        if self.status == 0:
            threading.Thread(target=self._report, args=(event, information), daemon=True).start()
        return self.status, None

    def _report(self, event: Event, information: Dataset) -> None:
        result = Dataset()
        result.TransactionUID = information.TransactionUID
        result.ReferencedSOPSequence = information.ReferencedSOPSequence
        event.assoc.send_n_event_report(result, 1, PUSH_MODEL, INSTANCE)


@contextmanager
def committing_scp(ae_title: str = "COMMITS") -> Iterator[CommittingScp]:
    """Run one on a free port."""
    ae = AE(ae_title=ae_title)
    ae.add_supported_context(PUSH_MODEL)
    scp = CommittingScp(peer=Peer(ae_title=ae_title, port=0))
    server = ae.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_N_ACTION, scp.action)]
    )
    assert server is not None
    scp.peer = Peer(ae_title=ae_title, port=int(server.server_address[1]))
    try:
        yield scp
    finally:
        scp.hung_up.set()
        server.shutdown()
