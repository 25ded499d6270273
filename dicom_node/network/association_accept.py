"""Reads an A-ASSOCIATE-AC as the Standard says, before the library does (PS3.8 Section 9.3.3).

The counterpart of ``association_request``, for peers that the node sends to: what they say that
nobody knows is skipped, and a maximum length that they leave out is no limit.
"""

from dicom_node.network.errors import MalformedPduError
from dicom_node.network.pdu_items import (
    FIXED_PART,
    NO_SYNTAX,
    NO_TITLE,
    TITLE_BYTES,
    TRANSFER_SYNTAX,
    fixed_and_variable,
    item,
    items_of,
    maximum_length,
    told,
    uid_of,
    user_information,
    variable_part,
)

_PRESENTATION_CONTEXT = 0x21
# PS3.8 Table 9-18
_ACCEPTED, _NO_REASON, _NO_TRANSFER_SYNTAX, _LAST_RESULT = 0, 2, 4, 4


def read_associate_accept(pdu: bytes) -> bytes:
    """Return an A-ASSOCIATE-AC as the library is to read it.

    Raises
    ------
    MalformedPduError
        An item reaches past the end.
    """
    (kind, *_), items = fixed_and_variable(pdu, "A-ASSOCIATE-AC")
    information = user_information(items)
    results = [_result(value) for which, value in items if which == _PRESENTATION_CONTEXT]
    told_again = told(information, maximum_length(information))
    variable = variable_part(_PRESENTATION_CONTEXT, results, told_again)
    # The titles shall not be tested (Table 9-17).
    title = NO_TITLE.ljust(TITLE_BYTES)
    length = FIXED_PART.size - 6 + len(variable)
    return FIXED_PART.pack(kind, length, 1, title, title, bytes(32)) + variable


def _result(value: bytes) -> bytes:
    """Return what became of a presentation context; without a syntax it was not accepted."""
    if len(value) < 4 or not value[0] & 1:
        raise MalformedPduError("the result of a presentation context of no odd number")
    result = value[2] if value[2] <= _LAST_RESULT else _NO_REASON
    named = [uid_of(raw) for kind, raw in items_of(value[4:]) if kind == TRANSFER_SYNTAX]
    syntax = named[0] if named else b""
    if result == _ACCEPTED and not syntax:
        result = _NO_TRANSFER_SYNTAX
    chosen = item(TRANSFER_SYNTAX, syntax if result == _ACCEPTED else NO_SYNTAX)
    return bytes((value[0], 0, result, 0)) + chosen
