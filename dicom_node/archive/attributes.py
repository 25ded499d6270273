"""Read from a data set what queries may ask for: the keys of the archive's levels, nothing else.

The values are decoded by their Specific Character Set and written in the DICOM JSON Model. What is
no value of its VR (a number that is none) is left out; dates and times stay as they are.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from pydicom.charset import convert_encodings, decode_bytes
from pydicom.datadict import dictionary_VM

from dicom_node.archive.character_sets import encoding_of, stated_terms
from dicom_node.archive.elements import Element, EncodedDataset
from dicom_node.domain.instance import QueryAttributes
from dicom_node.domain.reception import UnreadableDatasetError
from dicom_node.query.folding import name_groups
from dicom_node.query.keys import ARCHIVE_KEYS, Level, tag_of, vr_of

_CHARACTER_SET = 0x00080005
_LEVELS = ((Level.PATIENT, Level.STUDY), (Level.SERIES,), (Level.INSTANCE,))
# What tells one code or request from another, in the items of the sequences among the keys.
_IN_ITEMS = (
    "AccessionNumber",
    "CodeMeaning",
    "CodeValue",
    "CodingSchemeDesignator",
    "RequestedProcedureDescription",
    "RequestedProcedureID",
    "ScheduledProcedureStepDescription",
    "ScheduledProcedureStepID",
    "StudyInstanceUID",
)
_ITEMS = len(_LEVELS)
_MOST_ITEMS = 16
_LONGEST = 4096  # bytes of one value; what is longer is no value of these attributes
# Encoded by Specific Character Set (PS3.5 Section 6.1.2.3); the other texts are ASCII.
_ENCODED = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
_PN_DELIMITERS = {0x0D, 0x0A, 0x09, 0x0C, 0x5E, 0x3D}
_DELIMITERS = {0x0D, 0x0A, 0x09, 0x0C}
_SINGLE = frozenset({"LT", "ST", "UR", "UT"})
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")


class _Described(NamedTuple):
    """An attribute: its tag, its name in JSON, its VR, and whether it may have several values."""

    tag: int
    name: str
    vr: str
    several: bool


def query_attributes(dataset: EncodedDataset, found: Mapping[int, Element]) -> QueryAttributes:
    """Return the attributes of a data set that can be asked for, by level."""
    character_set = dataset.value(found[_CHARACTER_SET]) if _CHARACTER_SET in found else b""
    study, series, instance = (
        _text(_parts(dataset, found, table, character_set)) for table in range(len(_LEVELS))
    )
    return QueryAttributes(study=study, series=series, instance=instance)


def _text(parts: Iterable[str]) -> str:
    return "{" + ",".join(part for part in parts if part) + "}"


def _parts(
    dataset: EncodedDataset, found: Mapping[int, Element], table: int, character_set: bytes
) -> Iterator[str]:
    """Yield what a level says; all that are not sequences are one part, most often read before."""
    described = _tables()[table]
    raw = tuple(_raw(dataset, found.get(each.tag), each) for each in described)
    yield _plain(table, raw, character_set, dataset.big_endian)
    for each in described:
        if each.vr == "SQ" and each.tag in found:
            items = _items(dataset, found[each.tag], character_set)
            if items:
                yield f'"{each.name}":{{"vr":"SQ","Value":[{",".join(items)}]}}'


def _raw(dataset: EncodedDataset, element: Element | None, described: _Described) -> bytes | None:
    """Return the bytes of a value; None of a sequence, and of what is too long to be one of it."""
    if element is None or described.vr == "SQ" or element.end - element.start > _LONGEST:
        return None
    return dataset.value(element)


# A series has hundreds of instances that say the same of it, one after the other.
@lru_cache(maxsize=256)
def _plain(table: int, raw: tuple[bytes | None, ...], character_set: bytes, big: bool) -> str:
    attributes = {
        each.name: {"vr": each.vr, "Value": values}
        for each, value in zip(_tables()[table], raw, strict=True)
        if value and (values := _values(value, each, character_set, big=big))
    }
    return json.dumps(attributes, separators=(",", ":"))[1:-1]


def _values(raw: bytes, described: _Described, character_set: bytes, *, big: bool) -> list[Any]:
    if described.vr == "US":
        return [int.from_bytes(raw, "big" if big else "little")] if len(raw) == 2 else []
    text = _decoded(raw, described.vr, character_set)
    parts = text.split("\\") if described.several else [text]
    values = [_value(part.strip(" "), described.vr) for part in parts]
    return [] if all(value is None for value in values) else values


def _value(text: str, vr: str) -> Any:
    """Return a value as JSON has it (PS3.18 Section F.2.2); None for what is empty or is none."""
    if vr == "PN":
        if not any(name_groups(text)):
            return None
        return {group: part for group, part in zip(_GROUPS, text.split("="), strict=False) if part}
    if vr in ("IS", "DS"):
        return _number(text, vr)
    return text or None


def _number(text: str, vr: str) -> int | float | None:
    try:
        number = int(text) if vr == "IS" else float(text)
    except ValueError:
        return None
    finite = abs(number) < 2**31 if vr == "IS" else abs(number) < float("inf")
    return number if text.isascii() and "_" not in text and finite else None


def _decoded(raw: bytes, vr: str, character_set: bytes) -> str:
    if vr in _ENCODED and (not raw.isascii() or b"\x1b" in raw):
        text = _with_character_set(raw, vr, _encodings(character_set))
    else:
        text = raw.decode("ascii", "replace")
    return text.replace("\0", "").strip(" ")


def _with_character_set(raw: bytes, vr: str, encodings: tuple[str, ...]) -> str:
    if len(encodings) == 1 and b"\x1b" not in raw:
        return raw.decode(encoding_of(raw, encodings[0]), "replace")
    return decode_bytes(raw, encodings, _PN_DELIMITERS if vr == "PN" else _DELIMITERS)


def _items(dataset: EncodedDataset, sequence: Element, character_set: bytes) -> list[str]:
    found: list[str] = []
    try:
        for item in islice(dataset.items(sequence), _MOST_ITEMS):
            elements = {element.tag: element for element in item}
            found.append(_text(_parts(dataset, elements, _ITEMS, character_set)))
    except UnreadableDatasetError:
        pass  # what of the sequence can be read counts
    return [each for each in found if each != "{}"]


@lru_cache(maxsize=64)
def _encodings(character_set: bytes) -> tuple[str, ...]:
    known = stated_terms(character_set)
    # Without a character set, what is not ASCII is most often Latin-1.
    return tuple(convert_encodings(known)) if any(known) else ("iso8859",)


@lru_cache(maxsize=1)
def _tables() -> tuple[tuple[_Described, ...], ...]:
    """Return what is read at each level, and last what is read of items."""
    levels = [
        [key.path for key in ARCHIVE_KEYS if key.level in levels and not key.counted]
        for levels in _LEVELS
    ]
    return tuple(tuple(map(_describe, keywords)) for keywords in (*levels, _IN_ITEMS))


def _describe(keyword: str) -> _Described:
    tag = tag_of(keyword)
    vr = vr_of(tag)
    several = vr not in _SINGLE and dictionary_VM(tag) != "1"
    return _Described(tag=int(tag), name=f"{int(tag):08X}", vr=vr, several=several)
