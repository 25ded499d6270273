"""What is sent arrives byte by byte, and every failure is told apart."""

import socket
import struct
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    EncapsulatedPDFStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    generate_uid,
)
from pynetdicom import AllStoragePresentationContexts, build_context
from pynetdicom.association import Association

from dicom_node.domain.peer_words import peer_words
from dicom_node.network.associations import Destination, ScuTimeouts, open_association
from dicom_node.network.errors import (
    AssociationAbortedError,
    AssociationError,
    AssociationRejectedError,
    ConnectionFailedError,
)
from dicom_node.network.sender import StorageSender
from dicom_node.network.storage_scu import echo, storage_line, store
from dicom_node.network.store_outcome import OutcomeKind, StoreOutcome
from dicom_node.workflow.delivery.ports import Outcome
from tests.peers import dcmtk
from tests.peers.data import dicom_files
from tests.peers.dcmtk import Peer
from tests.peers.node import MODALITY, Reception
from tests.peers.objects import CR_IMAGE, dataset_bytes, make_dataset, write_part10
from tests.peers.process import free_port, wait_until
from tests.peers.raw_pdu import (
    ABORTED,
    DATA,
    RELEASE,
    RELEASED,
    broken_acceptor,
    command,
    lax_acceptor,
    nonsense_acceptor,
    rejecting_acceptor,
    releasing_acceptor,
    short,
)
from tests.peers.scp import answering_scp
from tests.unit.builders import an_entity

# A busy machine may take its time; what waits in vain has limits of its own.
PATIENT = ScuTimeouts(connection=60, acse=120, dimse=120, network=120)


def to(peer: Peer) -> Destination:
    return Destination(ae_title=peer.ae_title, host=peer.host, port=peer.port)


def kinds(outcomes: Sequence[StoreOutcome]) -> list[OutcomeKind]:
    return [outcome.kind for outcome in outcomes]


@pytest.fixture
def objects(tmp_path: Path) -> list[Path]:
    return [write_part10(tmp_path / f"{number}.dcm", make_dataset(number)) for number in (1, 2, 3)]


@pytest.mark.peer
def test_dcmtk_receives_every_real_object_byte_by_byte(
    dcmtk_storescp: dcmtk.StoreScp,
) -> None:
    sources = dicom_files("received")

    outcomes = store(sources, to(dcmtk_storescp.peer), timeouts=PATIENT)

    assert kinds(outcomes) == [OutcomeKind.STORED] * len(sources)
    assert [outcome.path for outcome in outcomes] == sources
    sent = {outcome.sop_instance_uid: dataset_bytes(outcome.path) for outcome in outcomes}
    arrived = {
        str(dcmread(path, stop_before_pixels=True).SOPInstanceUID): dataset_bytes(path)
        for path in dcmtk_storescp.files()
    }
    assert arrived.keys() == sent.keys()
    for uid, data in sent.items():
        # One real object lacks the byte that pads its pixel data to an even length.
        padded = len(data) % 2 == 1
        assert arrived[uid] == data or (padded and len(arrived[uid]) == len(data) + 1)


def test_the_node_receives_what_the_node_sends(reception: Reception) -> None:
    sources = dicom_files("received")

    outcomes = store(sources, to(reception.peer), calling_ae=MODALITY, timeouts=PATIENT)

    assert kinds(outcomes) == [OutcomeKind.STORED] * len(sources)


@pytest.mark.peer
def test_a_peer_that_takes_only_the_default_syntax_gets_that(
    tmp_path: Path, objects: list[Path]
) -> None:
    compressed = [path for path in dicom_files("received") if "j2k" in path.name][:1]
    with dcmtk.storescp(tmp_path / "peer", options=["+xi"]) as peer:
        outcomes = store([*objects, *compressed], to(peer.peer), timeouts=PATIENT)
        (first, *_) = peer.files()
        received = dcmread(first)

    assert kinds(outcomes) == [OutcomeKind.STORED] * 3 + [OutcomeKind.NO_CONTEXT]
    assert not outcomes[-1].retryable
    assert "1.2.840.10008.1.2.4.9" in outcomes[-1].comment
    assert received.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
    assert received.PixelData == make_dataset().PixelData


