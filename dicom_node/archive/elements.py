"""Find the top-level elements of an encoded data set without decoding it (PS3.5 Section 7).

The receive path reads two dozen attributes of every object. Skipping from element to element in
place costs a fifth of building a pydicom data set, and can fail in one way only.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from dicom_node.domain.reception import UnreadableDatasetError

Buffer = bytes | bytearray | memoryview

UNDEFINED_LENGTH = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD

# PS3.5 Table 7.1-1: these carry a 32-bit length, every other VR a 16-bit one.
_LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """Where an element's value lies in the buffer; ``vr`` is empty in implicit VR."""

    tag: int
    vr: bytes
    start: int
    end: int


class EncodedDataset:
    """A data set as bytes, with the encoding that its transfer syntax gives it."""

    __slots__ = (
        "_explicit",
        "_head",
        "_left",
        "_long",
        "_plain",
        "_short",
        "big_endian",
        "data",
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
        self._explicit = self._looks_explicit(declared=transfer_syntax_uid not in _IMPLICIT_VR)

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
            tag, vr, value, length = self._element_at(position, explicit=self._explicit)
            if tag in (ITEM_END, SEQUENCE_END) or group not in (None, tag >> 16):
                return
            if length == UNDEFINED_LENGTH:
                position = self._end_of_undefined(value, explicit=self._nested_explicit(vr))
            else:
                position = value + length
            if position > end and tag >> 16 < 0x7FE0:
                raise UnreadableDatasetError(
                    f"element {_name(tag)} reaches past the end of the data"
                )
            yield Element(tag=tag, vr=vr, start=value, end=min(position, end))

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
        position = sequence.start
        while position + 8 <= sequence.end:
            group, number, length = self._plain.unpack_from(self.data, position)
            if group << 16 | number != ITEM:
                return
            start = position + 8
            if length == UNDEFINED_LENGTH:
                position = self._end_of_undefined(start, explicit=self._explicit)
            else:
                position = min(start + length, sequence.end)
            yield list(self.elements(start, position))

    def number(self, element: Element) -> int | None:
        """Return an unsigned short (US), or ``None`` where the value has another length."""
        value = self.value(element)
        return int(self._short.unpack(value)[0]) if len(value) == 2 else None

    def _looks_explicit(self, *, declared: bool) -> bool:
        # Senders that label implicit VR as explicit, or the reverse, exist; the first element's
        # VR field tells, because in implicit VR those two bytes are the low half of a length.
        vr = bytes(self.data[4:6])
        if declared:
            return len(vr) < 2 or (vr.isalpha() and vr.isupper()) or self._has_odd_vr(0)
        return vr in _LONG_VRS or vr in _SHORT_VRS

    def _nested_explicit(self, vr: bytes) -> bool:
        # PS3.5 Section 6.2.2: an undefined-length UN holds implicit VR.
        return self._explicit and vr != b"UN"

    def _element_at(self, position: int, *, explicit: bool) -> tuple[int, bytes, int, int]:
        """Return tag, VR, start of the value and its length."""
        self._left -= 1
        if self._left < 0:
            raise UnreadableDatasetError("the header has more elements than any image needs")
        try:
            group, number, vr, short = self._head.unpack_from(self.data, position)
            tag = group << 16 | number
            # Letters that are no VR are taken as a VR of later editions, which all are long.
            if explicit and group != 0xFFFE and vr.isalpha() and vr.isupper():
                if vr in _SHORT_VRS:
                    return tag, vr, position + 8, short
                return tag, vr, position + 12, self._long.unpack_from(self.data, position + 8)[0]
            odd = self._odd_value(position, tag) if explicit and group != 0xFFFE else None
            if odd is not None:
                return tag, b"", *odd
            return tag, b"", position + 8, self._long.unpack_from(self.data, position + 4)[0]
        except struct.error as error:
            raise UnreadableDatasetError("the data ends within the head of an element") from error

    def _has_odd_vr(self, position: int) -> bool:
        """Tell whether an explicit element begins here whose VR is none, and others follow it."""
        if position + 8 > len(self.data):
            return False
        group, number, _, _ = self._head.unpack_from(self.data, position)
        return self._odd_value(position, group << 16 | number) is not None

    def _odd_value(self, position: int, tag: int) -> tuple[int, int] | None:
        """Return start and length of the value of an element whose VR is none: '??', or NULs.

        Some writers know no VR for an element and put in what comes to hand. Its length may be
        short, or long behind two reserved bytes, or that of an element of implicit VR: the one
        behind which the data set goes on is right.
        """
        short = self._head.unpack_from(self.data, position)[3]
        heads = [(position + 8, short), (position + 8, self._length_at(position + 4))]
        if position + 12 <= len(self.data):
            heads.append((position + 12, self._length_at(position + 8)))
        for start, length in heads:
            undefined = length == UNDEFINED_LENGTH
            if self._begins_item(start) if undefined else self._goes_on_at(start + length, tag):
                return start, length
        return None

    def _length_at(self, position: int) -> int:
        return int(self._long.unpack_from(self.data, position)[0])

    def _begins_item(self, position: int) -> bool:
        if position + 8 > len(self.data):
            return False
        group, number, _ = self._plain.unpack_from(self.data, position)
        return bool(group << 16 | number in (ITEM, SEQUENCE_END))

    def _goes_on_at(self, position: int, tag: int) -> bool:
        """Tell whether the data end here, or an explicit element behind ``tag`` has its place."""
        if position + 8 > len(self.data):
            return position == len(self.data)
        group, number, vr, short = self._head.unpack_from(self.data, position)
        following = group << 16 | number
        if following in (ITEM, ITEM_END, SEQUENCE_END):
            return True
        fits = vr in _LONG_VRS or (vr in _SHORT_VRS and position + 8 + short <= len(self.data))
        return following > tag and fits

    def _end_of_undefined(self, position: int, *, explicit: bool) -> int:
        """Return the position behind the delimiter that closes an undefined length."""
        open_levels = [explicit]
        while open_levels:
            tag, vr, value, length = self._element_at(position, explicit=open_levels[-1])
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


def _name(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
