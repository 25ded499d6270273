"""Spoils encoded data sets by lot, knowing how they are built (PS3.5 Chapter 7).

A spoiler that knows nothing of the structure breaks the first length that it meets, and every
object ends in the same refusal. These change one thing of an element (its value, length, VR, place)
and leave the others readable, so that what is wrong is met where it is used.
"""

import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_LONG = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"UC", b"UN", b"UR", b"UT"})
_VRS = (
    *(b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"OB"),
    *(b"OW", b"PN", b"SH", b"SL", b"SQ", b"SS", b"ST", b"TM", b"UI", b"UL", b"UN", b"US", b"UT"),
    *(b"??", b"\0\0", b"xx"),
)
_TEXTS = (
    *(b"", b" ", b"\0", b"-1", b"0", b"1e400", b"NaN", b"1,5", b"\\", b"\\\\", b"a" * 70),
    *(b"\xff\xfe", b"\x1b$B", "Ä^Ö".encode(), b"1.2.840.00", b"20269999", b"999999", b"%s%n"),
    *(b"MONOCHROME1", b"PALETTE COLOR", b"YBR_FULL_422", b"ISO_IR 192", b"GB18030\\ISO_IR 100"),
)
_NUMBERS = (0, 1, 2, 7, 8, 9, 12, 15, 16, 17, 32, 255, 256, 4095, 32767, 32768, 40000, 65535)
_DEEPEST = 60
# Who the object is: nothing would be received twice under one name, and that is tried elsewhere.
_KEPT = frozenset({b"\x08\0\x16\0", b"\x08\0\x18\0", b"\x20\0\x0d\0"})
PATIENT = frozenset({b"\x10\0\x10\0", b"\x10\0\x20\0", b"\x10\0\x30\0", b"\x10\0\x40\0"})
"""Name, ID, birth date and sex: where they differ within a study, none of it is analysed."""
_PIXELS = b"\xe0\x7f\x10\0"


@dataclass(frozen=True, slots=True)
class Element:
    """One top-level element, Explicit VR Little Endian; ``length`` is what is written of it."""

    tag: bytes
    vr: bytes
    length: int
    value: bytes

    def encode(self) -> bytes:
        """Return its bytes."""
        if self.vr in _LONG:
            length = b"\0\0" + struct.pack("<I", self.length & 0xFFFFFFFF)
        else:
            length = struct.pack("<H", self.length & 0xFFFF)
        return self.tag + self.vr + length + self.value

    def holding(self, value: bytes) -> "Element":
        """Return it with another value, and the length of that."""
        even = value + b"\0" * (len(value) % 2)
        return Element(self.tag, self.vr, len(even), even)


def elements_of(data: bytes) -> list[Element]:
    """Take a data set in Explicit VR Little Endian apart; undefined lengths run to their end."""
    found, at = [], 0
    while at < len(data):
        tag, vr = data[at : at + 4], data[at + 4 : at + 6]
        if vr in _LONG:
            (length,) = struct.unpack_from("<I", data, at + 8)
            begin = at + 12
        else:
            (length,) = struct.unpack_from("<H", data, at + 6)
            begin = at + 8
        end = _end_of(data, begin) if length == 0xFFFFFFFF else begin + length
        found.append(Element(tag, vr, length, data[begin:end]))
        at = end
    return found


def _end_of(data: bytes, begin: int) -> int:
    """Return where an element of undefined length ends: only pixel data are so in the seeds."""
    at = begin
    while data[at : at + 4] == b"\xfe\xff\0\xe0":
        at += 8 + struct.unpack_from("<I", data, at + 4)[0]
    return at + 8


