"""What is wrong with the command set of a request has a status, or ends the association."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_node.network.command_set import read_command_set
from dicom_node.network.errors import MalformedMessageError
from tests.peers.raw_pdu import command, echo_rq, short, store_rq


def status_of(data: bytes) -> int | None:
    fault = read_command_set(data).fault()
    return fault.status if fault else None


def test_a_store_request_is_read() -> None:
    read = read_command_set(store_rq(b"1.2.3", message_id=77))

    assert (read.field, read.message_id, read.has_data_set) == (0x0001, 77, True)
    assert read.affected_instance == "1.2.3"
    assert read.fault() is None
    assert not read_command_set(echo_rq()).has_data_set


@pytest.mark.parametrize("uid", [b"1" * 64, b"1.02.003", b"1.2.3 ", b"1.2.3\0\0"])
def test_identifiers_that_can_be_are_taken(uid: bytes) -> None:
    assert status_of(store_rq(uid)) is None


@pytest.mark.parametrize("uid", [b"1" * 65, b"1" * 68, b"", b"\0\0", b"1.2.\xe4"])
def test_an_instance_uid_that_cannot_be_is_an_invalid_sop_instance(uid: bytes) -> None:
    assert status_of(store_rq(uid)) == 0x0117
    assert status_of(store_rq(b"1.2", e1000=None)) == 0x0117


def test_a_class_uid_that_cannot_be_is_not_supported() -> None:
    assert status_of(store_rq(b"1.2.3", e0002=b"1" * 66)) == 0x0122
    assert status_of(store_rq(b"1.2.3", e0002=None)) == 0x0122
    normalized = command(
        {0x0003: b"1" * 66, 0x0100: short(0x0110), 0x0110: short(1), 0x0800: short(0x0101)}
    )
    assert status_of(normalized) == 0x0118


def request(field: int, **elements: bytes) -> bytes:
    needed = {0x0100: short(field), 0x0110: short(1), 0x0800: short(0x0101)}
    return command(needed | {int(name[1:], 16): value for name, value in elements.items()})


@pytest.mark.parametrize("field", [0x0010, 0x0020, 0x0021, 0x0030])
def test_a_composite_request_without_a_class_is_answered(field: int) -> None:
    assert status_of(request(field, e0600=b"PACS")) == 0x0122


@pytest.mark.parametrize("field", [0x0110, 0x0120, 0x0130, 0x0150])
def test_a_normalized_request_names_class_and_instance(field: int) -> None:
    assert status_of(request(field, e1001=b"1.2", e1008=short(1))) == 0x0118
    assert status_of(request(field, e0003=b"1.2", e1008=short(1))) == 0x0117
    assert status_of(request(field, e0003=b"1.2", e1001=b"1.2", e1008=short(1))) is None


@pytest.mark.parametrize("title", [b"", b"    ", b"\0\0", b"\xe4\xf6", b"A\x01", b"X" * 18])
def test_a_move_destination_that_is_no_ae_title_is_unknown(title: bytes) -> None:
    assert status_of(request(0x0021, e0002=b"1.2", e0600=title)) == 0xA801
    assert status_of(request(0x0021, e0002=b"1.2", e0600=b" PACS ")) is None


def test_arguments_that_there_are_not_are_invalid() -> None:
    assert status_of(request(0x0020, e0002=b"1.2", e0700=short(7))) == 0x0115
    assert status_of(request(0x0020, e0002=b"1.2", e0700=short(2))) is None
    named = {"e0003": b"1.2", "e1001": b"1.2"}
    assert status_of(request(0x0130, **named)) == 0x0123
    assert status_of(request(0x0110, **named, e1005=b"\1\2\3")) == 0x0115
    assert status_of(request(0x0100, e0002=b"1.2", e1000=b"1.2")) == 0x0113


@pytest.mark.parametrize("field", [0x0002, 0x0160, 0x7FFF])
def test_an_operation_that_there_is_not_is_not_recognized(field: int) -> None:
    assert status_of(store_rq(b"1.2.3", e0100=short(field))) == 0x0211


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\0",
        store_rq(b"1.2.3")[:-1],
        store_rq(b"1.2.3", e0100=None),
        store_rq(b"1.2.3", e0110=None),
        store_rq(b"1.2.3", e0110=b"\1"),
        store_rq(b"1.2.3", e0800=None),
        b"\x08" + store_rq(b"1.2.3")[1:],
    ],
)
def test_a_command_set_that_cannot_be_answered_breaks_the_protocol(data: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        read_command_set(data)


@given(st.binary(max_size=64))
def test_no_bytes_do_anything_else(data: bytes) -> None:
    try:
        read_command_set(data).fault()
    except MalformedMessageError:
        return
