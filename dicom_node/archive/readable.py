"""Data sets with impossible value representations, written anew so that pydicom reads them.

pydicom takes an element of explicit VR whose VR is none for one of implicit VR, and what follows
for its value; and it raises where the bytes of a value are none of the stated VR. What was meant
shows in what follows (`EncodedDataset`) and in the data dictionary (PS3.6). The archive keeps
objects as they came; only what reads them sees this.
"""

import struct
from collections.abc import Iterator
from types import MappingProxyType

from pydicom import Dataset
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement

from dicom_node.archive.elements import (
    ITEM,
    ITEM_END,
    LONG_VRS,
    SEQUENCE_END,
    SHORT_VRS,
    UNDEFINED_LENGTH,
    Buffer,
    Element,
    EncodedDataset,
)
from dicom_node.domain.mended import MendedElements
from dicom_node.domain.reception import UnreadableDatasetError

_SIZES = MappingProxyType(
    {"AT": 4, "FD": 8, "FL": 4, "SL": 4, "SS": 2, "SV": 8, "UL": 4, "US": 2, "UV": 8}
)
_BYTES = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
# Texts that are no mere strings: what reads them makes numbers, names or UIDs of them.
_OWN_KIND = frozenset({"DS", "IS", "PN", "UI"})
_PIXELS = 0x7FE00000
_LONGEST_SHORT = 0xFFFE
# Sequences within each other: reports have 10 or so. What lies deeper stays as it came.
_DEEPEST = 50


def readable(data: Buffer, transfer_syntax_uid: str) -> bytes | None:
    """Return a data set with a possible VR for each element, or None where each has one.

    Elements of unknown meaning become UN; values that no reading of the dictionary's VR fits become
    empty. What lies behind damage stays as it is.

    Parameters
    ----------
    data
        The encoded data set, not deflated.
    """
    dataset = EncodedDataset(data, transfer_syntax_uid)
    if not dataset.is_explicit:
        return None
    rewriting = _Rewriting(dataset)
    pieces = list(rewriting.elements(0, len(data)))
    return b"".join(pieces) if rewriting.has_changed else None


def mended(data: Buffer, transfer_syntax_uid: str) -> MendedElements:
    """Return which elements `readable` writes anew, those of items included.

    Parameters
    ----------
    data
        The encoded data set, not deflated.
    """
    dataset = EncodedDataset(data, transfer_syntax_uid)
    if not dataset.is_explicit:
        return MendedElements()
    rewriting = _Rewriting(dataset)
    for _ in rewriting.elements(0, len(data)):
        pass
    return MendedElements(
        read=tuple(sorted(rewriting.read - rewriting.emptied)),
        emptied=tuple(sorted(rewriting.emptied)),
    )


def leave_out_impossible(dataset: Dataset) -> None:
    """Leave out elements whose bytes pydicom makes no value of, and raises when it is asked for.

    `readable` has written them anew where it could follow the data set; these lie behind damage.
    """
    for tag, element in list(dataset.items()):
        if isinstance(element, RawDataElement) and not _is_value(element):
            del dataset[tag]


def _is_value(element: RawDataElement) -> bool:
    """Whether pydicom, which prefers the dictionary's VR to UN, makes a value of an element."""
    vr = element.VR or "UN"
    if vr == "UN":
        vr = next(iter(_of_dictionary(element.tag)), "UN")
    if vr.encode() not in LONG_VRS and vr.encode() not in SHORT_VRS:
        return False
    return not isinstance(element.value, bytes) or len(element.value) % _SIZES.get(vr, 1) == 0


