"""Reads the command set of a DIMSE request, and tells what makes it unanswerable or wrong.

The library reads a command set into attributes that check what is assigned to them, and an
identifier of 68 characters ends in an exception and an A-ABORT: the other images of the association
are lost with it. PS3.7 has statuses for such a request. It is read here first, as bytes (Section
6.3.1: Implicit VR Little Endian), and what can be answered is.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from dicom_node.network.errors import MalformedMessageError
from dicom_node.network.status import (
    DESTINATION_UNKNOWN,
    INVALID_ARGUMENT,
    INVALID_SOP_INSTANCE,
    NO_SUCH_ACTION,
    NO_SUCH_EVENT,
    NO_SUCH_SOP_CLASS,
    PROCESSING_FAILURE,
    SOP_CLASS_NOT_SUPPORTED,
    UNRECOGNIZED_OPERATION,
)

# PS3.7 Table E.1-1
C_STORE_RQ, C_GET, C_FIND, C_MOVE, C_ECHO, C_CANCEL_RQ = (
    0x0001,
    0x0010,
    0x0020,
    0x0021,
    0x0030,
    0x0FFF,
)
N_EVENT_REPORT, N_GET, N_SET, N_ACTION, N_CREATE, N_DELETE = range(0x0100, 0x0151, 0x0010)
REQUESTS = frozenset(
    {C_STORE_RQ, C_GET, C_FIND, C_MOVE, C_ECHO, C_CANCEL_RQ}
    | {N_EVENT_REPORT, N_GET, N_SET, N_ACTION, N_CREATE, N_DELETE}
)
RESPONSE = 0x8000
NO_DATA_SET = 0x0101
# Elements of group 0000 (PS3.7 Section E.1)
_AFFECTED_CLASS, _REQUESTED_CLASS = 0x0002, 0x0003
_FIELD, _MESSAGE_ID, _RESPONDED_TO, _DATA_SET = 0x0100, 0x0110, 0x0120, 0x0800
_STATUS, _AFFECTED_INSTANCE, _REQUESTED_INSTANCE = 0x0900, 0x1000, 0x1001
_LONGEST_UID = 64
_HEAD = struct.Struct("<HHL")
_SHORT = struct.Struct("<H")
_MOVE_DESTINATION, _PRIORITY = 0x0600, 0x0700
_TITLES = frozenset({_MOVE_DESTINATION})
_EVENT_TYPE, _ACTION_TYPE, _ATTRIBUTES = 0x1002, 0x1008, 0x1005
_LOWEST_PRIORITY = 2
_LONGEST_TITLE = 16
_TAG_BYTES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why a request is answered by a failure before anybody serves it."""

    status: int
    comment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSet:
    """The elements of group 0000, by element number, and the three that each must have."""

    elements: Mapping[int, bytes]
    field: int
    message_id: int
    has_data_set: bool

    def encoded(self) -> bytes:
        """Return it as the library reads it: NUL at an end of a title is padding, as in a UID."""
        elements = {
            number: _padded(value.strip(b" \0")) if number in _TITLES else value
            for number, value in sorted(self.elements.items())
            if number
        }
        body = b"".join(
            _HEAD.pack(0, number, len(value)) + value for number, value in elements.items()
        )
        return _HEAD.pack(0, 0, 4) + len(body).to_bytes(4, "little") + body

    @property
    def is_request(self) -> bool:
        """Whether it asks for something, rather than answering."""
        return not self.field & RESPONSE

    @property
    def affected_class(self) -> str:
        """The Affected SOP Class UID, empty where there is none that can be."""
        return self._uid(_AFFECTED_CLASS)

    @property
    def affected_instance(self) -> str:
        """The Affected SOP Instance UID, empty where there is none that can be."""
        return self._uid(_AFFECTED_INSTANCE)

    @property
    def sop_class(self) -> str:
        """The SOP Class UID that a request is about, empty where there is none that can be."""
        return self.affected_class or self._uid(_REQUESTED_CLASS)

    @property
    def status_of_wrong_class(self) -> int:
        """The status of a request whose SOP Class cannot be served (PS3.7 Annex C.5)."""
        return SOP_CLASS_NOT_SUPPORTED if self.field < N_EVENT_REPORT else NO_SUCH_SOP_CLASS

    @property
    def status(self) -> int:
        """The status of an answer; one that has none counts as a failure (PS3.7 Annex C.5.22)."""
        value = self.elements.get(_STATUS, b"")
        return int(_SHORT.unpack(value)[0]) if len(value) == _SHORT.size else PROCESSING_FAILURE

    def fault(self) -> Fault | None:
        """Return what is wrong with a request that can be answered all the same."""
        if self.field not in REQUESTS:
            return Fault(status=UNRECOGNIZED_OPERATION, comment="no operation of DIMSE")
        wrong_class = self.status_of_wrong_class
        faults = (
            (_AFFECTED_CLASS, wrong_class, "SOP Class UID is none"),
            (_REQUESTED_CLASS, wrong_class, "SOP Class UID is none"),
            (_AFFECTED_INSTANCE, INVALID_SOP_INSTANCE, "SOP Instance UID is none"),
            (_REQUESTED_INSTANCE, INVALID_SOP_INSTANCE, "SOP Instance UID is none"),
        )
        needed = self._needed()
        for element, status, comment in faults:
            present = bool(self.elements.get(element, b"").strip(b" \0"))
            if (present or element in needed) and not self._uid(element):
                return Fault(status=status, comment=comment)
        return self._argument_fault()

    def _needed(self) -> tuple[int, ...]:
        """Return which UIDs a request must have (PS3.7 Sections 9.3 and 10.3)."""
        if self.field in (C_STORE_RQ, N_EVENT_REPORT):
            return (_AFFECTED_CLASS, _AFFECTED_INSTANCE)
        if self.field < N_EVENT_REPORT or self.field == N_CREATE:
            return (_AFFECTED_CLASS,)
        return (_REQUESTED_CLASS, _REQUESTED_INSTANCE)

    def _argument_fault(self) -> Fault | None:
        """Return what is wrong with the other elements that the library would stumble over."""
        if self.field in (C_GET, C_FIND, C_MOVE):
            priority = self.elements.get(_PRIORITY, b"\0\0")[: _SHORT.size]
            if int.from_bytes(priority, "little") > _LOWEST_PRIORITY:
                return Fault(status=INVALID_ARGUMENT, comment="Priority is none that there is")
        if self.field == C_MOVE and not self._is_title(_MOVE_DESTINATION):
            return Fault(status=DESTINATION_UNKNOWN, comment="Move Destination is no AE title")
        if self.field == N_EVENT_REPORT and not self._is_short(_EVENT_TYPE):
            return Fault(status=NO_SUCH_EVENT, comment="Event Type ID is none")
        if self.field == N_ACTION and not self._is_short(_ACTION_TYPE):
            return Fault(status=NO_SUCH_ACTION, comment="Action Type ID is none")
        if len(self.elements.get(_ATTRIBUTES, b"")) % _TAG_BYTES:
            return Fault(status=INVALID_ARGUMENT, comment="Attribute Identifier List is none")
        return None

    def _is_short(self, element: int) -> bool:
        return len(self.elements.get(element, b"")) == _SHORT.size

    def _is_title(self, element: int) -> bool:
        value = self.elements.get(element, b"").strip(b" \0")
        text = value.decode("ascii", "replace")
        usable = value.isascii() and text.isprintable() and "\\" not in text
        return usable and 0 < len(value) <= _LONGEST_TITLE

    def _uid(self, element: int) -> str:
        value = self.elements.get(element, b"").strip(b" \0")
        usable = len(value) <= _LONGEST_UID and value.isascii()
        return value.decode("ascii") if usable else ""