def test_a_peer_that_accepts_nothing_says_so_for_each_object(objects: list[Path]) -> None:
    with answering_scp(syntaxes=["1.2.840.10008.1.2.4.50"]) as scp:
        outcomes = store(objects, to(scp.peer))

    assert kinds(outcomes) == [OutcomeKind.NO_CONTEXT] * 3
    assert not any(outcome.retryable or outcome.stored for outcome in outcomes)


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (0x0000, OutcomeKind.STORED, False),
        (0xB000, OutcomeKind.STORED_WITH_WARNING, False),
        (0xB007, OutcomeKind.STORED_WITH_WARNING, False),
        (0xA700, OutcomeKind.REFUSED, True),
        (0x0110, OutcomeKind.REFUSED, True),
        (0xA900, OutcomeKind.REFUSED, False),
        (0xC000, OutcomeKind.REFUSED, True),
        (0xC001, OutcomeKind.REFUSED, True),
        (0x0122, OutcomeKind.REFUSED, False),
        (0x0111, OutcomeKind.STORED_BEFORE, False),
    ],
)
def test_each_status_has_its_outcome(
    objects: list[Path], status: int, kind: OutcomeKind, retryable: bool
) -> None:
    with answering_scp([0x0000, status], comment="because") as scp:
        outcomes = store(objects[:2], to(scp.peer), timeouts=PATIENT)

    assert outcomes[0].kind is OutcomeKind.STORED
    assert outcomes[1].kind is kind
    assert outcomes[1].status == status
    assert outcomes[1].comment == peer_words("because")
    assert outcomes[1].retryable is retryable
    assert outcomes[1].stored is (kind is not OutcomeKind.REFUSED)


@pytest.mark.parametrize(
    ("status", "remark"), [(0x0000, ""), (0xB006, "stored with a warning status 0xB006")]
)
def test_what_a_peer_did_not_store_as_it_was_sent_is_said(
    objects: list[Path], status: int, remark: str
) -> None:
    with answering_scp([status], comment="because") as scp:
        sender = StorageSender(
            ae_title="AINODE",
            timeouts=PATIENT,
            path_of=Path,
            address=lambda _: to(scp.peer),
        )
        with sender.connect(an_entity("PACS"), [str(objects[0])]) as line:
            (one,) = line.send([str(objects[0])])
    assert one.outcome is Outcome.STORED
    assert remark in one.remark
    assert bool(one.remark) is bool(remark)


def test_what_is_no_part_10_file_is_said_to_be_unreadable(
    tmp_path: Path, objects: list[Path]
) -> None:
    text = tmp_path / "readme.txt"
    text.write_text("not DICOM")
    with answering_scp() as scp:
        outcomes = store(
            [text, objects[0], tmp_path / "absent.dcm"], to(scp.peer), timeouts=PATIENT
        )

    assert kinds(outcomes) == [
        OutcomeKind.UNREADABLE,
        OutcomeKind.STORED,
        OutcomeKind.UNREADABLE,
    ]
    assert [outcome.path for outcome in outcomes] == [text, objects[0], tmp_path / "absent.dcm"]


def test_nothing_to_send_needs_no_association(tmp_path: Path) -> None:
    nowhere = Destination(ae_title="NOWHERE", host="127.0.0.1", port=free_port())

    assert store([], nowhere) == ()
    assert kinds(store([tmp_path / "absent.dcm"], nowhere)) == [OutcomeKind.UNREADABLE]


def test_more_than_128_contexts_take_more_than_one_association(tmp_path: Path) -> None:
    classes = [str(each.abstract_syntax) for each in AllStoragePresentationContexts][:80]
    paths = [
        write_part10(
            tmp_path / f"{number}.dcm",
            make_dataset(number, SOPClassUID=sop_class, SOPInstanceUID=generate_uid()),
        )
        for number, sop_class in enumerate(classes)
    ]
    with answering_scp() as scp:
        outcomes = store(paths, to(scp.peer), timeouts=PATIENT)
        associations = scp.associations

    assert all(outcome.stored for outcome in outcomes)
    assert [outcome.path for outcome in outcomes] == paths
    assert associations == 2


