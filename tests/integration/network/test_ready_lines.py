"""Associations that are opened before there is anything to send."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydicom.uid import EncapsulatedPDFStorage, generate_uid

from dicom_node.network.associations import Destination, ScuTimeouts
from dicom_node.network.errors import ConnectionFailedError
from dicom_node.network.pace import Pace
from dicom_node.network.ready_lines import ReadyLines
from dicom_node.network.sender import StorageSender
from dicom_node.network.storage_scu import StorageLine, Way, storage_line
from dicom_node.workflow.delivery.ports import DestinationAwayError, Outcome
from tests.peers.dcmtk import Peer
from tests.peers.objects import make_dataset, write_part10
from tests.peers.process import free_port, wait_until
from tests.peers.scp import AnsweringScp, answering_scp
from tests.unit.builders import an_entity

PATIENT = ScuTimeouts(connection=60, acse=120, dimse=120, network=120)
PACS = an_entity("PACS")
# Longer than any machine takes to come for it.
LONG = 600.0


def to(peer: Peer) -> Destination:
    return Destination(ae_title=peer.ae_title, host=peer.host, port=peer.port)


def sender_to(peer: Peer) -> StorageSender:
    return StorageSender(
        ae_title="AINODE",
        timeouts=PATIENT,
        path_of=Path,
        address=lambda _: to(peer),
        ready_lines=ReadyLines(kept_seconds=LONG),
    )


def sent(sender: StorageSender, path: Path) -> Outcome:
    with sender.connect(PACS, [str(path)]) as line:
        (one,) = line.send([str(path)])
    return one.outcome


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    return [write_part10(tmp_path / f"{number}.dcm", make_dataset(number)) for number in (1, 2, 3)]


def test_what_is_expected_goes_over_the_association_that_was_opened_for_it(
    images: list[Path],
) -> None:
    with answering_scp() as scp:
        sender = sender_to(scp.peer)
        sender.expect(PACS)
        assert sent(sender, images[0]) is Outcome.STORED
        assert scp.associations == 1, "of what goes there nothing was known yet"
        sender.expect(PACS)
        sender.expect(PACS)
        wait_until(lambda: scp.associations == 2, "the association")
        assert sent(sender, images[1]) is Outcome.STORED
        assert scp.associations == 2
        assert sent(sender, images[2]) is Outcome.STORED
        assert scp.associations == 3, "each is given once"
        assert len(scp.received) == 3


def test_objects_of_other_kinds_go_over_another_one(tmp_path: Path, images: list[Path]) -> None:
    page = make_dataset(9, SOPClassUID=str(EncapsulatedPDFStorage), SOPInstanceUID=generate_uid())
    other = write_part10(tmp_path / "other.dcm", page)
    with answering_scp() as scp:
        sender = sender_to(scp.peer)
        assert sent(sender, images[0]) is Outcome.STORED
        sender.expect(PACS)
        assert sent(sender, other) is Outcome.STORED
        assert sent(sender, images[1]) is Outcome.STORED


def test_a_peer_is_asked_something_else_when_what_was_opened_ahead_is_released(
    images: list[Path],
) -> None:
    """Some peers take one association at a time."""
    with answering_scp() as scp:
        sender = sender_to(scp.peer)
        assert sent(sender, images[0]) is Outcome.STORED
        sender.expect(PACS)
        wait_until(lambda: scp.associations == 2, "the association")
        sender.forgo(to(scp.peer))
        wait_until(lambda: scp.released == 2, "its release")
        sender.forgo(to(scp.peer))
        assert sent(sender, images[1]) is Outcome.STORED
        assert scp.associations == 3


def test_none_is_opened_beside_the_one_that_something_goes_over(images: list[Path]) -> None:
    with answering_scp() as scp:
        sender = sender_to(scp.peer)
        for number, image in enumerate(images, start=1):
            with sender.connect(PACS, [str(image)]) as line:
                sender.expect(PACS)
                assert line.send([str(image)])[0].outcome is Outcome.STORED
            sender.forgo(to(scp.peer))
            assert scp.associations == number


def test_whoever_sends_tells_the_pace_where_the_peer_was_reached(images: list[Path]) -> None:
    """Another thread may have opened the association while this one reckoned with the pace."""
    pace = Pace()
    with (
        answering_scp() as scp,
        storage_line(images, to(scp.peer), timeouts=PATIENT, way=Way(pace=pace)) as line,
    ):
        assert not pace.is_near
        line.store(images)
        assert pace.is_near


def test_one_that_cannot_be_opened_for_whatever_reason_is_in_nobodys_way(
    images: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = threading.Event()
    monkeypatch.setattr(threading, "excepthook", lambda _: told.set())
    lines = ReadyLines(kept_seconds=LONG)

    @contextmanager
    def without_threads() -> Iterator[StorageLine]:
        raise RuntimeError("can't start new thread")
        yield

    lines.open("peer", without_threads)
    assert told.wait(60)
    with answering_scp() as scp:
        lines.open("peer", lambda: storage_line(images, to(scp.peer), timeouts=PATIENT))
        with lines.taken("peer") as line:
            assert line is not None


def test_a_peer_that_is_away_is_said_to_be_when_something_is_sent(images: list[Path]) -> None:
    with answering_scp() as scp:
        sender = sender_to(scp.peer)
        assert sent(sender, images[0]) is Outcome.STORED
    sender.expect(PACS)
    with pytest.raises(DestinationAwayError):
        sent(sender, images[1])


def test_one_that_nobody_takes_is_released(images: list[Path]) -> None:
    lines = ReadyLines(kept_seconds=0.0)
    released = threading.Event()
    with answering_scp() as scp:

        @contextmanager
        def opened() -> Iterator[StorageLine]:
            with storage_line(images, to(scp.peer), timeouts=PATIENT) as line:
                yield line
            released.set()

        lines.open("peer", opened)
        assert released.wait(60)
        with lines.taken("peer") as line:
            assert line is None


def test_whoever_takes_one_waits_until_it_is_open_or_cannot_be(images: list[Path]) -> None:
    lines = ReadyLines(kept_seconds=LONG)
    go_on = threading.Event()

    def take(scp: AnsweringScp) -> list[bool]:
        @contextmanager
        def opened() -> Iterator[StorageLine]:
            assert go_on.wait(60)
            with storage_line(images, to(scp.peer), timeouts=PATIENT) as line:
                yield line

        found: list[bool] = []

        def work() -> None:
            with lines.taken("peer") as line:
                found.append(line is not None and line.carries(images))

        lines.open("peer", opened)
        taker = threading.Thread(target=work)
        taker.start()
        go_on.set()
        taker.join(60)
        return found

    with answering_scp() as scp:
        assert take(scp) == [True]

    @contextmanager
    def refused() -> Iterator[StorageLine]:
        nobody = Destination(ae_title="NOBODY", host="127.0.0.1", port=free_port())
        with storage_line(images, nobody, timeouts=PATIENT) as line:
            yield line

    with pytest.raises(ConnectionFailedError), refused():
        pass
    lines.open("peer", refused)
    with lines.taken("peer") as line:
        assert line is None
