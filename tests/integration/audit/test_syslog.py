"""Audit records reach a real syslog server, over TLS and UDP, though it comes and goes."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dicom_node.audit import events
from dicom_node.audit.chain import Chain, files_in, parsed
from dicom_node.audit.forwarding import Forwarding
from dicom_node.audit.markup import written
from dicom_node.audit.message import AuditSource
from dicom_node.audit.syslog import Receiver, receiver_at
from dicom_node.errors import ConfigurationError
from tests.peers.process import free_port, wait_until
from tests.peers.syslog import Repository, repository
from tests.unit.audit.schema import breaches

pytestmark = pytest.mark.peer

AT = datetime(2026, 3, 1, 7, 8, 9, tzinfo=UTC)


class Trail:
    """A trail that grows by failed sign-ins, which are warnings, and by successful ones."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0
        self._chain = Chain(folder, file_bytes=8192)  # of several files

    def grow(self, count: int) -> None:
        """Write records."""
        messages = []
        for _ in range(count):
            self.count += 1
            refused = "wrong" if self.count == 1 else ""
            message = events.authentication(f"ä{self.count}", at=AT, address="", refused=refused)
            messages.append(written(message, AuditSource(source_id="AINODE")))
        self._chain.append(messages)

    def forwarding(self, receiver: Receiver, settled: float = 0.0) -> Forwarding:
        """Send this trail."""
        return Forwarding(self.folder, receiver, settled_seconds=settled, look_seconds=0.1)


@pytest.fixture
def trail(tmp_path: Path) -> Trail:
    return Trail(tmp_path / "audit")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Repository]:
    with repository(tmp_path / "syslog") as running:
        yield running


def over_tls(server: Repository) -> Receiver:
    return receiver_at(f"tls://127.0.0.1:{server.port}", trusted=str(server.certificate))


def test_records_arrive_whole_over_tls_in_their_order(trail: Trail, server: Repository) -> None:
    trail.grow(30)
    sending = trail.forwarding(over_tls(server))
    sending.start()
    trail.grow(30)
    sending.wake()
    wait_until(lambda: server.numbers() == list(range(1, 61)), "all records to arrive")
    sending.stop()
    lines = [line for path in files_in(trail.folder) for line in path.read_bytes().splitlines()]
    records = [parsed(line) for line in lines]
    found = server.messages()
    messages = [each["message"].lstrip(" \ufeff") for each in found]
    assert messages == [each.message for each in records]
    assert all(record.digest in each["data"] for record, each in zip(records, found, strict=True))
    assert {each["id"] for each in found} == {"DICOM+RFC3881"}
    assert [(each["facility"], each["severity"]) for each in found[:2]] == [(10, 4), (10, 5)]
    assert breaches(messages[0]) == []


def test_a_receiver_that_is_away_gets_everything_once_it_is_there(
    trail: Trail, tmp_path: Path
) -> None:
    folder = tmp_path / "syslog"
    with repository(folder) as server:
        sending = trail.forwarding(over_tls(server))
        trail.grow(3)
        sending.start()
        wait_until(lambda: server.numbers() == [1, 2, 3], "the first records to arrive")
    trail.grow(4)
    sending.wake()
    wait_until(lambda: bool(sending.problem), "the receiver to be missed")
    assert "gets no audit records" in sending.problem
    with repository(folder, port=server.port) as again:
        wait_until(lambda: set(again.numbers()) == set(range(1, 8)), "the rest to arrive")
        assert not sending.problem
        sending.stop()


def test_what_a_broken_connection_may_have_lost_is_sent_again(
    trail: Trail, server: Repository
) -> None:
    receiver = over_tls(server)
    trail.grow(5)
    first = trail.forwarding(receiver, settled=3600.0)
    first.start()
    wait_until(lambda: len(server.numbers()) == 5, "the records to arrive")
    # The node is killed: nobody took leave, so nobody knows.
    again = trail.forwarding(receiver)
    again.start()
    wait_until(lambda: len(server.numbers()) == 10, "them to arrive again")
    again.stop()
    later = trail.forwarding(receiver)
    trail.grow(1)
    later.start()
    wait_until(lambda: len(server.numbers()) == 11, "the new one to arrive alone")
    later.stop()
    first.stop()
    assert server.numbers()[-1] == 6


def test_nothing_is_told_to_whoever_shows_another_certificate(
    trail: Trail, server: Repository, tmp_path: Path
) -> None:
    with repository(tmp_path / "stranger") as stranger:
        receiver = receiver_at(f"tls://127.0.0.1:{stranger.port}", trusted=str(server.certificate))
        trail.grow(1)
        sending = trail.forwarding(receiver)
        sending.start()
        wait_until(lambda: bool(sending.problem), "the stranger to be refused")
        sending.stop()
        assert "certificate" in sending.problem.lower()
        assert stranger.messages() == []


def test_records_go_by_udp(trail: Trail, server: Repository) -> None:
    trail.grow(3)
    sending = trail.forwarding(receiver_at(f"udp://127.0.0.1:{server.port}"))
    sending.start()
    wait_until(lambda: server.numbers() == [1, 2, 3], "the datagrams to arrive")
    sending.stop()


# CPython leaves a socket to the garbage collector whose peer resets it just as it is wrapped.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning"
)
def test_a_receiver_that_takes_nothing_holds_nobody_up(trail: Trail, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute, repository(tmp_path / "other") as other:
        receiver = receiver_at(
            f"tls://127.0.0.1:{mute.getsockname()[1]}", trusted=str(other.certificate)
        )
        sending = trail.forwarding(receiver)
        trail.grow(1)
        sending.start()
        trail.grow(10)
        assert trail.count == 11
    sending.stop()  # the server has gone: no handshake is waited for any more


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("tls://10.0.0.1", "write tls://HOST:PORT"),
        ("tcp://10.0.0.1:514", "write tls://HOST:PORT"),
        ("tls://10.0.0.1:99999", "write tls://HOST:PORT"),
    ],
)
def test_an_address_that_is_none_is_refused(address: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        receiver_at(address)


def test_certificates_that_cannot_be_used_are_named_at_the_start(tmp_path: Path) -> None:
    address = f"tls://127.0.0.1:{free_port()}"
    with pytest.raises(ConfigurationError, match="cannot be used"):
        receiver_at(address, trusted=str(tmp_path / "missing.pem"))
    with pytest.raises(ConfigurationError, match=r"needs audit\.syslog_private_key"):
        receiver_at(address, certificate="c.pem")