@pytest.mark.peer
@pytest.mark.parametrize("option", ["--abort-during", "--abort-after"])
def test_an_association_lost_on_the_way_leaves_the_rest_to_be_sent_again(
    tmp_path: Path, objects: list[Path], option: str
) -> None:
    with dcmtk.storescp(tmp_path / "peer", options=["+xa", option]) as peer:
        outcomes = store(objects, to(peer.peer))

    assert outcomes[-1].kind is OutcomeKind.NOT_SENT
    assert all(outcome.retryable or outcome.stored for outcome in outcomes)


def test_a_peer_that_is_not_there_cannot_be_reached(objects: list[Path]) -> None:
    nowhere = Destination(ae_title="NOWHERE", host="127.0.0.1", port=free_port())

    with pytest.raises(ConnectionFailedError, match="NOWHERE"):
        store(objects, nowhere)


@pytest.mark.parametrize("host", ["pacs.hospital.invalid", f"{'a' * 70}.local"])
def test_a_peer_whose_name_is_not_known_cannot_be_reached(
    objects: list[Path], host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve = socket.getaddrinfo

    def unknown(name: str | None, *args: Any, **kwargs: Any) -> Any:
        if name == "pacs.hospital.invalid":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(name, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    nowhere = Destination(ae_title="NOWHERE", host=host, port=104)

    with pytest.raises(ConnectionFailedError, match=f"NOWHERE at {host} port 104"):
        store(objects, nowhere)


def test_an_object_that_cannot_be_encoded_does_not_hold_back_the_others(
    tmp_path: Path, objects: list[Path]
) -> None:
    dataset = make_dataset(4)
    dataset.ensure_file_meta()
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    damaged = tmp_path / "damaged.dcm"
    dataset.save_as(damaged, enforce_file_format=True)
    damaged.write_bytes(damaged.read_bytes()[:-60] + bytes(60))
    with answering_scp(syntaxes=[ImplicitVRLittleEndian]) as scp:
        outcomes = store([damaged, *objects], to(scp.peer), timeouts=PATIENT)

    assert kinds(outcomes) == [OutcomeKind.NOT_ENCODED] + [OutcomeKind.STORED] * 3
    assert "cannot be encoded" in outcomes[0].comment
    assert not outcomes[0].retryable


def test_an_object_whose_file_goes_away_is_to_be_sent_again(
    objects: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    send = Association.send_c_store

    def away(association: Association, dataset: Path, **kwargs: Any) -> Dataset:
        dataset.unlink()
        return send(association, dataset, **kwargs)

    monkeypatch.setattr(Association, "send_c_store", away)
    with answering_scp() as scp:
        outcomes = store(objects, to(scp.peer), timeouts=PATIENT)

    assert kinds(outcomes) == [OutcomeKind.NOT_SENT] * 3
    assert "cannot be read" in outcomes[0].comment
    assert all(outcome.retryable for outcome in outcomes)


class NoCheckpoint:
    """A checkpoint that stops nobody: pynetdicom's reactor looks around all the time."""

    def set(self) -> None:
        """Do nothing."""

    def clear(self) -> None:
        """Do nothing."""

    def wait(self) -> None:
        """Give the sender a moment to see that the reactor is pausing."""
        time.sleep(0.002)


def test_an_answer_is_the_senders_alone(
    objects: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = property(lambda _: NoCheckpoint(), lambda *_: None)
    monkeypatch.setattr(Association, "_reactor_checkpoint", checkpoint, raising=False)
    with answering_scp() as scp:
        outcomes = store(objects * 20, to(scp.peer), timeouts=ScuTimeouts(dimse=10))

    assert kinds(outcomes) == [OutcomeKind.STORED] * 60


def test_a_peer_that_does_not_know_us_says_so(reception: Reception, objects: list[Path]) -> None:
    with pytest.raises(AssociationRejectedError, match=r"Calling AE title not recognised"):
        store(objects, to(reception.peer), calling_ae="STRANGER")


@pytest.mark.peer
def test_a_peer_that_refuses_everybody_is_told_apart(tmp_path: Path, objects: list[Path]) -> None:
    """However fast it is: pynetdicom calls one in five of these associations aborted."""
    with dcmtk.storescp(tmp_path / "peer", options=["--refuse"]) as peer:
        for _ in range(40):
            with pytest.raises(AssociationRejectedError):
                store(objects, to(peer.peer))


def test_a_peer_that_does_not_answer_is_given_up(objects: list[Path]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        peer = Destination(ae_title="SILENT", host="127.0.0.1", port=silent.getsockname()[1])
        with pytest.raises(AssociationAbortedError):
            # Long enough to connect, or there would be nobody who does not answer.
            store(objects, peer, timeouts=ScuTimeouts(acse=2))


def test_echo_measures_the_round_trip(reception: Reception) -> None:
    begun = time.perf_counter()
    measured = echo(to(reception.peer), calling_ae=MODALITY, timeouts=PATIENT)
    assert 0 < measured < time.perf_counter() - begun


def test_echo_to_a_peer_without_verification_is_an_error() -> None:
    with answering_scp() as scp, pytest.raises(AssociationError, match="verification"):
        echo(to(scp.peer))


def test_a_peer_that_says_no_maximum_length_and_more_than_anybody_knows_is_sent_to(
    tmp_path: Path,
) -> None:
    """PS3.8 Section 9.3.1: unknown items are skipped; Annex D.1: without a length, no limit."""
    path = write_part10(tmp_path / "image.dcm", make_dataset(PixelData=bytes(200_000)))
    with lax_acceptor() as port:
        peer = Destination(ae_title="LAX", host="127.0.0.1", port=port)

        (outcome,) = store([path], peer)

    assert outcome.stored


def success(field: int, *, to: int) -> bytes:
    """Return a response without a data set, and with Status 0000."""
    said = {0x0100: field, 0x0120: to, 0x0800: 0x0101, 0x0900: 0}
    return command({number: short(value) for number, value in said.items()})


@pytest.mark.parametrize(
    "fragment",
    [
        pytest.param(b"\xde\xad\xbe\xef" * 20, id="noise"),
        pytest.param(b"", id="nothing"),
        pytest.param(command({0x0900: short(0)}), id="no command field"),
        pytest.param(command({0x0100: short(0x7777), 0x0800: short(0x0101)}), id="no such command"),
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", id="another protocol"),
        pytest.param(success(0x8001, to=777), id="success of another message"),
        pytest.param(success(0x8020, to=1), id="success of another service"),
    ],
)
def test_a_peer_that_answers_nonsense_is_left_at_once(
    fragment: bytes, objects: list[Path], capfd: pytest.CaptureFixture[str]
) -> None:
    """Nobody waits for an answer that cannot come, and no exception of a library is the answer."""
    begun = time.monotonic()
    with nonsense_acceptor(fragment) as port:
        peer = Destination(ae_title="NONSENSE", host="127.0.0.1", port=port)
        (outcome, *_) = store(objects[:1], peer, timeouts=PATIENT)
    assert not outcome.stored
    assert time.monotonic() - begun < PATIENT.dimse
    assert "Traceback" not in capfd.readouterr().err


HTTP = b"HTTP/1.1 400 Bad Request\r\n\r\n"
# PS3.8 Table 9-26: who aborts (2: the provider), and why
UNRECOGNIZED, INVALID, UNSAID = (
    bytes((ABORTED, 2, 1)),
    bytes((ABORTED, 2, 6)),
    bytes((ABORTED, 2, 0)),
)


@pytest.mark.parametrize("accepts", [True, False])
@pytest.mark.parametrize(
    ("pdu", "reason"),
    [
        pytest.param(b"\xde\xad\xbe\xef" * 64, UNRECOGNIZED, id="noise"),
        pytest.param(HTTP, UNRECOGNIZED, id="another protocol"),
        pytest.param(struct.pack(">BBL", 0x55, 0, 4) + b"half", UNRECOGNIZED, id="no such type"),
        pytest.param(struct.pack(">BBL", DATA, 0, 0xFFFFFFF0), INVALID, id="4 GiB of data"),
        pytest.param(struct.pack(">BBL", 3, 0, 0xFFFFFFF0), INVALID, id="a rejection of 4 GiB"),
        pytest.param(struct.pack(">BBLL", 6, 0, 4, 0), UNSAID, id="an answer to no release"),
    ],
)
def test_a_peer_that_sends_no_pdu_is_left_at_once_and_told_why(
    pdu: bytes, reason: bytes, accepts: bool, objects: list[Path], capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither the rest of what is broken is waited for, nor an answer, nor the peer's closing."""
    begun = time.monotonic()
    with broken_acceptor(pdu, accepts=accepts) as (port, heard):
        peer = Destination(ae_title="BROKEN", host="127.0.0.1", port=port)
        if accepts:
            (outcome, *_) = store(objects[:1], peer, timeouts=PATIENT)
            assert outcome.kind is OutcomeKind.NOT_SENT
        else:
            with pytest.raises(AssociationAbortedError, match=r"aborted|no DICOM") as left:
                store(objects[:1], peer, timeouts=PATIENT)
            assert ("no DICOM" in str(left.value)) is (reason != UNSAID)
    assert time.monotonic() - begun < PATIENT.connection
    assert heard == [reason]
    assert "Traceback" not in capfd.readouterr().err


def test_a_peer_that_asks_for_release_instead_of_answering_is_not_waited_for(
    objects: list[Path],
) -> None:
    begun = time.monotonic()
    with broken_acceptor(RELEASE, accepts=True) as (port, _):
        peer = Destination(ae_title="TIRED", host="127.0.0.1", port=port)
        (outcome, *_) = store(objects[:1], peer, timeouts=PATIENT)
    assert outcome.kind is OutcomeKind.NOT_SENT
    assert time.monotonic() - begun < PATIENT.connection


def test_a_release_that_the_peer_asked_for_first_is_answered_and_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A PACS may end what has been idle at the moment at which the node ends it.

    The library's own thread answers such a release, unless it pauses for the node's just then.
    """
    begun = time.monotonic()
    with releasing_acceptor() as (port, is_time, heard):
        peer = Destination(ae_title="TIRED", host="127.0.0.1", port=port)
        contexts = [build_context(CR_IMAGE, ExplicitVRLittleEndian)]
        with open_association(peer, contexts, "AINODE", PATIENT) as association:
            monkeypatch.setattr(association.acse, "is_release_requested", lambda: False)
            is_time.set()
            machine = association.dul.state_machine
            wait_until(lambda: machine.current_state == "Sta8", "the peer to ask for release")
        assert association.is_released
    assert heard == [RELEASED]
    assert time.monotonic() - begun < PATIENT.acse


def test_a_peer_that_rejects_for_no_reason_of_the_standard_has_rejected(
    objects: list[Path],
) -> None:
    with rejecting_acceptor(source=9, reason=99) as port:
        peer = Destination(ae_title="ODD", host="127.0.0.1", port=port)
        with pytest.raises(AssociationRejectedError, match="source 9, reason 99"):
            store(objects[:1], peer, timeouts=PATIENT)


def test_many_files_go_over_one_line_and_other_kinds_need_another(
    tmp_path: Path, objects: list[Path]
) -> None:
    other = write_part10(
        tmp_path / "other.dcm",
        make_dataset(9, SOPClassUID=str(EncapsulatedPDFStorage), SOPInstanceUID=generate_uid()),
    )
    with answering_scp() as scp:
        with storage_line(objects[:1], to(scp.peer), timeouts=PATIENT) as line:
            assert line.carries(objects)
            assert not line.carries([other])
            outcomes = [outcome for each in objects for outcome in line.store([each])]
        associations = scp.associations

    assert kinds(outcomes) == [OutcomeKind.STORED] * 3
    assert associations == 1


def test_a_line_that_was_lost_carries_nothing_more(objects: list[Path]) -> None:
    with answering_scp() as scp, storage_line(objects, to(scp.peer), timeouts=PATIENT) as line:
        line._association.abort()
        assert not line.carries(objects)
        assert kinds(line.store(objects)) == [OutcomeKind.NOT_SENT] * 3


def test_a_line_for_files_that_are_not_there_shows_that_the_peer_is(tmp_path: Path) -> None:
    absent = tmp_path / "absent.dcm"
    with answering_scp() as scp, storage_line([absent], to(scp.peer), timeouts=PATIENT) as line:
        (outcome,) = line.store([absent])

    assert outcome.kind is OutcomeKind.UNREADABLE
    assert outcome.retryable, "the archive may have been away"
