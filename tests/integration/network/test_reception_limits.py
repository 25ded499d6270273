"""A peer that asks too much, or falls silent, is turned away and holds nothing for ever."""

import struct
import threading
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom.uid import UID, ExplicitVRLittleEndian
from pynetdicom import build_context
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    MaximumLengthNotification,
)

from dicom_node.archive.storage import ArchiveSettings
from dicom_node.domain.reception import AssociationEnd
from dicom_node.network.access import Refusal
from dicom_node.network.errors import ReceptionError
from dicom_node.network.events import (
    AssociationClosed,
    AssociationOpened,
    AssociationRefused,
    InstanceReceived,
    ObjectRefused,
)
from dicom_node.network.reactor import Reactor
from dicom_node.network.transport import listen
from tests.peers import dcmtk, node
from tests.peers.node import MODALITY, Reception
from tests.peers.objects import CR_IMAGE, encoded, make_dataset
from tests.peers.process import answers, wait_until
from tests.peers.raw_pdu import (
    ABORT,
    ABORTED,
    RELEASE,
    data_tf,
    echo_rq,
    fragment,
    raw_peer,
    store_rq,
)
from tests.peers.raw_scu import RawScu, associate, hang_up, is_closed_by_peer, raw_scu, tcp


def store(scu: RawScu, number: int = 1, size: int = 24) -> int:
    dataset = make_dataset(number, PixelData=bytes(size))
    status, _ = scu.store(
        encoded(dataset), sop_instance=dataset.SOPInstanceUID, syntax=ExplicitVRLittleEndian
    )
    return status


@pytest.mark.peer
def test_one_association_too_many_is_rejected_for_now(tmp_path: Path) -> None:
    with node.reception(
        tmp_path / "archive", max_associations=2, max_associations_per_entity=2, receivers=2
    ) as running:
        held = [associate(running.peer, MODALITY) for _ in range(2)]
        running.recorder.wait_for(AssociationOpened, 2)

        answer = dcmtk.echoscu(running.peer, calling=MODALITY)

        assert "Rejected Transient" in answer.stderr
        assert "Local Limit Exceeded" in answer.stderr
        (event,) = running.recorder.wait_for(AssociationRefused)
        assert event.refusal is Refusal.TOO_MANY_ASSOCIATIONS
        held[0].release()
        # At once: neither the one refused nor the one released counts any more.
        with raw_scu(running.peer, MODALITY) as scu:
            assert store(scu) == 0x0000
        held[1].release()


def test_released_connections_that_stay_open_are_not_without_limit(tmp_path: Path) -> None:
    """A peer that never closes loses the connections that it has said nothing on for longest."""
    ask = _associate_request(MODALITY)
    release = struct.pack(">BBLL", 0x05, 0, 4, 0)
    limits = {"max_associations": 1, "max_silent_per_address": 4}
    with node.reception(tmp_path / "archive", **limits) as running, ExitStack() as held:
        open_ones = []
        for _ in range(4):
            connection = held.enter_context(tcp(running.peer))
            connection.sendall(ask)
            assert connection.recv(4096)[:1] == b"\x02"
            connection.sendall(release)
            assert connection.recv(64)[:1] == b"\x06"
            open_ones.append(connection)

        with raw_scu(running.peer, MODALITY) as scu:
            assert store(scu) == 0x0000

        assert is_closed_by_peer(open_ones[0])
        held.close()
        counts = running.pool._counts
        wait_until(lambda: sum(counts.connections) == 0, "the connections to be closed")


def _associate_request(calling: str) -> bytes:
    request = A_ASSOCIATE()
    request.application_context_name = "1.2.840.10008.3.1.1.1"
    request.calling_ae_title, request.called_ae_title = calling, node.AE_TITLE
    context = build_context(CR_IMAGE, ExplicitVRLittleEndian)
    context.context_id = 1
    request.presentation_context_definition_list = [context]
    length, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    length.maximum_length_received = 16384
    implementation.implementation_class_uid = UID("1.2.3")
    request.user_information = [length, implementation]
    pdu = A_ASSOCIATE_RQ()
    pdu.from_primitive(request)
    return bytes(pdu.encode())


def test_an_object_over_the_limit_is_refused_without_being_kept_in_memory(tmp_path: Path) -> None:
    with (
        node.reception(tmp_path / "archive", max_object_bytes=100_000) as running,
        raw_scu(running.peer, MODALITY) as scu,
    ):
        assert store(scu, 1, size=200_000) == 0xA701
        assert store(scu, 2, size=50_000) == 0x0000
        (refused,) = running.recorder.wait_for(ObjectRefused)
        assert refused.kept_as is None
        assert len(running.recorder.wait_for(InstanceReceived)) == 1


