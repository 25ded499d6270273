"""Find the top-level elements of an encoded data set without decoding it (PS3.5 Section 7).

The receive path reads two dozen attributes of every object. Skipping from element to element in
place costs a fifth of building a pydicom data set, and can fail in one way only.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from dicom_node.domain.reception import UnreadableDatasetError

Buffer = bytes | bytearray | memoryview

UNDEFINED_LENGTH = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD

# PS3.5 Table 7.1-1: these carry a 32-bit length, every other VR a 16-bit one.
LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())

_IMPLICIT_VR = frozenset(
    {
        "1.2.840.10008.1.2",
        "1.2.840.10008.1.20",  # Papyrus 3
        "1.2.840.113619.5.2",  # GE private: implicit VR with big endian pixel data
    }
)
_BIG_ENDIAN = frozenset({"1.2.840.10008.1.2.2"})
_DEFLATED = frozenset(
    {
        "1.2.840.10008.1.2.1.99",
        "1.2.840.10008.1.2.4.95",  # JPIP Referenced Deflate
        "1.2.840.10008.1.2.4.205",  # JPIP HTJ2K Referenced Deflate
    }
)
# A header does not need more, and a hostile deflated stream must not fill the memory.
_INFLATE_LIMIT = 8 * 1024 * 1024
# Nor as many elements, items included: reading so many takes about a second.
_MOST_ELEMENTS = 500_000


_DELIMITER = 8  # bytes
_PIXELS = 0x7FE00010
# How many elements with a VR must follow in their places for a guess at a length to be right, and
# how many are looked at for that.
_WITNESSES = 2
_FARTHEST = 100


class _Form(Enum):
    """How long the head of an element is that has something else in the place of its VR."""

    SHORT = auto()  # a length of 16 bits
    LONG = auto()  # two reserved bytes, and a length of 32 bits
    IMPLICIT = auto()  # no VR at all: a length of 32 bits begins in its place


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """Where an element's value lies in the buffer.

    ``vr`` is empty in implicit VR, and where what stands in its place is none. The value of an
    element of undefined length ends behind its delimiter.
    """

    tag: int
    vr: bytes
    start: int
    end: int
    has_undefined_length: bool = False


class EncodedDataset:
    """A data set as bytes, with the encoding that its transfer syntax gives it."""

    __slots__ = (
        "_head",
        "_left",
        "_long",
        "_plain",
        "_short",
        "big_endian",
        "data",
        "is_explicit",
        "truncated",
    )

    def __init__(self, data: Buffer, transfer_syntax_uid: str) -> None:
        """Inflate where the transfer syntax deflates.

        Raises
        ------
        UnreadableDatasetError
            The deflated stream is broken.
        """
        deflated = transfer_syntax_uid in _DEFLATED
        self.data = inflate(data) if deflated else data
        self.truncated = deflated and len(self.data) >= _INFLATE_LIMIT
        self.big_endian = transfer_syntax_uid in _BIG_ENDIAN
        self._left = _MOST_ELEMENTS
        order = ">" if self.big_endian else "<"
        self._head = struct.Struct(order + "HH2sH")
        self._plain = struct.Struct(order + "HHL")
        self._long = struct.Struct(order + "L")
        self._short = struct.Struct(order + "H")
        self.is_explicit = self._looks_explicit(declared=transfer_syntax_uid not in _IMPLICIT_VR)

    def elements(
        self, start: int = 0, end: int | None = None, *, group: int | None = None
    ) -> Iterator[Element]:
        """Yield the elements from ``start`` on, up to ``end``, an item's end or another group.

        Raises
        ------
        UnreadableDatasetError
            An element's head or value reaches past the end.
        """
        end = len(self.data) if end is None else end
        position = start
        while position + 8 <= end:
            # What follows a group may be anything: a data set of another syntax, or none.
            if group not in (None, self._short.unpack_from(self.data, position)[0]):
                return
            tag, vr, value, length = self._element_at(position, end, explicit=self.is_explicit)
            if tag in (ITEM_END, SEQUENCE_END):
                return
            undefined = length == UNDEFINED_LENGTH
            if undefined:
                position = self._end_of_undefined(value, explicit=self._nested_explicit(vr))
            else:
                position = value + length
            if position > end and tag >> 16 < 0x7FE0:
                raise UnreadableDatasetError(
                    f"element {_name(tag)} reaches past the end of the data"
                )
            yield Element(
                tag=tag,
                vr=vr,
                start=value,
                end=min(position, end),
                has_undefined_length=undefined,
            )

    def breaks_off(self, start: int) -> bool:
        """Tell whether the data, from an element's head at ``start`` on, end within an element.

        Encapsulated pixels whose last delimiter alone is missing are all there.
        """
        position, end = start, len(self.data)
        if self.truncated:
            return False
        try:
            while position + _DELIMITER <= end:
                tag, vr, value, length = self._element_at(position, end, explicit=self.is_explicit)
                if length != UNDEFINED_LENGTH:
                    position = value + length
                elif tag == _PIXELS:
                    position = self._end_of_fragments(value)
                else:
                    position = self._end_of_undefined(value, explicit=self._nested_explicit(vr))
        except UnreadableDatasetError:
            return True
        return position > end or any(self.data[position:end])  # NULs behind the last are padding

    def value(self, element: Element) -> bytes:
        """Return the bytes of an element's value."""
        return bytes(self.data[element.start : element.end])

    def first_item(self, sequence: Element) -> Iterator[Element]:
        """Yield the elements of a sequence's first item; nothing where it has none.

        Raises
        ------
        UnreadableDatasetError
            The item is broken.
        """
        if sequence.end - sequence.start < 8:
            return
        group, number, length = self._plain.unpack_from(self.data, sequence.start)
        if group << 16 | number != ITEM:
            return
        start = sequence.start + 8
        end = sequence.end if length == UNDEFINED_LENGTH else min(start + length, sequence.end)
        yield from self.elements(start, end)

    def items(self, sequence: Element) -> Iterator[list[Element]]:
        """Yield the elements of each item of a sequence.

        Raises
        ------
        UnreadableDatasetError
            An item is broken.
        """
        for start, end in self.item_places(sequence):
            yield list(self.elements(start, end))

    def item_places(self, sequence: Element) -> Iterator[tuple[int, int]]:
        """Yield where the elements of each item of a sequence begin and end.

        Raises
        ------
        UnreadableDatasetError
            An item is broken.
        """
        position = sequence.start
        while position + 8 <= sequence.end:
            group, number, length = self._plain.unpack_from(self.data, position)
            if group << 16 | number != ITEM:
                return
            start = position + 8
            if length == UNDEFINED_LENGTH:
                position = self._end_of_undefined(start, explicit=self.is_explicit)
                yield start, position - _DELIMITER
            else:
                position = min(start + length, sequence.end)
                yield start, position

    def number(self, element: Element) -> int | None:
        """Return an unsigned short (US), or ``None`` where the value has another length."""
        value = self.value(element)
        return int(self._short.unpack(value)[0]) if len(value) == 2 else None

    def _looks_explicit(self, *, declared: bool) -> bool:
        # Senders that label implicit VR as explicit, or the reverse, exist; the first element's
        # VR field tells, because in implicit VR those two bytes are the low half of a length.
        vr = bytes(self.data[4:6])
        if declared:
            return len(vr) < 2 or _is_written(vr) or self._has_odd_vr(0)
        return vr in LONG_VRS or vr in SHORT_VRS

    def _nested_explicit(self, vr: bytes) -> bool:
        # PS3.5 Section 6.2.2: an undefined-length UN holds implicit VR.
        return self.is_explicit and vr != b"UN"

    def _element_at(
        self, position: int, end: int, *, explicit: bool
    ) -> tuple[int, bytes, int, int]:
        """Return tag, VR, start of the value and its length."""
        self._left -= 1
        if self._left < 0:
            raise UnreadableDatasetError("the header has more elements than any image needs")
        try:
            group, number, vr, short = self._head.unpack_from(self.data, position)
            tag = group << 16 | number
            if explicit and group != 0xFFFE:
                if vr in SHORT_VRS:
                    return tag, vr, position + 8, short
                if vr in LONG_VRS and self._has_long_head(position, end):
                    return tag, vr, position + 12, self._length_at(position + 8)
                if (odd := self._odd_value(position, end, tag, vr)) is not None:
                    return tag, vr if _is_written(vr) else b"", *odd
                if _is_written(vr):
                    return tag, vr, position + 12, self._length_at(position + 8)
            return tag, b"", position + 8, self._length_at(position + 4)
        except struct.error as error:
            raise UnreadableDatasetError("the data ends within the head of an element") from error

    def _has_long_head(self, position: int, end: int) -> bool:
        """Tell whether two reserved bytes and a long length, and not a short one, follow a VR."""
        group, _, _, reserved = self._head.unpack_from(self.data, position)
        length = self._length_at(position + 8)
        fits = length == UNDEFINED_LENGTH or position + 12 + length <= end or group >= 0x7FE0
        return not reserved and fits

    def _has_odd_vr(self, position: int) -> bool:
        """Tell whether an explicit element begins here whose VR is none, and others follow it."""
        end = len(self.data)
        if position + 8 > end:
            return False
        group, number, vr, _ = self._head.unpack_from(self.data, position)
        return self._odd_value(position, end, group << 16 | number, vr) is not None

    def _odd_value(self, position: int, end: int, tag: int, vr: bytes) -> tuple[int, int] | None:
        """Return start and length of the value of an element whose VR is none: '??', or NULs.

        Some writers know no VR for an element and put in what comes to hand. Its length may be
        short, or long behind two reserved bytes, or that of an element of implicit VR: the one
        behind which the data set goes on is right.
        """
        if position + 8 > end:
            return None
        # Letters that are no VR are most often one of later editions, which all are long.
        forms = (_Form.LONG, _Form.SHORT) if _is_written(vr) else _Form
        for form in forms:
            start, length = self._value_by(form, position, end)
            undefined = length == UNDEFINED_LENGTH
            is_right = self._begins_item(start) if undefined else False
            if is_right or (not undefined and self._goes_on_at(start + length, end, tag, form)):
                return start, length
        return None

    def _value_by(self, form: _Form, position: int, end: int) -> tuple[int, int]:
        """Return start and length of an element's value, read by a form of its head."""
        if form is _Form.SHORT:
            return position + 8, self._head.unpack_from(self.data, position)[3]
        if form is _Form.IMPLICIT:
            return position + 8, self._length_at(position + 4)
        return (position + 12, self._length_at(position + 8)) if position + 12 <= end else (end, 1)

    def _length_at(self, position: int) -> int:
        return int(self._long.unpack_from(self.data, position)[0])

    def _begins_item(self, position: int) -> bool:
        if position + 8 > len(self.data):
            return False
        group, number, _ = self._plain.unpack_from(self.data, position)
        return bool(group << 16 | number in (ITEM, SEQUENCE_END))

    def _goes_on_at(self, position: int, end: int, tag: int, form: _Form) -> bool:
        """Tell whether the data end here, or explicit elements behind ``tag`` have their places.

        Others of them whose VR is none have the same ``form``: one writer has written them all.
        """
        witnesses = 0
        for _ in range(_FARTHEST):
            if position + 8 > end:
                return position == end
            group, number, vr, _ = self._head.unpack_from(self.data, position)
            following = group << 16 | number
            if group == 0xFFFE or following <= tag:
                return following in (ITEM_END, SEQUENCE_END)
            is_known = vr in SHORT_VRS or vr in LONG_VRS
            if group >= 0x7FE0 and is_known:  # pixels, which may break off
                return True
            witnesses += is_known
            own = _Form.LONG if vr in LONG_VRS else _Form.SHORT
            start, length = self._value_by(own if is_known else form, position, end)
            if length == UNDEFINED_LENGTH:
                return self._begins_item(start)
            position, tag = start + length, following
            if witnesses == _WITNESSES:
                break
        return position <= end

    def _end_of_fragments(self, position: int) -> int:
        """Return the position behind the last fragment, or the delimiter behind it."""
        while position + _DELIMITER <= len(self.data):
            group, number, length = self._plain.unpack_from(self.data, position)
            position += _DELIMITER + length
            if group << 16 | number != ITEM:
                break
        return position

    def _end_of_undefined(self, position: int, *, explicit: bool) -> int:
        """Return the position behind the delimiter that closes an undefined length."""
        open_levels = [explicit]
        while open_levels:
            tag, vr, value, length = self._element_at(
                position, len(self.data), explicit=open_levels[-1]
            )
            if tag in (ITEM_END, SEQUENCE_END):
                open_levels.pop()
                position = value
            elif length == UNDEFINED_LENGTH:
                open_levels.append(open_levels[-1] and vr != b"UN")
                position = value
            else:
                position = value + length
        return position


def inflate(data: Buffer) -> bytes:
    """Return the beginning of a deflated data set (PS3.5 Annex A.5), at most 8 MiB.

    Raises
    ------
    UnreadableDatasetError
        The stream is broken; one that only breaks off gives what it has.
    """
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, _INFLATE_LIMIT)
    except zlib.error as error:
        raise UnreadableDatasetError("the deflated data set cannot be inflated") from error


def _is_written(vr: bytes) -> bool:
    """Tell whether a VR is written as the Standard writes VRs, known or not."""
    return vr.isalpha() and vr.isupper()


def _name(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
