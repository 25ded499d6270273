"""A query as it is carried out: the keys that must match, and what an answer is to hold.

Read from the identifier of a C-FIND request (PS3.4 Section C.4.1.1.3); ``parameters`` reads the
same from a URL. What is beyond the limits is refused before anything is searched.
"""

import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException
from pydicom.tag import BaseTag

from dicom_node.query.errors import UnusableQueryError
from dicom_node.query.folding import name_groups
from dicom_node.query.keys import tag_of, vr_of
from dicom_node.query.matching import (
    CombinedKey,
    Key,
    check_value,
    is_pattern,
    is_range,
    texts,
)
from dicom_node.query.moments import check_offset

MOST_KEYS = 128
MOST_VALUES = 1000  # a list of UIDs
DEEPEST = 6
LONGEST_VALUE = 1024
# What attributes of a query are about itself, not about what is asked for.
_ABOUT_THE_QUERY = frozenset(
    {
        tag_of("SpecificCharacterSet"),
        tag_of("TimezoneOffsetFromUTC"),
        tag_of("QueryRetrieveLevel"),
    }
)
_TIMEZONE = tag_of("TimezoneOffsetFromUTC")
# These have no text that a key could be compared with.
_OPAQUE = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
# PS3.4 Section C.2.2.2.4: matched without wildcards, whose characters no value of them has.
_LITERAL = frozenset({"AS", "AT", "UI"})
_EMPTY = '""'
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\ud800-\udfff]")
# PS3.4 Section C.2.2.2.8
_MULTIPLE = frozenset({"AE", "AS", "AT", "CS", "LO", "PN", "SH", "UC"})
_COMBINED = tuple(
    (tag_of(f"{name}Date"), tag_of(f"{name}Time"))
    for name in ("Study", "Series", "Acquisition", "Content", "PerformedProcedureStepStart")
)
UNREADABLE = (
    AttributeError,
    BytesLengthException,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Which kinds of matching hold that are negotiated, or asked for by parameters.

    ``combined``: dates and times are one range (C.2.2.2.5); ``empty``: two quotation marks match
    what is empty (C.2.2.2.7); ``every``: each of several values must be there (C.2.2.2.8);
    ``fuzzy``: names match by words and their sound as well (C.2.2.2.1).
    """

    combined: bool = False
    empty: bool = False
    every: bool = False
    fuzzy: bool = False


BASELINE = Rules()


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What must match, and which attributes answers hold (nested as in ``asked``, valueless)."""

    keys: tuple[Key, ...]
    asked: Dataset
    rules: Rules = BASELINE

    @property
    def conditions(self) -> tuple[Key | CombinedKey, ...]:
        """The keys as they are to be matched: dates and times together where the rules say so."""
        return combined(self.keys) if self.rules.combined else self.keys


def read_identifier(identifier: Dataset, rules: Rules = BASELINE) -> Query:
    """Read the identifier of a C-FIND request.

    Raises
    ------
    UnusableQueryError
        A value cannot be matched, a sequence has several items, or it is all too much.
    """
    keys = _read(identifier, rules, _offset(identifier), depth=0)
    if _count(keys) > MOST_KEYS:
        raise UnusableQueryError(f"the query has more than {MOST_KEYS} keys")
    return Query(keys=keys, asked=identifier, rules=rules)


def make_key(
    tag: BaseTag, vr: str, values: Sequence[str], rules: Rules = BASELINE, offset: str = ""
) -> Key | None:
    """Return the key of an attribute, or None where its values match everything.

    Raises
    ------
    UnusableQueryError
        A value is too long, there are too many, or it cannot be matched by this VR.
    """
    wanted = tuple(text for text in values if text)
    if len(wanted) > MOST_VALUES or any(len(text) > LONGEST_VALUE for text in wanted):
        raise UnusableQueryError("a key of the query is too long")
    if any(_CONTROL.search(text) for text in wanted):
        raise UnusableQueryError("a key of the query holds control characters")
    if rules.empty and wanted == (_EMPTY,):
        return Key(tag=tag, vr=vr, empty=True)
    if not wanted or any(_is_universal(text, vr) for text in wanted):
        return None
    if vr in _OPAQUE or vr == "SQ":
        raise UnusableQueryError(f"values of VR {vr} cannot be matched")
    if vr in _LITERAL and any("*" in text or "?" in text for text in wanted):
        raise UnusableQueryError(f"{_name(tag)} holds wildcards, by which VR {vr} is not matched")
    for text in wanted:
        check_value(text, vr, offset)
    every = rules.every and len(wanted) > 1 and vr in _MULTIPLE
    if every and any(is_pattern(text, vr) for text in wanted):
        raise UnusableQueryError("several values that must all match cannot hold wildcards")
    fuzzy = rules.fuzzy and vr == "PN"
    return Key(tag=tag, vr=vr, values=wanted, every=every, offset=offset, fuzzy=fuzzy)


def combined(keys: Iterable[Key]) -> tuple[Key | CombinedKey, ...]:
    """Put dates and times together that have ranges of the same form."""
    left = {key.tag: key for key in keys}
    found: list[Key | CombinedKey] = []
    for date_tag, time_tag in _COMBINED:
        day, time = left.get(date_tag), left.get(time_tag)
        if day and time and is_range(day) and is_range(time) and _form(day) == _form(time):
            found.append(CombinedKey(date=left.pop(date_tag), time=left.pop(time_tag)))
    return (*left.values(), *found)


def by_path(keys: Iterable[Key], above: str = "") -> dict[str, Key]:
    """Return keys by their paths: keywords of nested sequences, joined by dots."""
    found: dict[str, Key] = {}
    for key in keys:
        path = above + keyword_for_tag(key.tag)
        found[path] = key
        found |= by_path(key.keys, f"{path}.")
    return found


def _read(identifier: Dataset, rules: Rules, offset: str, *, depth: int) -> tuple[Key, ...]:
    if depth > DEEPEST:
        raise UnusableQueryError(f"the query has sequences more than {DEEPEST} deep")
    found = (
        _element_key(identifier, tag, rules, offset, depth)
        for tag in identifier.keys()  # noqa: SIM118 - a data set yields elements, read at once
        if tag not in _ABOUT_THE_QUERY and tag.element != 0
    )
    return tuple(key for key in found if key is not None)


def _element_key(
    identifier: Dataset, tag: BaseTag, rules: Rules, offset: str, depth: int
) -> Key | None:
    try:
        element = identifier[tag]
        vr = _vr(element)
        if vr != "SQ":
            return make_key(tag, vr, texts(element), rules, offset)
        items = list(element.value or ())
    except UNREADABLE as error:
        raise UnusableQueryError(f"{_name(tag)} of the query cannot be read") from error
    if not items:
        return None
    if len(items) > 1:
        raise UnusableQueryError(f"{_name(tag)} has more than one item in the query")
    keys = _read(items[0], rules, offset, depth=depth + 1)
    return Key(tag=tag, vr="SQ", keys=keys) if keys else None


def _vr(element: DataElement) -> str:
    """Return the VR by the dictionary: a peer's own must not change how a value is matched."""
    if element.VR == "SQ":
        return "SQ"
    try:
        return vr_of(element.tag)
    except KeyError:
        return str(element.VR)


def _offset(identifier: Dataset) -> str:
    if _TIMEZONE not in identifier:
        return ""
    return check_offset("".join(texts(identifier[_TIMEZONE])[:1]))


def _is_universal(text: str, vr: str) -> bool:
    """Tell whether a value asks for nothing: stars only, or a name without any component."""
    if vr == "PN":
        return not any(group.strip("*") for group in name_groups(text))
    return is_pattern(text, vr) and not text.strip("*")


def _form(key: Key) -> tuple[bool, bool]:
    value = key.values[0]
    return value.startswith("-"), value.endswith("-")


def _count(keys: Iterable[Key]) -> int:
    return sum(1 + _count(key.keys) for key in keys)


def _name(tag: BaseTag) -> str:
    return f"({tag.group:04X},{tag.element:04X})"
