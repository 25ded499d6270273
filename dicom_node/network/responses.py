"""DIMSE responses, encoded without a detour (PS3.7 Section 9.3, Table 9.3-2).

A receiver sends one per object; by way of pydicom it costs as much as hashing half a megabyte.
"""

import struct
from dataclasses import dataclass

from dicom_node.network.command_set import C_STORE_RQ, NO_DATA_SET, RESPONSE, CommandSet, Fault
from dicom_node.network.status import COMMENT_LENGTH


@dataclass(frozen=True, slots=True)
class Answer:
    """What an object is answered: the status, and in words why it is not stored."""

    status: int
    comment: str = ""


def encode_store_response(request: CommandSet, answer: Answer) -> bytes:
    """Return the command set of a C-STORE response, in Implicit VR Little Endian."""
    return _encoded(
        C_STORE_RQ | RESPONSE,
        message_id=request.message_id,
        status=answer.status,
        comment=answer.comment[:COMMENT_LENGTH],
        sop_class=request.affected_class,
        sop_instance=request.affected_instance,
    )


def encode_fault(command: CommandSet, fault: Fault) -> bytes:
    """Return the command set that answers a faulty request; what is wrong in it is not repeated."""
    return _encoded(
        command.field | RESPONSE,
        message_id=command.message_id,
        status=fault.status,
        comment=fault.comment,
        sop_class=command.affected_class,
        sop_instance=command.affected_instance,
    )


def _encoded(
    field: int, *, message_id: int, status: int, comment: str, sop_class: str, sop_instance: str
) -> bytes:
    elements = [
        _text(0x0002, sop_class, padding="\0"),
        _short(0x0100, field),
        _short(0x0120, message_id),
        _short(0x0800, NO_DATA_SET),
        _short(0x0900, status),
        _text(0x0902, comment, padding=" "),
        _text(0x1000, sop_instance, padding="\0"),
    ]
    command = b"".join(elements)
    return struct.pack("<HHLL", 0, 0x0000, 4, len(command)) + command


def _short(number: int, value: int) -> bytes:
    return struct.pack("<HHLH", 0, number, 2, value)


def _text(number: int, value: str, *, padding: str) -> bytes:
    """Return a text element, or nothing where there is no value: these are all optional."""
    if not value:
        return b""
    encoded = (value + padding * (len(value) % 2)).encode("ascii", "replace")
    return struct.pack("<HHL", 0, number, len(encoded)) + encoded
