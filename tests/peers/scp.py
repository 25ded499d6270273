"""An SCP that answers every C-STORE with a status of the test's choice."""

import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.events import Event

from tests.peers.dcmtk import Peer


@dataclass(slots=True)
class AnsweringScp:
    """What it was sent, and what it answers next."""

    peer: Peer
    statuses: list[Dataset]
    associations: int = 0
    released: int = 0
    pause: float = 0.0
    received: list[bytes] = field(default_factory=list)

    def store(self, event: Event) -> Dataset:
        """Take an object and answer with the next status; the last one stays."""
        time.sleep(self.pause)
        self.received.append(event.encoded_dataset(include_meta=False))
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]

    def established(self, _event: Event) -> None:
        """Count an association."""
        self.associations += 1

    def ended(self, _event: Event) -> None:
        """Count one that was released."""
        self.released += 1


@contextmanager
def answering_scp(
    statuses: Sequence[int] = (0x0000,),
    *,
    comment: str = "",
    syntaxes: Sequence[str] = (ExplicitVRLittleEndian,),
    calling: Sequence[str] = (),
    ae_title: str = "ANSWERS",
    pause: float = 0.0,
    tls: ssl.SSLContext | None = None,
) -> Iterator[AnsweringScp]:
    """Run an SCP that accepts some transfer syntaxes, and only some calling AE titles if given.

    It takes ``pause`` seconds for each object.
    """
    ae = AE(ae_title=ae_title)
    ae.require_calling_aet = list(calling)
    # Only senders give up: a busy machine must not look like a peer that does.
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = None
    for context in AllStoragePresentationContexts:
        ae.add_supported_context(str(context.abstract_syntax), list(syntaxes))
    answers = []
    for status in statuses:
        answer = Dataset()
        answer.Status = status
        if comment:
            answer.ErrorComment = comment
        answers.append(answer)
    scp = AnsweringScp(peer=Peer(ae_title=ae_title, port=0), statuses=answers, pause=pause)
    server = ae.start_server(
        ("127.0.0.1", 0),
        block=False,
        ssl_context=tls,
        evt_handlers=[
            (evt.EVT_C_STORE, scp.store),
            (evt.EVT_ESTABLISHED, scp.established),
            (evt.EVT_RELEASED, scp.ended),
        ],
    )
    assert server is not None
    scp.peer = Peer(ae_title=ae_title, port=int(server.server_address[1]))
    try:
        yield scp
    finally:
        server.shutdown()
