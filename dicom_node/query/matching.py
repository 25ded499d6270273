"""C-FIND matching (PS3.4 Section C.2.2.2): which data sets a query means.

Single value, list (of UIDs; other values are taken as lists as well), wildcard, range and sequence
matching. A key without a value is universal: it matches everything and only asks for the attribute.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag
from pydicom.valuerep import PersonName

from dicom_node.query.errors import UnusableQueryError

_RANGED = frozenset({"DA", "TM", "DT"})
_NO_WILDCARDS = frozenset(
    {"AS", "AT", "DS", "FD", "FL", "IS", "SL", "SS", "SV", "UI", "UL", "US", "UV"}
)
# Person names match whatever their case: PS3.4 Section C.2.2.2.1 leaves it to the SCP.
_CASELESS = frozenset({"PN"})
_DATE_TIME = r"\d{4}(?:\d\d){0,5}(?:\.\d{1,6})?(?:[+-](?:0\d|1[0-4])[0-5]\d)?"
_DATE_TIME_RANGE = re.compile(rf"({_DATE_TIME})?-({_DATE_TIME})?")
_PARTS = re.compile(
    r"(?P<year>\d{4})(?P<month>\d\d)?(?P<day>\d\d)?(?P<hour>\d\d)?(?P<minute>\d\d)?(?P<second>\d\d)?"
    r"(?:\.(?P<fraction>\d{1,6}))?(?P<offset>[+-]\d{4})?"
)
# What attributes of a query are about itself, not about what is asked for.
_ABOUT_THE_QUERY = frozenset({"SpecificCharacterSet", "TimezoneOffsetFromUTC"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One attribute that must match: ``values`` for a plain one, ``keys`` for a sequence."""

    tag: BaseTag
    vr: str
    values: tuple[str, ...] = ()
    keys: tuple["Key", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """From ``start`` on, and before ``end``; None is open."""

    start: datetime | None
    end: datetime | None


def matching_keys(query: Dataset) -> tuple[Key, ...]:
    """Return the keys of a query that have values.

    Raises
    ------
    UnusableQueryError
        A value cannot be matched: a sequence of several items, or a date that is none.
    """
    return tuple(key for element in query if (key := _key(element)) is not None)


def matches(dataset: Dataset, keys: tuple[Key, ...]) -> bool:
    """Tell whether every key matches; an attribute that is absent or empty matches none."""
    return all(_key_matches(dataset.get(key.tag), key) for key in keys)


def interval(value: str) -> Interval:
    """Return what a DA or DT value or range means, in UTC.

    A value without an offset is in the node's time zone; one without a time is the whole day,
    month or year.

    Raises
    ------
    UnusableQueryError
        The value is no date, date and time, or range of these.
    """
    whole = re.fullmatch(_DATE_TIME, value)
    if whole:
        start, end = _bounds(value)
        return Interval(start=start, end=end)
    ranged = _DATE_TIME_RANGE.fullmatch(value)
    if ranged is None or value == "-":
        raise UnusableQueryError("a date or time in the query is neither a value nor a range")
    first, last = ranged.groups()
    return Interval(
        start=_bounds(first)[0] if first else None, end=_bounds(last)[1] if last else None
    )


def is_moment(value: str) -> bool:
    """Tell whether a text is one DT value (PS3.5 Section 6.2), and no range."""
    if re.fullmatch(_DATE_TIME, value) is None:
        return False
    try:
        _bounds(value)
    except UnusableQueryError:
        return False
    return True


def texts(element: DataElement) -> list[str]:
    """Return the values of an element as texts, without padding."""
    value = element.value
    if value is None:
        return []
    several = isinstance(value, Iterable) and not isinstance(value, str | bytes | PersonName)
    return [str(each).strip(" ") for each in (value if several else (value,))]


@lru_cache(maxsize=512)
def pattern(value: str, *, caseless: bool = False) -> re.Pattern[str]:
    """Return the regular expression of a value with ``*`` and ``?`` (Section C.2.2.2.4)."""
    escaped = re.escape(value).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(escaped, re.DOTALL | (re.IGNORECASE if caseless else 0))


def _key(element: DataElement) -> Key | None:
    if element.keyword in _ABOUT_THE_QUERY:
        return None
    if element.VR == "SQ":
        return _sequence_key(element)
    values = tuple(text for text in texts(element) if text)
    if not values or values == ("*",):
        return None
    if element.VR in _RANGED:
        for value in values:
            _interval_of(element.VR, value)  # refuses what cannot be read, before anything is sent
    return Key(tag=element.tag, vr=str(element.VR), values=values)


def _sequence_key(element: DataElement) -> Key | None:
    items = list(element.value or ())
    if not items:
        return None
    if len(items) > 1:
        raise UnusableQueryError(f"{element.keyword} has more than one item in the query")
    keys = matching_keys(items[0])
    return Key(tag=element.tag, vr="SQ", keys=keys) if keys else None


def _key_matches(element: DataElement | None, key: Key) -> bool:
    if element is None:
        return False
    if key.vr == "SQ":
        return element.VR == "SQ" and any(matches(item, key.keys) for item in element.value or ())
    return any(
        _value_matches(text, wanted, str(element.VR))
        for text in texts(element)
        for wanted in key.values
        if text
    )


def _value_matches(text: str, wanted: str, vr: str) -> bool:
    if vr in _RANGED:
        return _interval_matches(text, wanted, vr)
    caseless = vr in _CASELESS
    if vr not in _NO_WILDCARDS and ("*" in wanted or "?" in wanted):
        return any(
            pattern(wanted, caseless=caseless).fullmatch(each) for each in _alternatives(text, vr)
        )
    if caseless:
        return wanted.casefold() in {each.casefold() for each in _alternatives(text, vr)}
    return text == wanted


def _alternatives(text: str, vr: str) -> Iterator[str]:
    """Yield a text, and the component groups of a person name (PS3.4 Section C.2.2.2.1)."""
    yield text
    if vr == "PN" and "=" in text:
        yield from (group for group in text.split("=") if group)


def _interval_matches(text: str, wanted: str, vr: str) -> bool:
    want = _interval_of(vr, wanted)
    try:
        have = _interval_of(vr, text)
    except UnusableQueryError:
        return False  # an archive holds dates that are none: they match nothing, and spoil nothing
    if have.start is None:
        return False
    return (want.start is None or have.start >= want.start) and (
        want.end is None or have.start < want.end
    )


def _interval_of(vr: str, value: str) -> Interval:
    if vr != "TM":
        return interval(value)
    day = "19700101"
    first, dash, last = value.replace(":", "").partition("-")
    start = day + first if first else ""
    return interval(f"{start}{dash}{day + last if last else ''}")


def _bounds(value: str) -> tuple[datetime, datetime | None]:
    parts = _PARTS.fullmatch(value)
    if parts is None:
        raise UnusableQueryError("a date or time in the query cannot be read")
    try:
        start = datetime.strptime(  # noqa: DTZ007 - the zone is added below
            parts["year"]
            + "".join(parts[name] or default for name, default in _DEFAULTS)
            + (parts["fraction"] or "0").ljust(6, "0"),
            "%Y%m%d%H%M%S%f",
        )
        aware = _aware(start, parts["offset"])
    except (ValueError, OverflowError) as error:
        raise UnusableQueryError("a date or time in the query does not exist") from error
    return aware, _end(aware, parts)


_DEFAULTS = (("month", "01"), ("day", "01"), ("hour", "00"), ("minute", "00"), ("second", "00"))


def _aware(moment: datetime, offset: str | None) -> datetime:
    if offset:
        return datetime.strptime(
            f"{moment:%Y%m%d%H%M%S}.{moment.microsecond:06d}{offset}", "%Y%m%d%H%M%S.%f%z"
        ).astimezone(UTC)
    return moment.astimezone(UTC)


def _end(start: datetime, parts: re.Match[str]) -> datetime | None:
    """Return the first moment after a value of limited precision; None after the last year."""
    try:
        return start + _precision(parts)
    except OverflowError:
        return None


def _precision(parts: re.Match[str]) -> timedelta:
    if parts["fraction"]:
        return timedelta(microseconds=10 ** (6 - len(parts["fraction"])))
    for name, step in _STEPS:
        if parts[name]:
            return step
    return timedelta(days=31 if parts["month"] else 366)


_STEPS = (
    ("second", timedelta(seconds=1)),
    ("minute", timedelta(minutes=1)),
    ("hour", timedelta(hours=1)),
    ("day", timedelta(days=1)),
)