class _Rewriting:
    """``read`` and ``emptied`` are the tags that were met so far, as in `MendedElements`."""

    def __init__(self, dataset: EncodedDataset) -> None:
        self._dataset = dataset
        self._order = ">" if dataset.big_endian else "<"
        self._depth = 0
        self.has_changed = False
        self.read: set[int] = set()
        self.emptied: set[int] = set()

    def elements(self, start: int, end: int) -> Iterator[Buffer]:
        """Yield the bytes of elements, changed or not, up to the pixels."""
        data = self._dataset.data
        head = start
        try:
            for element in self._dataset.elements(start, end):
                yield self._element(head, element)
                head = element.end
                if element.tag >= _PIXELS:
                    break
        except UnreadableDatasetError:
            pass  # as far as it can be followed
        yield data[head:end]

    def _element(self, head: int, element: Element) -> Buffer:
        whole = self._dataset.data[head : element.end]
        is_known = element.vr in LONG_VRS or element.vr in SHORT_VRS
        stated = element.vr.decode("ascii") if is_known else ""
        has_its_head = element.start - head == (12 if element.vr in LONG_VRS else 8)
        if (
            has_its_head
            and stated in _BYTES
            and (element.has_undefined_length or element.tag >= _PIXELS)
        ):
            return whole
        if element.tag >= _PIXELS:
            return self._written(element, "OB" if element.has_undefined_length else "OW")
        if element.has_undefined_length or self._has_items(element, stated):
            return self._sequence(element, whole, stated)
        value = bytes(self._dataset.data[element.start : element.end])
        meant, is_possible = _meant(element.tag, stated, value)
        if meant == stated and is_possible and has_its_head:
            return whole
        if not is_possible:
            self.emptied.add(element.tag)
        return self._written(element, meant, value if is_possible else b"")

    def _has_items(self, element: Element, stated: str) -> bool:
        """Tell whether an element of defined length is a sequence, whatever its VR."""
        is_sequence = stated in ("", "SQ") or _of_dictionary(element.tag) == ("SQ",)
        if stated == "UN" or not is_sequence or element.end - element.start < 8:
            return False
        group, number = struct.unpack_from(f"{self._order}HH", self._dataset.data, element.start)
        return bool(group << 16 | number == ITEM)

    def _sequence(self, element: Element, whole: Buffer, stated: str) -> Buffer:
        """Write a sequence anew, with delimiters for lengths, where something in it has changed."""
        if self._depth == _DEEPEST:
            return whole
        before, self.has_changed = self.has_changed, False
        items = [self._item(start, end) for start, end in self._items(element)]
        inner, self.has_changed = self.has_changed, before or self.has_changed
        if stated == "SQ" and not inner:
            return whole
        if stated != "SQ":
            self.read.add(element.tag)
        self.has_changed = True
        head = self._head(element.tag, "SQ", UNDEFINED_LENGTH)
        return b"".join((head, *items, self._mark(SEQUENCE_END, 0)))

    def _items(self, element: Element) -> Iterator[tuple[int, int]]:
        try:
            yield from self._dataset.item_places(element)
        except UnreadableDatasetError:
            return

    def _item(self, start: int, end: int) -> bytes:
        self._depth += 1
        pieces = tuple(self.elements(start, end))
        self._depth -= 1
        return b"".join((self._mark(ITEM, UNDEFINED_LENGTH), *pieces, self._mark(ITEM_END, 0)))

    def _written(self, element: Element, vr: str, value: Buffer | None = None) -> bytes:
        self.has_changed = True
        self.read.add(element.tag)
        value = self._dataset.data[element.start : element.end] if value is None else value
        if vr.encode() not in LONG_VRS and len(value) > _LONGEST_SHORT:
            vr = "UN"
        length = UNDEFINED_LENGTH if element.has_undefined_length else len(value)
        return self._head(element.tag, vr, length) + bytes(value)

    def _head(self, tag: int, vr: str, length: int) -> bytes:
        group, number, encoded = tag >> 16, tag & 0xFFFF, vr.encode()
        if encoded in LONG_VRS:
            return struct.pack(f"{self._order}HH2sHL", group, number, encoded, 0, length)
        return struct.pack(f"{self._order}HH2sH", group, number, encoded, length)

    def _mark(self, tag: int, length: int) -> bytes:
        return struct.pack(f"{self._order}HHL", tag >> 16, tag & 0xFFFF, length)


def _meant(tag: int, stated: str, value: bytes) -> tuple[str, bool]:
    """Return the VR by which a value is read, and whether it is a value of that VR at all.

    Parameters
    ----------
    stated
        The VR that the element has, "" where that is none.
    """
    known = _of_dictionary(tag)
    fits = bool(stated) and _fits(stated, value)
    if fits and (not known or stated in known or _is_same_kind(stated, known)):
        return stated, True
    if not known:
        return "UN", True
    if len(known) > 1:  # which of them depends on other elements
        is_in_letters = _is_text(stated) and _is_printable(value)
        return (stated, True) if is_in_letters else ("UN", all(_fits(vr, value) for vr in known))
    if stated == "UN" or _is_dictionarys(stated, known[0], value):
        return (stated if stated == "UN" else known[0]), _fits(known[0], value)
    return (stated, True) if fits else (known[0], _fits(known[0], value))


def _is_dictionarys(stated: str, meant: str, value: bytes) -> bool:
    """Tell whether a value is rather one of the dictionary's VR than of the stated one."""
    if not stated:
        return True
    if _is_text(meant):
        return _is_text(stated) or _is_printable(value)
    # A number may be written in letters; what isn't is the number itself.
    is_bytes = stated in _BYTES or (_is_text(stated) and not _is_printable(value))
    return meant in _SIZES and is_bytes


def _of_dictionary(tag: int) -> tuple[str, ...]:
    try:
        return tuple(dictionary_VR(tag).split(" or "))
    except KeyError:
        return ()


def _is_same_kind(stated: str, known: tuple[str, ...]) -> bool:
    if stated in _OWN_KIND or not _OWN_KIND.isdisjoint(known):
        return False
    kinds = (_is_text, _SIZES.__contains__, _BYTES.__contains__)
    return any(kind(stated) and any(map(kind, known)) for kind in kinds)


def _fits(vr: str, value: bytes) -> bool:
    """Tell whether the bytes may be a value of a VR."""
    if vr == "SQ":
        return not value
    return len(value) % _SIZES.get(vr, 1) == 0


def _is_text(vr: str) -> bool:
    return bool(vr) and vr not in _SIZES and vr not in _BYTES and vr != "SQ"


def _is_printable(value: bytes) -> bool:
    return all(0x20 <= byte < 0x7F for byte in value.rstrip(b"\0 "))
