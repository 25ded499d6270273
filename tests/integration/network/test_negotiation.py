"""Peers that get the protocol wrong, byte by byte: answered as PS3.7 and PS3.8 say.

Each is tried with the node's own loop and with pynetdicom's, which it can fall back to.
"""

import logging
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from dicom_node.archive.object_file import read_object
from dicom_node.domain.reception import AssociationEnd
from dicom_node.network.access import Refusal
from dicom_node.network.events import (
    AssociationClosed,
    AssociationOpened,
    AssociationRefused,
    InstanceReceived,
)
from dicom_node.network.reactor import Reactor
from tests.peers import node
from tests.peers.node import MODALITY, Reception
from tests.peers.objects import encoded, make_dataset
from tests.peers.raw_pdu import (
    ABORT,
    ABORTED,
    APPLICATION_CONTEXT,
    IMPLEMENTATION,
    REJECTED,
    USER_INFORMATION,
    VERIFICATION,
    RawPeer,
    associate_rq,
    context,
    data_tf,
    echo_rq,
    fragment,
    item,
    raw_peer,
    short,
    store_rq,
)

VERIFICATION_CLASS, FIND_CLASS = b"1.2.840.10008.1.1\0", b"1.2.840.10008.5.1.4.1.2.2.1\0"
NAMED = item(0x10, APPLICATION_CONTEXT)


@pytest.fixture(scope="module", params=list(Reactor), ids=lambda reactor: reactor.value)
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Reception]:
    with node.reception(
        tmp_path_factory.mktemp("node") / "archive", reactor=request.param
    ) as running:
        yield running