def test_a_nearly_full_disk_refuses_for_lack_of_resources(tmp_path: Path) -> None:
    def nearly_full(root: Path) -> ArchiveSettings:
        return replace(ArchiveSettings(root=root), min_free_bytes=1 << 62)

    with (
        node.reception(tmp_path / "archive", archive=nearly_full) as running,
        raw_scu(running.peer, MODALITY) as scu,
    ):
        assert store(scu) == 0xA700


def test_an_idle_association_is_closed(tmp_path: Path) -> None:
    with node.reception(tmp_path / "archive", idle_timeout=0.5) as running:
        association = associate(running.peer, MODALITY)
        assert association.is_established

        (closed,) = running.closed()
        hang_up(association)

    assert closed.ended.end is AssociationEnd.TIMED_OUT


def test_a_connection_that_asks_for_nothing_is_closed(tmp_path: Path) -> None:
    with (
        node.reception(tmp_path / "archive", artim_timeout=2.0) as running,
        tcp(running.peer) as connection,
    ):
        assert is_closed_by_peer(connection)
        with raw_scu(running.peer, MODALITY) as scu:
            assert store(scu) == 0x0000


def test_a_peer_that_falls_silent_within_a_pdu_does_not_hold_its_association(
    tmp_path: Path,
) -> None:
    with node.reception(tmp_path / "archive", idle_timeout=2.0, max_associations=1) as running:
        association = associate(running.peer, MODALITY)
        connection = association.dul.socket.socket  # type: ignore[union-attr]
        assert connection is not None
        head = struct.pack(">BBLLBB", 0x04, 0, 10_000, 9_996, 1, 0)
        connection.sendall(head + b"only the beginning")

        (closed,) = running.closed()

        assert closed.ended.end is AssociationEnd.TIMED_OUT
        hang_up(association)
        wait_until(lambda: sum(running.pool._counts.associations) == 0, "the only slot to be free")
        with raw_scu(running.peer, MODALITY) as scu:
            assert store(scu) == 0x0000


@pytest.mark.parametrize(
    "garbage",
    [
        struct.pack(">BBL", 0x01, 0, 0xFFFFFFFF),  # A-ASSOCIATE-RQ of 4 GiB
        struct.pack(">BBL", 0x01, 0, 4) + b"????",
        struct.pack(">BBL", 0x04, 0, 6) + b"\0\0\0\2\1\3",  # P-DATA-TF before any association
        b"GET / HTTP/1.1\r\nHost: node\r\n\r\n",
        b"\0" * 64,
    ],
)
def test_garbage_is_answered_by_closing_the_connection(tmp_path: Path, garbage: bytes) -> None:
    with node.reception(tmp_path / "archive", artim_timeout=2.0, max_associations=1) as running:
        with tcp(running.peer) as connection:
            connection.sendall(garbage)
            assert is_closed_by_peer(connection)

        wait_until(lambda: sum(running.pool._counts.associations) == 0, "the only slot to be free")
        with raw_scu(running.peer, MODALITY) as scu:
            assert store(scu) == 0x0000
        assert len(running.recorder.of(AssociationOpened)) == 1


def test_a_connection_lost_within_an_object_leaves_nothing_behind(reception: Reception) -> None:
    with raw_peer(reception.peer) as peer:
        peer.open()
        peer.send(data_tf(fragment(store_rq(b"1.2.3.4"), of_command=True)))
        peer.send(data_tf(fragment(bytes(10), of_command=False, last=False)))

    (closed,) = reception.closed()

    assert closed.ended.end is AssociationEnd.CONNECTION_LOST
    assert [path for path in reception.archive.root.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("reactor", Reactor)
@pytest.mark.parametrize(
    ("farewell", "end"),
    [
        (ABORT, AssociationEnd.ABORTED),
        (RELEASE, AssociationEnd.PROTOCOL_ERROR),
        (b"", AssociationEnd.CONNECTION_LOST),
    ],
    ids=["abort", "release", "nothing"],
)
def test_an_unfinished_object_holds_no_room_on_the_disk_and_is_no_orderly_end(
    tmp_path: Path, reactor: Reactor, farewell: bytes, end: AssociationEnd
) -> None:
    """A large object that is being written has no name: nobody could remove it."""
    with node.reception(tmp_path / "archive", reactor=reactor) as running:
        (pid,) = running.pool.pids
        with raw_peer(running.peer) as peer:
            peer.open()
            peer.send(data_tf(fragment(store_rq(b"1.2.3.4"), of_command=True)))
            for _ in range(40):
                peer.send(data_tf(fragment(bytes(65_000), of_command=False, last=False)))
            wait_until(lambda: unplaced(pid), "the object to be written")
            peer.send(farewell)

        (closed,) = running.closed()
        assert closed.ended.end is end
        wait_until(lambda: not unplaced(pid), "what has come of it to be gone")


def unplaced(pid: int) -> list[str]:
    """Return the files without a name that a process writes."""
    names = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):  # closed meanwhile
            names.append(str(entry.readlink()))
    return [name for name in names if ".incoming" in name]