def _padded(value: bytes) -> bytes:
    return value + b" " * (len(value) % 2)


def read_command_set(data: bytes) -> CommandSet:
    """Read a command set.

    Raises
    ------
    MalformedMessageError
        The bytes are no elements of group 0000, or lack what an answer needs.
    """
    elements: dict[int, bytes] = {}
    position = 0
    while position < len(data):
        if position + _HEAD.size > len(data):
            raise MalformedMessageError("a command set ends within the head of an element")
        group, element, length = _HEAD.unpack_from(data, position)
        position += _HEAD.size
        if group or position + length > len(data):
            raise MalformedMessageError(f"({group:04X},{element:04X}) in a command set of its size")
        elements[element] = data[position : position + length]
        position += length
    field = _short(elements, _FIELD)
    answers = field == C_CANCEL_RQ or field & RESPONSE
    return CommandSet(
        elements=elements,
        field=field,
        message_id=_short(elements, _RESPONDED_TO if answers else _MESSAGE_ID),
        has_data_set=_short(elements, _DATA_SET) != NO_DATA_SET,
    )


def _short(elements: Mapping[int, bytes], element: int) -> int:
    value = elements.get(element, b"")
    if len(value) != _SHORT.size:
        raise MalformedMessageError(f"(0000,{element:04X}) of a command set is missing or no short")
    return int(_SHORT.unpack(value)[0])
