"""Attribute matching (PS3.4 Section C.2.2.2): which entities a query means.

Universal, single value, list of UID, wildcard, range (also combined date and time), sequence, empty
value and multiple value matching. What an entity is does not matter here: a data set, or a row.
"""

import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Protocol

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag
from pydicom.valuerep import PersonName

from dicom_node.query.errors import UnusableQueryError
from dicom_node.query.folding import known_by, name_groups, stems
from dicom_node.query.moments import (
    Interval,
    date_of,
    dates,
    interval,
    time_of,
    times,
)

# PS3.4 Section C.2.2.2.4: in other VRs the two characters stand for themselves.
WITH_WILDCARDS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
NUMBERS = frozenset({"DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV"})
RANGED = frozenset({"DA", "DT", "TM"})
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_NUMBER_LENGTH = 64
_STARS = re.compile(r"\*{2,}")
TIMEZONE = Tag("TimezoneOffsetFromUTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One attribute that must match: ``values`` for a plain one, ``keys`` for a sequence.

    ``every``: each value must be there (Section C.2.2.2.8), not only one of them. ``empty``: the
    attribute must be absent or empty (Section C.2.2.2.7). ``offset``: the query's Timezone Offset
    From UTC, which holds for its DT values. ``fuzzy``: names also match by words and their sound.
    """

    tag: BaseTag
    vr: str
    values: tuple[str, ...] = ()
    keys: tuple["Key", ...] = ()
    every: bool = False
    empty: bool = False
    offset: str = ""
    fuzzy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CombinedKey:
    """A date and a time with ranges of the same form, taken as one range of moments.

    PS3.4 Section C.2.2.2.5: the earliest time belongs to the first day, the latest to the last.
    """

    date: Key
    time: Key


class Entity(Protocol):
    """What is matched against keys."""

    def texts(self, tag: BaseTag) -> Sequence[str]:
        """Return the values of an attribute as texts, without padding; none where it is empty."""
        ...

    def items(self, tag: BaseTag) -> Sequence["Entity"]:
        """Return the items of a sequence."""
        ...


@dataclass(frozen=True, slots=True)
class DatasetEntity:
    """A data set, as the matching sees it."""

    dataset: Dataset

    def texts(self, tag: BaseTag) -> Sequence[str]:
        """Return the values of an attribute; none of what is a sequence."""
        element = self.dataset.get(tag)
        if element is None or element.VR == "SQ":
            return ()
        return [text for text in texts(element) if text]

    def items(self, tag: BaseTag) -> Sequence[Entity]:
        """Return the items of a sequence."""
        element = self.dataset.get(tag)
        if element is None or element.VR != "SQ":
            return ()
        return [DatasetEntity(item) for item in element.value or ()]


def matches(entity: Entity, keys: Iterable[Key | CombinedKey]) -> bool:
    """Tell whether every key matches; an attribute that is absent or empty matches no value."""
    return all(
        _combined_matches(entity, key)
        if isinstance(key, CombinedKey)
        else _key_matches(entity, key)
        for key in keys
    )


def texts(element: DataElement) -> list[str]:
    """Return the values of an element as texts, without padding."""
    value = element.value
    if value is None:
        return []
    several = isinstance(value, Iterable) and not isinstance(value, str | bytes | PersonName)
    return [str(each).strip(" \0") for each in (value if several else (value,))]


def is_pattern(value: str, vr: str) -> bool:
    """Tell whether a value of a key is matched by wildcards."""
    return vr in WITH_WILDCARDS and ("*" in value or "?" in value)


@lru_cache(maxsize=512)
def pattern(value: str) -> re.Pattern[str]:
    """Return the regular expression of a value with ``*`` and ``?``; it never backtracks far."""
    # fnmatch would also take what is in brackets as a set of characters.
    return re.compile(fnmatch.translate(_STARS.sub("*", value).replace("[", "[[]")))


@lru_cache(maxsize=4096)
def number(text: str) -> Decimal | None:
    """Return a number, however it is written (CP 2305 leaves that to the SCP); None for none."""
    if len(text) > _NUMBER_LENGTH or _NUMBER.fullmatch(text) is None:
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def check_value(value: str, vr: str, offset: str = "") -> None:
    """Refuse what no value of a VR can be compared with, before anything is sent.

    Raises
    ------
    UnusableQueryError
        The value is no date, time, number, or range of dates and times.
    """
    if vr == "DA":
        dates(value)
    elif vr == "TM":
        times(value)
    elif vr == "DT":
        interval(value, offset)
    elif vr in NUMBERS and number(value) is None:
        raise UnusableQueryError("a number in the query cannot be read")


def is_range(key: Key) -> bool:
    """Tell whether a key of a date or time is one range."""
    return len(key.values) == 1 and "-" in key.values[0]


def _key_matches(entity: Entity, key: Key) -> bool:
    if key.vr == "SQ":
        items = entity.items(key.tag)
        return not items if key.empty else any(matches(item, key.keys) for item in items)
    have = entity.texts(key.tag)
    if key.empty:
        return not have
    quantifier = all if key.every else any
    offset = _offset(entity) if key.vr == "DT" else ""
    return quantifier(
        any(value_matches(text, wanted, key, offset) for text in have) for wanted in key.values
    )


def value_matches(text: str, wanted: str, key: Key, offset: str = "") -> bool:
    """Tell whether one value of an entity is meant by one value of a key."""
    vr = key.vr
    if vr in RANGED:
        return _in_range(text, wanted, key, offset)
    if vr == "PN":
        return _name_matches(text, wanted) or (key.fuzzy and _is_alike(text, wanted))
    if is_pattern(wanted, vr):
        return pattern(wanted).match(text) is not None
    if vr in NUMBERS:
        have = number(text)
        return have is not None and have == number(wanted)
    return text == wanted


def _name_matches(text: str, wanted: str) -> bool:
    """Match each component group that the key names; a key without ``=`` may mean any of them."""
    have, want = name_groups(text), name_groups(wanted)
    if "=" not in wanted:
        return any(group and _text_matches(group, want[0]) for group in have)
    return all(
        _text_matches(group, asked)
        for group, asked in zip(have, want, strict=True)
        if asked.strip("*")
    )


def _is_alike(text: str, wanted: str) -> bool:
    """Tell whether each word of a key begins one of the name's, or sounds as one."""
    known, words = known_by(text), stems(wanted)
    return bool(words) and all(any(stem in known for stem in word) for word in words)


def _text_matches(text: str, wanted: str) -> bool:
    if "*" in wanted or "?" in wanted:
        return pattern(wanted).match(text) is not None
    return text == wanted


def _in_range(text: str, wanted: str, key: Key, offset: str) -> bool:
    if key.vr == "DA":
        day, range_ = date_of(text), dates(wanted)
        return bool(day) and range_.first <= day and (not range_.last or day <= range_.last)
    if key.vr == "TM":
        at, window = time_of(text), times(wanted)
        return at is not None and window.start <= at < window.end
    have = _moment(text, offset)
    return have is not None and _contains(interval(wanted, key.offset), have)


def _moment(text: str, offset: str) -> datetime | None:
    try:
        return interval(text, offset).start
    except UnusableQueryError:
        return None  # an archive holds dates that are none: they match nothing, and spoil nothing


def _contains(wanted: Interval, have: datetime) -> bool:
    return (wanted.start is None or have >= wanted.start) and (
        wanted.end is None or have < wanted.end
    )


def _offset(entity: Entity) -> str:
    found = entity.texts(TIMEZONE)
    return found[0] if found else ""


def _combined_matches(entity: Entity, key: CombinedKey) -> bool:
    """Compare days and times as one; across time zones where both sides say theirs."""
    wanted, window = dates(key.date.values[0]), times(key.time.values[0])
    days, at = entity.texts(key.date.tag), entity.texts(key.time.tag)
    day, time = date_of(days[0]) if days else "", time_of(at[0]) if at else None
    if not day or time is None:
        return False
    if key.date.offset and (stored := _offset(entity)):
        moved = _moved(day, time, stored, key.date.offset)
        if moved is None:
            return False
        day, time = moved
    after = not wanted.first or (day, time) >= (wanted.first, window.start)
    before = not wanted.last or (day, time) < (wanted.last, window.end)
    return after and before


def _moved(day: str, time: int, stored: str, wanted: str) -> tuple[str, int] | None:
    """Return a day and time of one time zone in another; None where that has no such day."""
    seconds, fraction = divmod(time, 1_000_000)
    clock = f"{seconds // 3600:02d}{seconds // 60 % 60:02d}{seconds % 60:02d}.{fraction:06d}"
    have = _moment(f"{day}{clock}", stored)
    epoch = _moment("19700101000000", wanted)
    if have is None or epoch is None:
        return None
    since = have - epoch
    try:
        moved = date(1970, 1, 1) + timedelta(days=since.days)
    except OverflowError:  # before the first day, or after the last one
        return None
    return moved.isoformat().replace("-", ""), since.seconds * 1_000_000 + since.microseconds