@pytest.fixture
def receiving(
    shared: Reception, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> Iterator[Reception]:
    """A receiver, as if it had just started, whose library's exceptions are nobody's answer."""
    with caplog.at_level(logging.INFO):
        yield shared
        shared.forget()
    said = caplog.text + "".join(capfd.readouterr())
    assert "Traceback" not in said
    assert "pynetdicom" not in said


def an_object(number: int = 1, size: int = 24) -> tuple[bytes, bytes]:
    """Return SOP Instance UID and data set of an image."""
    dataset = make_dataset(number, PixelData=bytes(size))
    return dataset.SOPInstanceUID.encode(), encoded(dataset)


def stored(peer: RawPeer, number: int = 1) -> int:
    """Store an image, in two PDUs, and return the status."""
    uid, data = an_object(number)
    peer.send(data_tf(fragment(store_rq(uid), of_command=True)))
    peer.send(data_tf(fragment(data, of_command=False)))
    return peer.status()[1]


def refusal_of(receiving: Reception, request: bytes) -> tuple[int, int, int]:
    """Return result, source and reason of the A-ASSOCIATE-RJ that answers a request."""
    with raw_peer(receiving.peer) as peer:
        peer.send(request)
        kind, body = peer.answer()
    assert kind == REJECTED, (kind, body)
    return body[1], body[2], body[3]


@pytest.mark.parametrize("padding", [b"\0", b" \0", b"\0rest of a buffer"])
def test_an_ae_title_padded_by_nul_is_who_it_says(receiving: Reception, padding: bytes) -> None:
    calling = (MODALITY.encode() + padding * 16)[:16]
    called = (node.AE_TITLE.encode() + padding * 16)[:16]
    with raw_peer(receiving.peer) as peer:
        peer.open(associate_rq(calling=calling, called=called))
        assert stored(peer) == 0x0000
        peer.release()

    (opened,) = receiving.recorder.wait_for(AssociationOpened)
    assert (opened.calling_ae, opened.called_ae) == (MODALITY, node.AE_TITLE)


@pytest.mark.parametrize("title", [b" " * 16, b"\0" * 16, b"CT\n".ljust(16), b"\xff" * 16])
def test_a_blank_or_impossible_ae_title_is_rejected(receiving: Reception, title: bytes) -> None:
    assert refusal_of(receiving, associate_rq(calling=title)) == (1, 1, 3)
    assert refusal_of(receiving, associate_rq(called=title)) == (1, 1, 7)

    refused = receiving.recorder.wait_for(AssociationRefused, 2)
    # Each tells when it has answered: the second may be heard of first.
    assert {event.refusal for event in refused} == {
        Refusal.CALLING_AE_UNKNOWN,
        Refusal.CALLED_AE_UNKNOWN,
    }


@pytest.mark.parametrize("name", [b"1.2.840.10008.3.1.1.2", b"", b"1." * 40])
def test_another_application_context_is_rejected_with_reason_2(
    receiving: Reception, name: bytes
) -> None:
    request = associate_rq(items=item(0x10, name) + context() + USER_INFORMATION)

    assert refusal_of(receiving, request) == (1, 1, 2)


def test_a_protocol_version_is_tested_by_its_bit_0(receiving: Reception) -> None:
    with raw_peer(receiving.peer) as peer:
        peer.open(associate_rq(version=3))
        assert stored(peer) == 0x0000
        peer.release()
    assert refusal_of(receiving, associate_rq(version=2)) == (1, 2, 2)


def test_items_that_nobody_knows_are_skipped(receiving: Reception) -> None:
    unknown = item(0x7F, b"a later edition")
    items = unknown + NAMED + context(extra=unknown) + item(0x50, IMPLEMENTATION + unknown)
    with raw_peer(receiving.peer) as peer:
        peer.open(associate_rq(items=items + unknown))
        assert stored(peer) == 0x0000
        peer.release()


@pytest.mark.parametrize("information", [item(0x50, IMPLEMENTATION), item(0x50, b""), b""])
def test_without_a_maximum_length_the_response_has_no_limit(
    receiving: Reception, information: bytes
) -> None:
    with raw_peer(receiving.peer) as peer:
        peer.open(associate_rq(items=NAMED + context() + information))
        assert stored(peer) == 0x0000
        peer.release()


@pytest.mark.parametrize("length", [8, 13, 20, 128])
def test_a_small_maximum_length_is_kept_by_the_response(receiving: Reception, length: int) -> None:
    information = item(0x50, item(0x51, struct.pack(">L", length)) + IMPLEMENTATION)
    with raw_peer(receiving.peer) as peer:
        peer.open(associate_rq(items=NAMED + context() + information))
        uid, data = an_object()
        peer.send(data_tf(fragment(store_rq(uid), of_command=True)))
        peer.send(data_tf(fragment(data, of_command=False)))
        last = False
        while not last:
            kind, body = peer.answer()
            assert kind == 0x04
            assert len(body) <= length
            last = bool(body[5] & 2)
        peer.release()
    assert len(receiving.recorder.wait_for(InstanceReceived)) == 1


@pytest.mark.parametrize("items", [context(2), context(1) + context(1), item(0x20, b"\1")])
def test_presentation_contexts_that_are_not_told_apart_by_odd_numbers_end_in_an_abort(
    receiving: Reception, items: bytes
) -> None:
    with raw_peer(receiving.peer) as peer:
        peer.send(associate_rq(items=NAMED + items + USER_INFORMATION))
        assert peer.answer()[0] == ABORTED


def test_the_context_of_an_impossible_uid_is_not_accepted_and_the_others_are(
    receiving: Reception,
) -> None:
    items = NAMED + context(7, b"1." * 40) + context(9, b"") + context(1) + USER_INFORMATION
    with raw_peer(receiving.peer) as peer:
        peer.open(associate_rq(items=items))
        assert stored(peer) == 0x0000
        peer.release()


@pytest.mark.parametrize("uid", [b"1" * 68, b"1" * 4000, b"", b"\xff\xfe"])
def test_an_impossible_sop_instance_uid_gets_a_status_and_the_association_goes_on(
    receiving: Reception, uid: bytes
) -> None:
    with raw_peer(receiving.peer) as peer:
        peer.open()
        peer.send(data_tf(fragment(store_rq(uid, message_id=5), of_command=True)))
        peer.send(data_tf(fragment(b"its data set", of_command=False, last=False)))
        peer.send(data_tf(fragment(b", in two parts", of_command=False)))
        assert peer.status() == (5, 0x0117)
        assert stored(peer) == 0x0000
        peer.release()

    (closed,) = receiving.recorder.wait_for(AssociationClosed)
    assert closed.ended.end is AssociationEnd.RELEASED


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"e0002": None}, 0x0122),
        ({"e0002": b"1" * 70}, 0x0122),
        ({"e0100": short(0x0777)}, 0x0211),
        ({"e0800": short(0x0101)}, 0xC002),
    ],
)
def test_a_request_that_cannot_be_served_is_answered(
    receiving: Reception, changes: dict[str, bytes | None], status: int
) -> None:
    with raw_peer(receiving.peer) as peer:
        peer.open()
        uid, data = an_object()
        peer.send(data_tf(fragment(store_rq(uid, **changes), of_command=True)))
        if "e0800" not in changes:
            peer.send(data_tf(fragment(data, of_command=False)))
        assert peer.status() == (1, status)
        assert stored(peer) == 0x0000
        peer.release()