class Spoiler:
    """Spoils by the lots of one seed: the same seed spoils the same way.

    ``kept`` are tags of elements that stay as they are.
    """

    def __init__(self, seed: int, kept: frozenset[bytes] = frozenset()) -> None:
        self._kept = _KEPT | kept
        self._lot = random.Random(seed)  # noqa: S311 - nothing is kept secret by it
        self._ways: Sequence[Callable[[list[Element]], None]] = (
            *(self._value,) * 6,
            *(self._number,) * 4,
            *(self._vr, self._vr, self._length, self._length),
            *(self._remove, self._double, self._swap, self._nest, self._strange, self._pixels),
        )

    def spoiled(self, elements: Sequence[Element]) -> bytes:
        """Return a data set of which one to four things are wrong."""
        changed = list(elements)
        for _ in range(self._lot.choice((1, 1, 2, 3, 4))):
            self._lot.choice(self._ways)(changed)
        data = b"".join(each.encode() for each in changed)
        if self._lot.random() < 0.05:
            # Not to nothing: the SCU says that a data set follows, and sends none.
            data = data[: self._lot.randrange(len(data) + 1) or 1]
        return data

    def _any(self, elements: Sequence[Element]) -> int:
        open_to = [at for at, each in enumerate(elements) if each.tag not in self._kept]
        return self._lot.choice(open_to)

    def _value(self, elements: list[Element]) -> None:
        at = self._any(elements)
        value = self._lot.choice(_TEXTS)
        if self._lot.random() < 0.2:
            value = self._lot.randbytes(self._lot.randrange(40))
        if elements[at].tag != _PIXELS:
            elements[at] = elements[at].holding(value)

    def _number(self, elements: list[Element]) -> None:
        short = [at for at, each in enumerate(elements) if each.vr in (b"US", b"SS", b"UL", b"SL")]
        if not short:
            return
        at = self._lot.choice(short)
        wide = elements[at].vr in (b"UL", b"SL")
        number = self._lot.choice(_NUMBERS)
        elements[at] = elements[at].holding(struct.pack("<I" if wide else "<H", number))

    def _vr(self, elements: list[Element]) -> None:
        at = self._any(elements)
        each = elements[at]
        elements[at] = Element(each.tag, self._lot.choice(_VRS), each.length, each.value)

    def _length(self, elements: list[Element]) -> None:
        at = self._any(elements)
        each = elements[at]
        wrong = (0, 1, each.length + 1, each.length + 2, 0xFFFF, 0xFFFFFFFE, 0xFFFFFFFF, 1 << 30)
        elements[at] = Element(each.tag, each.vr, self._lot.choice(wrong), each.value)

    def _remove(self, elements: list[Element]) -> None:
        del elements[self._any(elements)]

    def _double(self, elements: list[Element]) -> None:
        at = self._any(elements)
        elements.insert(at, elements[at])

    def _swap(self, elements: list[Element]) -> None:
        one, other = self._any(elements), self._any(elements)
        elements[one], elements[other] = elements[other], elements[one]

    def _nest(self, elements: list[Element]) -> None:
        at = self._any(elements)
        inside = elements[at].encode() if len(elements[at].value) < 200 else b""
        for _ in range(self._lot.choice((1, 2, 5, _DEEPEST))):
            item = b"\xfe\xff\0\xe0" + struct.pack("<I", len(inside)) + inside
            inside = b"\x08\0\x15\x11SQ\0\0" + struct.pack("<I", len(item)) + item
        elements.insert(at, Element(b"\x08\0\x15\x11", b"SQ", len(inside) - 12, inside[12:]))

    def _strange(self, elements: list[Element]) -> None:
        tag = self._lot.randbytes(4)
        value = self._lot.randbytes(2 * self._lot.randrange(20))
        vr = self._lot.choice(_VRS)
        elements.insert(self._any(elements), Element(tag, vr, len(value), value))

    def _pixels(self, elements: list[Element]) -> None:
        for at, each in enumerate(elements):
            if each.tag == _PIXELS and each.value:
                value = bytearray(each.value)
                for _ in range(self._lot.choice((1, 3, 20))):
                    value[self._lot.randrange(len(value))] = self._lot.randrange(256)
                kept = len(value) if self._lot.random() < 0.6 else self._lot.randrange(len(value))
                elements[at] = Element(each.tag, each.vr, each.length, bytes(value[:kept]))
