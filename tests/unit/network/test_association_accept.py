"""An A-ASSOCIATE-AC is read as the Standard says, and handed on as the library understands it."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom.pdu import A_ASSOCIATE_AC

from dicom_node.network.association_accept import read_associate_accept
from dicom_node.network.errors import MalformedPduError
from tests.peers.raw_pdu import (
    APPLICATION_CONTEXT,
    IMPLEMENTATION,
    USER_INFORMATION,
    item,
)

NAMED = item(0x10, APPLICATION_CONTEXT)
SYNTAX = b"1.2.840.10008.1.2.1"


def result(number: int = 1, value: int = 0, syntax: bytes = item(0x40, SYNTAX)) -> bytes:
    return item(0x21, bytes((number, 0, value, 0)) + syntax)


def associate_ac(items: bytes, title: bytes = b"AINODE".ljust(16)) -> bytes:
    body = struct.pack(">HH16s16s32s", 1, 0, title, title, bytes(32)) + items
    return struct.pack(">BBL", 0x02, 0, len(body)) + body


def understood(pdu: bytes) -> A_ASSOCIATE_AC:
    """What the library makes of the acceptance that it is given."""
    accept = A_ASSOCIATE_AC()
    accept.decode(read_associate_accept(pdu))
    accept.to_primitive()
    return accept


def test_unknown_items_are_skipped_wherever_they_stand() -> None:
    unknown = item(0x77, b"a later edition")
    plain = associate_ac(NAMED + result() + USER_INFORMATION)
    told = item(0x50, USER_INFORMATION[4:] + unknown)
    items = unknown + NAMED + result(syntax=unknown + item(0x40, SYNTAX)) + told + unknown

    assert read_associate_accept(associate_ac(items)) == read_associate_accept(plain)


@pytest.mark.parametrize("information", [item(0x50, IMPLEMENTATION), item(0x50, b""), b""])
def test_an_acceptance_without_a_maximum_length_sets_no_limit(information: bytes) -> None:
    accept = understood(associate_ac(NAMED + result() + information))

    assert accept.user_information is not None
    assert accept.user_information.maximum_length == 0


@pytest.mark.parametrize("title", [bytes(16), b"\xff" * 16, b" " * 16])
def test_the_titles_are_not_tested(title: bytes) -> None:
    understood(associate_ac(NAMED + result() + USER_INFORMATION, title))


@pytest.mark.parametrize(
    ("given_result", "syntax", "wanted"),
    [
        (0, item(0x40, SYNTAX + b"\0"), 0),
        (0, b"", 4),
        (0, item(0x40, b""), 4),
        (3, item(0x40, b"not tested"), 3),
        (3, b"", 3),
        (99, item(0x40, SYNTAX), 2),
    ],
)
def test_a_context_is_accepted_with_a_transfer_syntax_only(
    given_result: int, syntax: bytes, wanted: int
) -> None:
    items = NAMED + result(5, given_result, syntax) + USER_INFORMATION

    (context,) = understood(associate_ac(items)).presentation_context

    assert (context.context_id, context.result) == (5, wanted)


def test_an_item_that_reaches_past_the_end_breaks_the_protocol() -> None:
    for pdu in (associate_ac(NAMED[:-1]), associate_ac(result(2)), associate_ac(b"")[:50]):
        with pytest.raises(MalformedPduError):
            read_associate_accept(pdu)


@pytest.mark.slow
@given(st.data())
def test_whatever_is_changed_the_library_understands_what_it_is_given(data: st.DataObject) -> None:
    pdu = bytearray(associate_ac(NAMED + result(1) + result(3, 3) + USER_INFORMATION))
    for position in data.draw(st.lists(st.integers(6, len(pdu) - 1), max_size=6)):
        pdu[position] = data.draw(st.integers(0, 255))
    try:
        accept = read_associate_accept(bytes(pdu))
    except MalformedPduError:
        return

    understood(accept)