@pytest.mark.parametrize(
    ("number", "changes", "status"),
    [
        (3, {}, 0x0122),
        (3, {"e0002": VERIFICATION_CLASS}, 0x0211),
        (3, {"e0002": FIND_CLASS, "e0100": short(0x0020)}, 0x0122),
        (1, {"e0002": FIND_CLASS, "e0100": short(0x0020)}, 0x0122),
        (1, {"e0100": short(0x0020)}, 0x0211),
        (1, {"e0002": None, "e0003": FIND_CLASS, "e1001": b"1.2", "e0100": short(0x0120)}, 0x0118),
    ],
)
def test_a_request_that_is_not_for_its_context_gets_a_status_and_the_association_goes_on(
    receiving: Reception, number: int, changes: dict[str, bytes | None], status: int
) -> None:
    """PS3.7 Annex C; the library would abort, and the other images be lost with it."""
    with raw_peer(receiving.peer) as peer:
        peer.open()
        uid, data = an_object()
        peer.send(data_tf(fragment(store_rq(uid, **changes), of_command=True, number=number)))
        peer.send(data_tf(fragment(data, of_command=False, number=number)))
        assert peer.status() == (1, status)
        assert stored(peer) == 0x0000
        peer.release()
    (closed,) = receiving.recorder.wait_for(AssociationClosed)
    assert closed.ended.end is AssociationEnd.RELEASED


@pytest.mark.parametrize(
    "changes",
    [
        {"e0700": short(9)},
        {"e0700": None},
        {"e1030": b"\0" * 16, "e1031": b"\1"},
        {"e1030": b"A" * 40},
        {"e0903": short(1), "e5555": b"??"},
    ],
)
def test_what_does_not_matter_in_a_store_request_does_not_matter(
    receiving: Reception, changes: dict[str, bytes | None]
) -> None:
    """Priority and move originator: the node acts on neither."""
    uid, data = an_object()
    with raw_peer(receiving.peer) as peer:
        peer.open()
        peer.send(data_tf(fragment(store_rq(uid, **changes), of_command=True)))
        peer.send(data_tf(fragment(data, of_command=False)))
        assert peer.status() == (1, 0x0000)
        peer.release()


@pytest.mark.parametrize("vr", [b"??", b"\0\0", b"XX"])
def test_an_object_with_an_element_whose_vr_is_none_is_stored(
    receiving: Reception, vr: bytes
) -> None:
    uid, data = an_object()
    place = data.index(b"\x18\0\x15\0CS") + 4  # Body Part Examined
    with raw_peer(receiving.peer) as peer:
        peer.open()
        peer.send(data_tf(fragment(store_rq(uid), of_command=True)))
        peer.send(data_tf(fragment(data[:place] + vr + data[place + 2 :], of_command=False)))
        assert peer.status() == (1, 0x0000)
        peer.release()
    (received,) = receiving.recorder.wait_for(InstanceReceived, 1)
    read = read_object(receiving.archive.path(received.instance))
    assert (read.BodyPartExamined, read.Rows, read.Columns) == ("CHEST", 4, 6)
    assert data.endswith(read.PixelData)


