"""The C-STORE response, encoded without a detour (PS3.7 Table 9.3-2).

A receiver sends one per object; by way of pydicom it costs as much as hashing half a megabyte.
"""

import struct

from pynetdicom.dimse_primitives import C_STORE

_C_STORE_RSP = 0x8001
_NO_DATA_SET = 0x0101


def encode_store_response(response: C_STORE) -> bytes:
    """Return the command set of a C-STORE response, in Implicit VR Little Endian."""
    elements = [
        _text(0x0002, str(response.AffectedSOPClassUID or ""), padding="\0"),
        _short(0x0100, _C_STORE_RSP),
        _short(0x0120, response.MessageIDBeingRespondedTo or 0),
        _short(0x0800, _NO_DATA_SET),
        _short(0x0900, response.Status or 0),
        _text(0x0902, response.ErrorComment or "", padding=" "),
        _text(0x1000, str(response.AffectedSOPInstanceUID or ""), padding="\0"),
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
