"""An A-ASSOCIATE-RQ is read as the Standard says, and handed on as the library understands it."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom.pdu import A_ASSOCIATE_RQ

from dicom_node.network.access import Refusal
from dicom_node.network.association_request import read_associate_request
from dicom_node.network.errors import MalformedPduError
from tests.peers.objects import CR_IMAGE
from tests.peers.raw_pdu import (
    APPLICATION_CONTEXT,
    IMPLEMENTATION,
    MAXIMUM_LENGTH,
    USER_INFORMATION,
    VERIFICATION,
    associate_rq,
    context,
    item,
)

NAMED = item(0x10, APPLICATION_CONTEXT)


def understood(pdu: bytes) -> A_ASSOCIATE_RQ:
    """What the library makes of the request that it is given."""
    request = A_ASSOCIATE_RQ()
    request.decode(read_associate_request(pdu).pdu)
    request.to_primitive()
    return request


def maximum_length(pdu: bytes) -> int:
    information = understood(pdu).user_information
    assert information is not None
    return int(information.maximum_length)


def test_a_correct_request_is_handed_on_as_it_is() -> None:
    request = read_associate_request(associate_rq())

    assert request.pdu == associate_rq()
    assert (request.calling_ae, request.called_ae) == ("MODALITY", "AINODE")
    assert request.refusal is None


@pytest.mark.parametrize(
    "padded",
    [
        b"MODALITY".ljust(16, b"\0"),
        b"MODALITY" + b" \0" * 4,
        b"  MODALITY      ",
        b"MODALITY\0garbage",
        b"\0MODALITY".ljust(16, b"\0"),
    ],
)
def test_padding_of_ae_titles_is_no_part_of_them(padded: bytes) -> None:
    request = read_associate_request(
        associate_rq(calling=padded, called=b"AINODE".ljust(16, b"\0"))
    )

    assert (request.calling_ae, request.called_ae) == ("MODALITY", "AINODE")
    assert request.refusal is None
    assert understood(request.pdu).calling_ae_title == "MODALITY"


@pytest.mark.parametrize(
    "title",
    [b" " * 16, b"\0" * 16, b" \0" * 8, b"A\\B".ljust(16), b"A\nB".ljust(16), b"\xc4E".ljust(16)],
)
def test_what_is_no_ae_title_is_rejected_as_unknown(title: bytes) -> None:
    calling = read_associate_request(associate_rq(calling=title))
    called = read_associate_request(associate_rq(called=title))

    assert calling.refusal is Refusal.CALLING_AE_UNKNOWN
    assert called.refusal is Refusal.CALLED_AE_UNKNOWN
    understood(associate_rq(calling=title, called=title))


@pytest.mark.parametrize("version", [1, 3, 0x8001, 0xFFFF])
def test_only_bit_0_of_the_protocol_version_is_tested(version: int) -> None:
    assert read_associate_request(associate_rq(version=version)).refusal is None
    assert understood(associate_rq(version=version)).protocol_version == 1


@pytest.mark.parametrize("version", [0, 2, 0xFFFE])
def test_a_protocol_version_without_bit_0_is_rejected_by_the_provider(version: int) -> None:
    refusal = read_associate_request(associate_rq(version=version)).refusal

    assert refusal is Refusal.PROTOCOL_VERSION_UNKNOWN
    assert refusal.value == (1, 2, 2)


@pytest.mark.parametrize(
    "names",
    [b"", item(0x10, b"1.2.840.10008.3.1.1.2"), item(0x10, b""), NAMED + item(0x10, b"1.2.3")],
)
def test_another_application_context_is_rejected_by_reason_2(names: bytes) -> None:
    refusal = read_associate_request(
        associate_rq(items=names + context() + USER_INFORMATION)
    ).refusal

    assert refusal is Refusal.APPLICATION_CONTEXT_UNKNOWN
    assert refusal.value == (1, 1, 2)


def test_an_application_context_name_may_be_padded() -> None:
    items = item(0x10, APPLICATION_CONTEXT + b"\0") + context() + USER_INFORMATION

    assert read_associate_request(associate_rq(items=items)).refusal is None


@pytest.mark.parametrize("unknown", [item(0x99, b"what?"), item(0x60, b""), item(0x00, bytes(9))])
def test_unknown_items_are_skipped_wherever_they_stand(unknown: bytes) -> None:
    """PS3.8 Section 9.3.1: items that are not recognized shall be ignored."""
    items = (
        unknown
        + NAMED
        + unknown
        + context(extra=unknown)
        + VERIFICATION
        + item(0x50, unknown + MAXIMUM_LENGTH + IMPLEMENTATION + unknown)
        + unknown
    )

    request = read_associate_request(associate_rq(items=items))

    assert request.refusal is None
    assert request.pdu == associate_rq()


@pytest.mark.parametrize(
    "information",
    [
        item(0x50, IMPLEMENTATION),
        item(0x50, item(0x51, b"") + IMPLEMENTATION),
        item(0x50, item(0x51, b"\0\1") + IMPLEMENTATION),
        item(0x50, item(0x51, bytes(4))),
        item(0x50, b""),
        b"",
    ],
)
def test_a_request_without_a_maximum_length_sets_no_limit(information: bytes) -> None:
    pdu = associate_rq(items=NAMED + context() + information)

    assert read_associate_request(pdu).refusal is None
    assert maximum_length(pdu) == 0


@pytest.mark.parametrize("length", [1, 6, 7])
def test_a_peer_that_can_take_no_data_is_rejected(length: int) -> None:
    information = item(0x50, item(0x51, struct.pack(">L", length)) + IMPLEMENTATION)
    request = read_associate_request(associate_rq(items=NAMED + context() + information))

    assert request.refusal is Refusal.REQUEST_UNUSABLE


def test_a_request_for_nothing_is_rejected() -> None:
    request = read_associate_request(associate_rq(items=NAMED + USER_INFORMATION))

    assert request.refusal is Refusal.REQUEST_UNUSABLE


@pytest.mark.parametrize("number", [0, 2, 254])
def test_a_presentation_context_of_an_even_number_breaks_the_protocol(number: int) -> None:
    with pytest.raises(MalformedPduError, match=f"even number {number}"):
        read_associate_request(associate_rq(items=NAMED + context(number) + USER_INFORMATION))


def test_two_presentation_contexts_of_one_number_break_the_protocol() -> None:
    items = NAMED + context(5) + context(7) + context(5) + USER_INFORMATION

    with pytest.raises(MalformedPduError, match="one number"):
        read_associate_request(associate_rq(items=items))


def test_128_presentation_contexts_are_read_and_one_more_cannot_be() -> None:
    most = b"".join(context(number) for number in range(1, 256, 2))

    request = understood(associate_rq(items=NAMED + most + USER_INFORMATION))

    assert [each.context_id for each in request.presentation_context] == list(range(1, 256, 2))
    with pytest.raises(MalformedPduError):
        read_associate_request(associate_rq(items=NAMED + most + context() + USER_INFORMATION))


@pytest.mark.parametrize(
    "uid", [b"", b" ", b"\0\0", b"1." * 33, b"1.2.\xff", b"1.2\n3"], ids=lambda uid: repr(uid)[:12]
)
def test_what_is_no_uid_makes_its_presentation_context_unacceptable_not_the_request(
    uid: bytes,
) -> None:
    items = NAMED + context(1, uid) + context(3, transfer=(uid,)) + context(5) + USER_INFORMATION

    first, second, third = understood(associate_rq(items=items)).presentation_context

    assert first.abstract_syntax == second.transfer_syntax[0] == "1.2.840.10008.0"
    assert third.abstract_syntax == CR_IMAGE


def test_padded_uids_are_those_without_padding() -> None:
    items = NAMED + context(1, CR_IMAGE.encode() + b"\0", (b"1.2.840.10008.1.2 ",))

    (only,) = understood(associate_rq(items=items + USER_INFORMATION)).presentation_context

    assert (only.abstract_syntax, only.transfer_syntax) == (CR_IMAGE, ["1.2.840.10008.1.2"])


def test_user_information_that_the_node_does_not_negotiate_is_left_out() -> None:
    information = (
        MAXIMUM_LENGTH
        + IMPLEMENTATION
        + item(0x53, b"\0\0\0\0")
        + item(0x56, b"\0\5wrong")
        + item(0x57, b"")
        + item(0x58, b"\1")
        + item(0x58, b"\x09\1\xff\xff")
        + item(0x55, b"X" * 17)
    )
    items = NAMED + context() + VERIFICATION + item(0x50, information)

    assert read_associate_request(associate_rq(items=items)).pdu == associate_rq()


@pytest.mark.parametrize("role", [b"", b"\0\x05", b"\0\31.2\2\0", b"\xff\xff1.2\1\1"])
def test_a_role_selection_that_is_none_changes_nothing(role: bytes) -> None:
    information = item(0x50, MAXIMUM_LENGTH + IMPLEMENTATION + item(0x54, role))

    understood(associate_rq(items=NAMED + context() + information))


def test_an_item_that_reaches_past_the_end_breaks_the_protocol() -> None:
    for items in (NAMED + b"\x20", NAMED + b"\x20\0\0\xff\1", context()[:-1]):
        with pytest.raises(MalformedPduError):
            read_associate_request(associate_rq(items=items))
    with pytest.raises(MalformedPduError):
        read_associate_request(associate_rq()[:40])


@pytest.mark.slow
@given(st.data())
def test_whatever_is_changed_the_library_understands_what_it_is_given(data: st.DataObject) -> None:
    pdu = bytearray(associate_rq())
    changed = data.draw(st.lists(st.integers(6, len(pdu) - 1), max_size=6))
    for position in changed:
        pdu[position] = data.draw(st.integers(0, 255))
    try:
        request = read_associate_request(bytes(pdu))
    except MalformedPduError:
        return

    understood(request.pdu)