def test_both_messages_of_one_pdu_are_answered(receiving: Reception) -> None:
    (one, first), (two, second) = an_object(1), an_object(2)
    with raw_peer(receiving.peer) as peer:
        peer.open()
        peer.send(
            data_tf(
                fragment(store_rq(one, message_id=1), of_command=True),
                fragment(first, of_command=False),
                fragment(store_rq(two, message_id=2), of_command=True),
                fragment(second, of_command=False),
                fragment(echo_rq(3), of_command=True, number=3),
            )
        )
        assert [peer.status() for _ in range(3)] == [(1, 0), (2, 0), (3, 0)]
        peer.release()
    assert len(receiving.recorder.wait_for(InstanceReceived, 2)) == 2


def test_the_end_of_a_message_and_the_beginning_of_the_next_may_share_a_pdu(
    receiving: Reception,
) -> None:
    (one, first), (two, second) = an_object(1), an_object(2)
    request = store_rq(two, message_id=2)
    with raw_peer(receiving.peer) as peer:
        peer.open()
        peer.send(data_tf(fragment(store_rq(one), of_command=True)))
        peer.send(
            data_tf(
                fragment(first[:10], of_command=False, last=False),
                fragment(b"", of_command=False, last=False),
                fragment(first[10:], of_command=False),
                fragment(request[:20], of_command=True, last=False),
            )
        )
        assert peer.status() == (1, 0)
        peer.send(data_tf(fragment(request[20:], of_command=True)))
        peer.send(data_tf(fragment(second, of_command=False)))
        assert peer.status() == (2, 0)
        peer.release()


@pytest.mark.parametrize(
    "pdus",
    [
        [data_tf(fragment(b"no command", of_command=False))],
        [data_tf(fragment(store_rq(b"1.2"), of_command=True, number=5))],
        [data_tf(fragment(store_rq(b"1.2"), of_command=True)) * 2],
        [
            data_tf(fragment(store_rq(b"1.2"), of_command=True)),
            data_tf(fragment(b"data", of_command=False, number=3)),
        ],
        [data_tf(fragment(b"not elements", of_command=True))],
        [data_tf(fragment(bytes(66_000), of_command=True, last=False))],
        [data_tf(struct.pack(">LB", 1, 1))],
        [data_tf(struct.pack(">LB", 99, 1))],
        [associate_rq()],
        [struct.pack(">BBL", 0x99, 0, 4) + b"????"],
    ],
)
def test_what_is_no_message_ends_in_an_abort_that_is_called_so(
    receiving: Reception, pdus: list[bytes]
) -> None:
    with raw_peer(receiving.peer) as peer:
        peer.open()
        for pdu in pdus:
            peer.send(pdu)
        assert peer.answer()[0] == ABORTED

    (closed,) = receiving.recorder.wait_for(AssociationClosed)
    assert closed.ended.end is AssociationEnd.PROTOCOL_ERROR
    assert closed.ended.calling_ae == MODALITY


@pytest.mark.parametrize(
    ("pdu", "reason"),
    [
        (b"\xde\xad\xbe\xef" * 64, 1),
        (b"GET / HTTP/1.1\r\nHost: node\r\n\r\n", 1),
        (data_tf(fragment(b"no command set", of_command=True)), 6),
    ],
)
def test_what_is_no_pdu_ends_the_association_at_once_with_the_reason(
    receiving: Reception, pdu: bytes, reason: int
) -> None:
    """PS3.8 Table 9-26: the provider aborts. Nobody waits for the rest of what makes no sense."""
    begun = time.monotonic()
    with raw_peer(receiving.peer) as peer:
        peer.open()
        peer.send(pdu)
        kind, body = peer.answer()
        assert (kind, body[2:4]) == (ABORTED, bytes((2, reason)))
        assert peer.answer()[0] == 0
    assert time.monotonic() - begun < 10


