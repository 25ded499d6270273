"""Objects are written as the library would send them, and every end on the way is told."""

import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.events import Event
from pynetdicom.pdu import P_DATA_TF

from dicom_node.network.associations import Destination, ScuTimeouts
from dicom_node.network.requesting import RequestingSocket
from dicom_node.network.storage_scu import store
from dicom_node.network.store_outcome import OutcomeKind
from tests.peers.objects import CR_IMAGE, make_dataset, write_part10
from tests.peers.raw_pdu import DATA, RELEASE, accepted_peer

PATIENT = ScuTimeouts(connection=60, acse=120, dimse=120, network=120)
LARGE = 700_000


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """One that takes several writes, and no whole number of fragments."""
    pixels = bytes(range(256)) * (LARGE // 256)
    dataset = make_dataset(Rows=len(pixels) // 256, Columns=256, PixelData=pixels)
    return write_part10(tmp_path / "image.dcm", dataset)


@contextmanager
def listening(longest: int) -> Iterator[tuple[Destination, list[bytes]]]:
    """Take objects in PDUs of a length; yield where, and the P-DATA-TFs that come."""
    heard: list[bytes] = []

    def note(event: Event) -> None:
        if isinstance(event.pdu, P_DATA_TF):
            heard.append(event.pdu.encode())

    ae = AE(ae_title="HEARS")
    ae.maximum_pdu_size = longest
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = None
    ae.add_supported_context(CR_IMAGE, ExplicitVRLittleEndian)
    handlers = [(evt.EVT_C_STORE, lambda _event: 0), (evt.EVT_PDU_RECV, note)]
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    assert server is not None
    port = int(server.server_address[1])
    try:
        yield Destination(ae_title="HEARS", host="127.0.0.1", port=port), heard
    finally:
        server.shutdown()


def sent(paths: Sequence[Path], longest: int) -> list[bytes]:
    with listening(longest) as (destination, heard):
        outcomes = store(paths, destination, timeouts=PATIENT)
    assert all(each.kind is OutcomeKind.STORED for each in outcomes)
    return heard


@pytest.mark.parametrize("longest", [0, 4096, 16_382, 300_000])
def test_the_pdus_are_those_of_the_library(
    image: Path, longest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = write_part10(image.with_name("small.dcm"), make_dataset(2))
    written = sent([image, small], longest)
    monkeypatch.setattr(RequestingSocket, "takes_writers", False)
    assert written == sent([image, small], longest)
    assert len(written) >= (LARGE // longest if longest else 4)


@contextmanager
def leaving(last_words: bytes) -> Iterator[Destination]:
    """Accept an association, and leave in the middle of the first object."""

    def accept(listener: socket.socket) -> None:
        peer = accepted_peer(listener)
        with peer.connection:
            assert peer.answer()[0] == DATA
            peer.send(last_words)
            while last_words and peer.answer()[0]:
                pass
            # With what has come and was not read, this resets the connection.

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, args=(listener,))
        thread.start()
        port = int(listener.getsockname()[1])
        yield Destination(ae_title="LEAVES", host="127.0.0.1", port=port)
        thread.join(60)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    "last_words",
    [b"", struct.pack(">BBLBBBB", 7, 0, 4, 0, 0, 0, 0), RELEASE],
    ids=["none", "abort", "release"],
)
def test_a_peer_that_leaves_amid_an_object_has_not_stored_it(
    tmp_path: Path, last_words: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    pixels = bytes(8 << 20)  # more than connections hold of what nobody has read
    dataset = make_dataset(Rows=len(pixels) // 1024, Columns=1024, PixelData=pixels)
    path = write_part10(tmp_path / "image.dcm", dataset)
    with leaving(last_words) as destination:
        outcomes = store([path, path], destination, timeouts=PATIENT)
    assert [each.kind for each in outcomes] == [OutcomeKind.NOT_SENT] * 2
    assert "Traceback" not in capfd.readouterr().err