def test_requests_sent_without_waiting_for_responses_are_served_in_turn(
    reception: Reception,
) -> None:
    """No asynchronous operations are negotiated, but a peer in a hurry loses nothing."""
    datasets = [make_dataset(number) for number in range(1, 31)]
    with raw_scu(reception.peer, MODALITY) as scu:
        for dataset in datasets:
            scu.send(
                encoded(dataset),
                sop_class=CR_IMAGE,
                sop_instance=dataset.SOPInstanceUID,
                syntax=ExplicitVRLittleEndian,
            )
        for _ in datasets:
            assert scu.association.dimse.get_msg(block=True)[1] is not None
    reception.closed()

    events = reception.recorder.wait_for(InstanceReceived, len(datasets))
    assert [event.instance.header.instance_number for event in events] == list(range(1, 31))


@pytest.mark.parametrize("reactor", Reactor)
def test_what_is_answered_after_the_end_is_dropped(
    tmp_path: Path, reactor: Reactor, caplog: pytest.LogCaptureFixture
) -> None:
    echoes = [fragment(echo_rq(), of_command=True, number=3)] * 20
    with node.reception(tmp_path / "archive", reactor=reactor) as running:
        for _ in range(5):
            with raw_peer(running.peer) as peer:
                peer.open()
                peer.send(data_tf(*echoes, fragment(b"no command", of_command=False)))
                while peer.answer()[0] not in {0, ABORTED}:
                    pass
        running.closed(5)

    assert "message.malformed" in caplog.text
    assert "thread.failed" not in caplog.text


def test_stopping_lets_an_open_association_finish(tmp_path: Path) -> None:
    with node.reception(tmp_path / "archive") as running:
        with raw_scu(running.peer, MODALITY) as scu:
            assert store(scu, 1) == 0x0000
            stopping = threading.Thread(target=running.pool.stop, args=(30.0,))
            stopping.start()
            wait_until(lambda: not answers(running.peer.port), "new connections to be refused")
            assert store(scu, 2) == 0x0000
        stopping.join()

    (closed,) = running.recorder.of(AssociationClosed)
    assert closed.ended.end is AssociationEnd.RELEASED
    assert len(running.recorder.of(InstanceReceived)) == 2


def test_stopping_aborts_what_does_not_finish_in_time(tmp_path: Path) -> None:
    with node.reception(tmp_path / "archive") as running:
        association = associate(running.peer, MODALITY)
        running.recorder.wait_for(AssociationOpened)
        running.pool.stop(graceful_timeout=0.2)
        hang_up(association)

    (closed,) = running.recorder.of(AssociationClosed)
    assert closed.ended.end is AssociationEnd.NODE_STOPPED
    assert association.is_aborted


@pytest.mark.parametrize("reactor", Reactor)
def test_stopping_aborts_a_sender_that_falls_silent_within_an_object(
    tmp_path: Path, reactor: Reactor
) -> None:
    with (
        node.reception(tmp_path / "archive", reactor=reactor) as running,
        raw_peer(running.peer) as peer,
    ):
        peer.open()
        peer.send(data_tf(fragment(store_rq(b"1.2.3.4"), of_command=True)))
        peer.send(data_tf(fragment(bytes(10), of_command=False, last=False)))
        running.recorder.wait_for(AssociationOpened)

        running.pool.stop(graceful_timeout=0.2)

        assert peer.answer()[0] == ABORTED


def test_a_port_that_is_taken_is_said_to_be(tmp_path: Path) -> None:
    with (
        node.reception(tmp_path / "first") as running,
        pytest.raises(ReceptionError, match=str(running.peer.port)),
        node.reception(tmp_path / "second", port=running.peer.port),
    ):
        pytest.fail("two nodes on one port")


def test_a_receiver_that_cannot_start_is_an_error(tmp_path: Path) -> None:
    with (
        pytest.raises(ReceptionError, match="did not start"),
        node.reception(tmp_path / "archive", access=node.no_access),
    ):
        pytest.fail("a node without access control")


def test_an_address_that_is_not_ours_is_an_error() -> None:
    with pytest.raises(ReceptionError, match=r"192\.0\.2\.1"):
        listen("192.0.2.1", 0)