def test_an_answer_to_nothing_is_passed_over(receiving: Reception) -> None:
    with raw_peer(receiving.peer) as peer:
        peer.open()
        answer = store_rq(b"1.2", e0100=short(0x8001), e0110=None, e0120=short(1))
        peer.send(data_tf(fragment(answer, of_command=True), fragment(b"?", of_command=False)))
        assert stored(peer) == 0x0000
        peer.release()


@pytest.mark.parametrize("halfway", [False, True])
def test_an_abort_is_told_from_a_lost_connection_and_from_a_release(
    receiving: Reception, halfway: bool
) -> None:
    def left_by(*last: bytes) -> AssociationEnd:
        with raw_peer(receiving.peer) as peer:
            peer.open()
            assert stored(peer) == 0x0000
            if halfway:
                peer.send(data_tf(fragment(store_rq(b"1.2.3.4"), of_command=True)))
            for pdu in last:
                peer.send(pdu)
        count = len(receiving.recorder.of(AssociationClosed)) + 1
        return receiving.recorder.wait_for(AssociationClosed, count)[-1].ended.end

    assert left_by(ABORT) is AssociationEnd.ABORTED
    receiving.forget()
    assert left_by() is AssociationEnd.CONNECTION_LOST


@pytest.mark.parametrize("reactor", list(Reactor))
def test_silence_is_told_from_an_abort(tmp_path: Path, reactor: Reactor) -> None:
    with node.reception(tmp_path / "archive", idle_timeout=1.0, reactor=reactor) as running:
        with raw_peer(running.peer) as peer:
            peer.open()
            (closed,) = running.closed()
        assert closed.ended.end is AssociationEnd.TIMED_OUT


def test_associations_that_stay_silent_do_not_shut_others_out(tmp_path: Path) -> None:
    with node.reception(tmp_path / "archive", max_associations=32) as running, ExitStack() as held:
        answers = []
        for _ in range(32):
            peer = held.enter_context(raw_peer(running.peer))
            peer.send(associate_rq())
            answers.append(peer.answer())
        accepted = [kind for kind, _ in answers if kind == 0x02]
        assert len(accepted) == 16
        assert {body[1:] for kind, body in answers if kind == REJECTED} == {b"\2\3\2"}

        with raw_peer(running.peer) as other:
            other.open(
                associate_rq(
                    calling=node.PACS.encode().ljust(16),
                    items=NAMED + VERIFICATION + USER_INFORMATION,
                )
            )
            other.send(data_tf(fragment(echo_rq(), of_command=True, number=3)))
            assert other.status() == (9, 0)
            other.release()


@pytest.mark.parametrize("pause", [0.0, 1.2])
def test_bare_connections_do_not_shut_others_out(tmp_path: Path, pause: float) -> None:
    """64 from one address: another address is served at once, the same after a moment."""
    with node.reception(tmp_path / "archive", max_associations=32) as running, ExitStack() as held:
        bare = [held.enter_context(raw_peer(running.peer)) for _ in range(64)]
        time.sleep(pause)
        source = ("127.0.0.1", 0) if pause else ("127.0.0.2", 0)

        with raw_peer(running.peer, source=source) as other:
            other.open()
            assert stored(other) == 0x0000
            other.release()

        assert sum(peer.is_closed() for peer in bare) >= 48


@pytest.mark.parametrize("reactor", list(Reactor))
def test_an_object_over_the_limit_is_refused_with_either_loop(
    tmp_path: Path, reactor: Reactor
) -> None:
    with (
        node.reception(tmp_path / "archive", max_object_bytes=10_000, reactor=reactor) as running,
        raw_peer(running.peer) as peer,
    ):
        peer.open()
        uid, data = an_object(1, size=20_000)
        peer.send(data_tf(fragment(store_rq(uid), of_command=True)))
        peer.send(data_tf(fragment(data, of_command=False)))
        assert peer.status() == (1, 0xA701)
        assert stored(peer, 2) == 0x0000
        peer.release()
