"""Reads an A-ASSOCIATE-RQ as the Standard says, before the library does (PS3.8 Section 9.3.2).

The library takes the bytes of a request apart and trusts what it finds: an item that it does not
know, an AE title of blanks or an odd UID ends in an exception and an A-ABORT. Here the bytes are
read first. What the Standard wants skipped is left out, what is padded is stripped, what is missing
and has a meaning is put in, and what cannot be accepted is named by the A-ASSOCIATE-RJ that says
so. The library is given a request that it understands.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dicom_node.network.access import Refusal
from dicom_node.network.errors import MalformedPduError

APPLICATION_CONTEXT = b"1.2.840.10008.3.1.1.1"
# PS3.8 Tables 9-12 to 9-16 and D.1-1, PS3.7 Tables D.3-1 and D.3-3
_APPLICATION_CONTEXT, _PRESENTATION_CONTEXT, _USER_INFORMATION = 0x10, 0x20, 0x50
_ABSTRACT_SYNTAX, _TRANSFER_SYNTAX = 0x30, 0x40
_MAXIMUM_LENGTH, _IMPLEMENTATION_CLASS, _IMPLEMENTATION_VERSION = 0x51, 0x52, 0x55
_ROLES = 0x54
_FIXED_PART = struct.Struct(">BxLHxx16s16s32s")
_ITEM = struct.Struct(">BxH")
_LONGEST_UID, _LONGEST_VERSION, _TITLE_BYTES = 64, 16, 16
# A P-DATA-TF carries a fragment of two bytes at least: 6 bytes around it, and lengths are even.
_SHORTEST_PDU = 8
_NO_LIMIT = 0
# Named by nobody: stands for what is no UID, so that its presentation context is not accepted.
_NO_SYNTAX = b"1.2.840.10008.0"
# Stands where a title is none; such a request is rejected, whatever it is called.
_NO_TITLE = b"?"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociateRequest:
    """What an A-ASSOCIATE-RQ asks for.

    ``refusal`` says why it cannot be accepted whoever asks; ``pdu`` is the request as the library
    is to read it.
    """

    calling_ae: str
    called_ae: str
    refusal: Refusal | None
    pdu: bytes


def read_associate_request(pdu: bytes) -> AssociateRequest:
    """Read an A-ASSOCIATE-RQ.

    Raises
    ------
    MalformedPduError
        An item reaches past the end, or presentation contexts are not told apart by odd numbers:
        that is answered by an A-ABORT.
    """
    if len(pdu) < _FIXED_PART.size:
        raise MalformedPduError("an A-ASSOCIATE-RQ ends within its fixed part")
    kind, _, version, called, calling, reserved = _FIXED_PART.unpack_from(pdu)
    called, calling = _title(called), _title(calling)
    items = list(_items(pdu[_FIXED_PART.size :]))
    contexts = [_context(value) for item, value in items if item == _PRESENTATION_CONTEXT]
    if len({context[0] for context in contexts}) < len(contexts):
        raise MalformedPduError("two presentation contexts have one number")
    information = _user_information(items)
    length = _maximum_length(information)
    variable = b"".join(
        (
            _item(_APPLICATION_CONTEXT, APPLICATION_CONTEXT),
            *(_item(_PRESENTATION_CONTEXT, context) for context in contexts),
            _item(_USER_INFORMATION, _told(information, length)),
        )
    )
    fixed = _FIXED_PART.pack(
        kind,
        _FIXED_PART.size - 6 + len(variable),
        1,
        (called or _NO_TITLE).ljust(_TITLE_BYTES),
        (calling or _NO_TITLE).ljust(_TITLE_BYTES),
        reserved,
    )
    return AssociateRequest(
        calling_ae=calling.decode("ascii"),
        called_ae=called.decode("ascii"),
        refusal=_refusal(version, items, called, calling, length),
        pdu=fixed + variable,
    )


def _refusal(
    version: int, items: Iterable[tuple[int, bytes]], called: bytes, calling: bytes, length: int
) -> Refusal | None:
    names = {_uid(value) for item, value in items if item == _APPLICATION_CONTEXT}
    if not version & 1:  # PS3.8 Table 9-11: only bit 0 is tested
        return Refusal.PROTOCOL_VERSION_UNKNOWN
    if names != {APPLICATION_CONTEXT}:
        return Refusal.APPLICATION_CONTEXT_UNKNOWN
    if not called:
        return Refusal.CALLED_AE_UNKNOWN
    if not calling:
        return Refusal.CALLING_AE_UNKNOWN
    if all(item != _PRESENTATION_CONTEXT for item, _ in items) or 0 < length < _SHORTEST_PDU:
        return Refusal.REQUEST_UNUSABLE
    return None


def _title(field: bytes) -> bytes:
    """Return an AE title without its padding, empty where it is none (PS3.5 Section 6.2, AE).

    Padding is by blanks; programs that keep titles as C strings pad by NUL, or leave behind the
    first NUL what was there before.
    """
    title = field.strip(b" \0").split(b"\0")[0].rstrip(b" ")
    usable = all(0x20 <= letter < 0x7F and letter != ord("\\") for letter in title)
    return title if usable else b""


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position < len(data):
        if position + _ITEM.size > len(data):
            raise MalformedPduError("an item of an A-ASSOCIATE-RQ ends within its head")
        item, length = _ITEM.unpack_from(data, position)
        position += _ITEM.size
        if position + length > len(data):
            raise MalformedPduError(f"item {item:02X}H of an A-ASSOCIATE-RQ reaches past its end")
        yield item, data[position : position + length]
        position += length


def _item(kind: int, value: bytes) -> bytes:
    return _ITEM.pack(kind, len(value)) + value


def _context(value: bytes) -> bytes:
    """Return a presentation context of one abstract and some transfer syntaxes (Table 9-13)."""
    if len(value) < 4:
        raise MalformedPduError("a presentation context without a number")
    if not value[0] & 1:
        raise MalformedPduError(f"a presentation context of the even number {value[0]}")
    parts = list(_items(value[4:]))
    abstract = [_uid(uid) for item, uid in parts if item == _ABSTRACT_SYNTAX]
    transfer = [uid for item, raw in parts if item == _TRANSFER_SYNTAX and (uid := _uid(raw))]
    return b"".join(
        (
            bytes((value[0], 0, 0, 0)),
            _item(_ABSTRACT_SYNTAX, (abstract and abstract[0]) or _NO_SYNTAX),
            *(_item(_TRANSFER_SYNTAX, uid) for uid in transfer or [_NO_SYNTAX]),
        )
    )


def _uid(value: bytes) -> bytes:
    """Return a UID without its padding, empty where it is none (PS3.8 Annex F)."""
    uid = value.strip(b" \0")
    usable = 0 < len(uid) <= _LONGEST_UID and uid.isascii() and uid.decode("ascii").isprintable()
    return uid if usable else b""


def _user_information(items: Iterable[tuple[int, bytes]]) -> dict[int, list[bytes]]:
    found: dict[int, list[bytes]] = {}
    for item, value in items:
        if item == _USER_INFORMATION:
            for kind, part in _items(value):
                found.setdefault(kind, []).append(part)
    return found


def _maximum_length(information: dict[int, list[bytes]]) -> int:
    """Return the longest P-DATA-TF that the peer takes; a peer that does not say has no limit."""
    value = information.get(_MAXIMUM_LENGTH, [b""])[0]
    return int.from_bytes(value, "big") if len(value) == 4 else _NO_LIMIT


def _told(information: dict[int, list[bytes]], length: int) -> bytes:
    """Return the user information that the node takes note of, each kind once but for roles.

    It negotiates no asynchronous operations, no extensions and no identities (PS3.7 Annex D.3.3):
    what is not answered is not agreed on, so it is left out.
    """
    told = _item(_MAXIMUM_LENGTH, length.to_bytes(4, "big"))
    if uid := _uid(information.get(_IMPLEMENTATION_CLASS, [b""])[0]):
        told += _item(_IMPLEMENTATION_CLASS, uid)
    version = _title(information.get(_IMPLEMENTATION_VERSION, [b""])[0])
    if 0 < len(version) <= _LONGEST_VERSION:
        told += _item(_IMPLEMENTATION_VERSION, version)
    return told + b"".join(_item(_ROLES, role) for role in map(_role, information.get(_ROLES, [])))


def _role(value: bytes) -> bytes:
    """Return an SCP/SCU role selection, that of no SOP Class where it is none (Table D.3-9)."""
    length = int.from_bytes(value[:2], "big")
    uid, flags = _uid(value[2 : 2 + length]), value[2 + length :]
    if not uid or len(flags) != 2 or max(flags) > 1:
        uid, flags = _NO_SYNTAX, b"\1\0"
    return len(uid).to_bytes(2, "big") + uid + flags
