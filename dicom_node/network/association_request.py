"""Reads an A-ASSOCIATE-RQ as the Standard says, before the library does (PS3.8 Section 9.3.2).

The library takes the bytes of a request apart and trusts what it finds: an item that it does not
know, an AE title of blanks or an odd UID ends in an exception and an A-ABORT. Here the bytes are
read first. What the Standard wants skipped is left out, what is padded is stripped, what is missing
and has a meaning is put in, and what cannot be accepted is named by the A-ASSOCIATE-RJ that says
so. The library is given a request that it understands.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from dicom_node.network.access import Refusal
from dicom_node.network.errors import MalformedPduError
from dicom_node.network.pdu_items import (
    ABSTRACT_SYNTAX,
    APPLICATION_CONTEXT,
    APPLICATION_CONTEXT_ITEM,
    FIXED_PART,
    NO_SYNTAX,
    NO_TITLE,
    TITLE_BYTES,
    TRANSFER_SYNTAX,
    fixed_and_variable,
    item,
    items_of,
    maximum_length,
    title_of,
    told,
    uid_of,
    user_information,
    variable_part,
)

_PRESENTATION_CONTEXT = 0x20
# A P-DATA-TF carries a fragment of two bytes at least: 6 bytes around it, and lengths are even.
_SHORTEST_PDU = 8


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
    fields, items = fixed_and_variable(pdu, "A-ASSOCIATE-RQ")
    kind, _, version, called, calling, reserved = fields
    called, calling = title_of(called), title_of(calling)
    contexts = [_context(value) for kind, value in items if kind == _PRESENTATION_CONTEXT]
    if len({context[0] for context in contexts}) < len(contexts):
        raise MalformedPduError("two presentation contexts have one number")
    information = user_information(items)
    length = maximum_length(information)
    variable = variable_part(_PRESENTATION_CONTEXT, contexts, told(information, length))
    fixed = FIXED_PART.pack(
        kind,
        FIXED_PART.size - 6 + len(variable),
        1,
        (called or NO_TITLE).ljust(TITLE_BYTES),
        (calling or NO_TITLE).ljust(TITLE_BYTES),
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
    names = {uid_of(value) for kind, value in items if kind == APPLICATION_CONTEXT_ITEM}
    if not version & 1:  # PS3.8 Table 9-11: only bit 0 is tested
        return Refusal.PROTOCOL_VERSION_UNKNOWN
    if names != {APPLICATION_CONTEXT}:
        return Refusal.APPLICATION_CONTEXT_UNKNOWN
    if not called:
        return Refusal.CALLED_AE_UNKNOWN
    if not calling:
        return Refusal.CALLING_AE_UNKNOWN
    if all(kind != _PRESENTATION_CONTEXT for kind, _ in items) or 0 < length < _SHORTEST_PDU:
        return Refusal.REQUEST_UNUSABLE
    return None


def _context(value: bytes) -> bytes:
    """Return a presentation context of one abstract and some transfer syntaxes (Table 9-13)."""
    if len(value) < 4:
        raise MalformedPduError("a presentation context without a number")
    if not value[0] & 1:
        raise MalformedPduError(f"a presentation context of the even number {value[0]}")
    parts = list(items_of(value[4:]))
    abstract = [uid_of(uid) for kind, uid in parts if kind == ABSTRACT_SYNTAX]
    transfer = [uid for kind, raw in parts if kind == TRANSFER_SYNTAX and (uid := uid_of(raw))]
    return b"".join(
        (
            bytes((value[0], 0, 0, 0)),
            item(ABSTRACT_SYNTAX, (abstract and abstract[0]) or NO_SYNTAX),
            *(item(TRANSFER_SYNTAX, uid) for uid in transfer or [NO_SYNTAX]),
        )
    )
