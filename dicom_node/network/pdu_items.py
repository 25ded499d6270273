"""Items and sub-items of association PDUs, skipped and mended as the Standard says.

PS3.8 Sections 9.3.1 to 9.3.3 and Annex D, PS3.7 Annex D.3.3.
"""

import struct
from collections.abc import Iterable, Iterator

from dicom_node.network.errors import MalformedPduError

APPLICATION_CONTEXT = b"1.2.840.10008.3.1.1.1"
# PS3.8 Tables 9-12 to 9-16, 9-18 and D.1-1, PS3.7 Tables D.3-1, D.3-3 and D.3-9
APPLICATION_CONTEXT_ITEM, USER_INFORMATION_ITEM = 0x10, 0x50
ABSTRACT_SYNTAX, TRANSFER_SYNTAX = 0x30, 0x40
_MAXIMUM_LENGTH, _IMPLEMENTATION_CLASS, _IMPLEMENTATION_VERSION = 0x51, 0x52, 0x55
_ROLES = 0x54
FIXED_PART = struct.Struct(">BxLHxx16s16s32s")
_ITEM = struct.Struct(">BxH")
_LONGEST_UID, _LONGEST_VERSION, TITLE_BYTES = 64, 16, 16
_NO_LIMIT = 0
# Named by nobody: stands for what is no UID, so that its presentation context is not accepted.
NO_SYNTAX = b"1.2.840.10008.0"
# Stands where a title is none, or is not to be looked at.
NO_TITLE = b"?"


def title_of(field: bytes) -> bytes:
    """Return an AE title without its padding, empty where it is none (PS3.5 Section 6.2, AE).

    Padding is by blanks; programs that keep titles as C strings pad by NUL, or leave behind the
    first NUL what was there before.
    """
    title = field.strip(b" \0").split(b"\0")[0].rstrip(b" ")
    usable = all(0x20 <= letter < 0x7F and letter != ord("\\") for letter in title)
    return title if usable else b""


def items_of(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield type and value of each item.

    Raises
    ------
    MalformedPduError
        An item reaches past the end.
    """
    position = 0
    while position < len(data):
        if position + _ITEM.size > len(data):
            raise MalformedPduError("an item of an association PDU ends within its head")
        kind, length = _ITEM.unpack_from(data, position)
        position += _ITEM.size
        if position + length > len(data):
            raise MalformedPduError(f"item {kind:02X}H of an association PDU reaches past its end")
        yield kind, data[position : position + length]
        position += length


def item(kind: int, value: bytes) -> bytes:
    """Return an item."""
    return _ITEM.pack(kind, len(value)) + value


def uid_of(value: bytes) -> bytes:
    """Return a UID without its padding, empty where it is none (PS3.8 Annex F)."""
    uid = value.strip(b" \0")
    usable = 0 < len(uid) <= _LONGEST_UID and uid.isascii() and uid.decode("ascii").isprintable()
    return uid if usable else b""


def fixed_and_variable(
    pdu: bytes, name: str
) -> tuple[tuple[int, int, int, bytes, bytes, bytes], list[tuple[int, bytes]]]:
    """Return the fields of an association PDU's fixed part, and its items.

    Type, length, protocol version, called and calling AE title, and what is reserved.

    Raises
    ------
    MalformedPduError
        It ends within its fixed part, or an item reaches past the end.
    """
    if len(pdu) < FIXED_PART.size:
        raise MalformedPduError(f"an {name} ends within its fixed part")
    return FIXED_PART.unpack_from(pdu), list(items_of(pdu[FIXED_PART.size :]))


def variable_part(kind: int, contexts: Iterable[bytes], information: bytes) -> bytes:
    """Return DICOM's application context, presentation contexts of a kind, user information."""
    return b"".join(
        (
            item(APPLICATION_CONTEXT_ITEM, APPLICATION_CONTEXT),
            *(item(kind, context) for context in contexts),
            item(USER_INFORMATION_ITEM, information),
        )
    )


def user_information(items: Iterable[tuple[int, bytes]]) -> dict[int, list[bytes]]:
    """Return the sub-items of the user information, by type."""
    found: dict[int, list[bytes]] = {}
    for outer, value in items:
        if outer == USER_INFORMATION_ITEM:
            for kind, part in items_of(value):
                found.setdefault(kind, []).append(part)
    return found


def maximum_length(information: dict[int, list[bytes]]) -> int:
    """Return the longest P-DATA-TF that the peer takes; a peer that does not say has no limit."""
    value = information.get(_MAXIMUM_LENGTH, [b""])[0]
    return int.from_bytes(value, "big") if len(value) == 4 else _NO_LIMIT


def told(information: dict[int, list[bytes]], length: int) -> bytes:
    """Return the user information that the node takes note of, each kind once but for roles.

    It negotiates no asynchronous operations, no extensions and no identities (PS3.7 Annex D.3.3):
    what is not answered is not agreed on, so it is left out.
    """
    told = item(_MAXIMUM_LENGTH, length.to_bytes(4, "big"))
    if uid := uid_of(information.get(_IMPLEMENTATION_CLASS, [b""])[0]):
        told += item(_IMPLEMENTATION_CLASS, uid)
    version = title_of(information.get(_IMPLEMENTATION_VERSION, [b""])[0])
    if 0 < len(version) <= _LONGEST_VERSION:
        told += item(_IMPLEMENTATION_VERSION, version)
    return told + b"".join(item(_ROLES, role) for role in map(_role, information.get(_ROLES, [])))


def _role(value: bytes) -> bytes:
    """Return an SCP/SCU role selection, that of no SOP Class where it is none (Table D.3-9)."""
    length = int.from_bytes(value[:2], "big")
    uid, flags = uid_of(value[2 : 2 + length]), value[2 + length :]
    if not uid or len(flags) != 2 or max(flags) > 1:
        uid, flags = NO_SYNTAX, b"\1\0"
    return len(uid).to_bytes(2, "big") + uid + flags
