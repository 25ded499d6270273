"""Dates and times of keys and of data sets: DA, TM and DT (PS3.5 Section 6.2).

A value of limited precision is all of what it names: ``2026`` the whole year, ``10`` the hour.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone

from dicom_node.query.errors import UnusableQueryError

_DATE = re.compile(r"[0-9]{8}")
_TIME = re.compile(
    r"(?P<hour>[0-9]{2})(?::?(?P<minute>[0-9]{2})(?::?(?P<second>[0-9]{2})"
    r"(?:\.(?P<fraction>[0-9]{1,6}))?)?)?"
)
_DATE_TIME = re.compile(
    r"(?P<year>[0-9]{4})(?:(?P<month>[0-9]{2})(?:(?P<day>[0-9]{2})(?:(?P<hour>[0-9]{2})"
    r"(?:(?P<minute>[0-9]{2})(?:(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,6}))?)?)?)?)?)?"
    r"(?P<offset>[+-](?:0[0-9]|1[0-4])[0-5][0-9])?"
)
# The dash of a range, and none that begins an offset from UTC.
_DATE_TIME_RANGE = re.compile(rf"(?P<whole>{re.sub(r'[?]P<[a-z]+>', '?:', _DATE_TIME.pattern)})?-")
_OFFSET = re.compile(r"(?P<sign>[+-])(?P<hours>0[0-9]|1[0-4])(?P<minutes>[0-5][0-9])")
_DEFAULTS = (("month", "01"), ("day", "01"), ("hour", "00"), ("minute", "00"), ("second", "00"))
_STEPS = (
    ("second", timedelta(seconds=1)),
    ("minute", timedelta(minutes=1)),
    ("hour", timedelta(hours=1)),
    ("day", timedelta(days=1)),
)
_SECOND, _MINUTE, _HOUR = 1_000_000, 60_000_000, 3_600_000_000
END_OF_DAY = 24 * _HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Dates:
    """From ``first`` to ``last``, both included, as YYYYMMDD; empty is open."""

    first: str
    last: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Microseconds since midnight: from ``start`` on, and before ``end``."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """From ``start`` on, and before ``end``; None is open."""

    start: datetime | None
    end: datetime | None


def date_of(text: str) -> str:
    """Return a DA value, or an empty text where it is no date."""
    if _DATE.fullmatch(text) is None:
        return ""
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return ""
    return text


def time_of(text: str) -> int | None:
    """Return a TM value as microseconds since midnight, or None where it is no time."""
    found = _time(text)
    return found.start if found is not None else None


def dates(value: str) -> Dates:
    """Return what a DA key means.

    Raises
    ------
    UnusableQueryError
        It is neither a date nor a range of dates.
    """
    first, dash, last = value.partition("-")
    read = [date_of(each.strip(" ")) for each in (first, last)]
    if (first and not read[0]) or (last and not read[1]) or not any(read):
        raise UnusableQueryError("a date in the query is neither YYYYMMDD nor a range of these")
    return Dates(first=read[0], last=read[1] if dash else read[0])


def times(value: str) -> Times:
    """Return what a TM key means.

    Raises
    ------
    UnusableQueryError
        It is neither a time nor a range of times.
    """
    first, dash, last = (each.strip(" ") for each in value.partition("-"))
    begin, end = _time(first), _time(last)
    if (first and begin is None) or (last and end is None) or not (begin or end):
        raise UnusableQueryError("a time in the query is neither HHMMSS nor a range")
    if not dash:
        end = begin
    return Times(start=begin.start if begin else 0, end=end.end if end else END_OF_DAY)


def interval(value: str, offset: str = "") -> Interval:
    """Return what a DT value or range means, in UTC.

    Parameters
    ----------
    offset
        Timezone Offset From UTC that holds for values without one; else the node's time zone.

    Raises
    ------
    UnusableQueryError
        The value is no date and time, or range of these.
    """
    if _DATE_TIME.fullmatch(value):
        start, end = _bounds(value, offset)
        return Interval(start=start, end=end)
    ranged = _DATE_TIME_RANGE.match(value)
    first, last = (ranged["whole"] or "", value[ranged.end() :]) if ranged else ("", "")
    if ranged is None or not (first or last) or (last and not _DATE_TIME.fullmatch(last)):
        raise UnusableQueryError("a date or time in the query is neither a value nor a range")
    return Interval(
        start=_bounds(first, offset)[0] if first else None,
        end=_bounds(last, offset)[1] if last else None,
    )


def is_moment(value: str) -> bool:
    """Tell whether a text is one DT value (PS3.5 Section 6.2), and no range."""
    if _DATE_TIME.fullmatch(value) is None:
        return False
    try:
        _bounds(value, "")
    except UnusableQueryError:
        return False
    return True


def check_offset(value: str) -> str:
    """Return a Timezone Offset From UTC (PS3.3 Section C.12.1.1.8) as it is.

    Raises
    ------
    UnusableQueryError
        It is none.
    """
    if value and _OFFSET.fullmatch(value) is None:
        raise UnusableQueryError("TimezoneOffsetFromUTC is not +HHMM or -HHMM")
    return value


def _time(text: str) -> Times | None:
    parts = _TIME.fullmatch(text)
    if parts is None:
        return None
    hour, minute = int(parts["hour"]), int(parts["minute"] or 0)
    second = min(int(parts["second"] or 0), 59)  # 60 is a leap second
    if hour > 23 or minute > 59 or int(parts["second"] or 0) > 60:
        return None
    fraction = parts["fraction"] or ""
    start = hour * _HOUR + minute * _MINUTE + second * _SECOND + int(fraction.ljust(6, "0") or 0)
    if fraction:
        length = int(10 ** (6 - len(fraction)))
    else:
        length = _SECOND if parts["second"] else _MINUTE if parts["minute"] else _HOUR
    return Times(start=start, end=start + length)


def _bounds(value: str, offset: str) -> tuple[datetime, datetime | None]:
    parts = _DATE_TIME.fullmatch(value)
    if parts is None:
        raise UnusableQueryError("a date or time in the query cannot be read")
    try:
        start = datetime.strptime(  # noqa: DTZ007 - the zone is added below
            parts["year"]
            + "".join(parts[name] or default for name, default in _DEFAULTS)
            + (parts["fraction"] or "0").ljust(6, "0"),
            "%Y%m%d%H%M%S%f",
        )
        aware = _aware(start, parts["offset"] or offset)
    except (ValueError, OverflowError) as error:
        raise UnusableQueryError("a date or time in the query does not exist") from error
    try:
        return aware, _aware(_following(start, parts), parts["offset"] or offset)
    except (ValueError, OverflowError):
        return aware, None  # nothing comes after the last year


def _aware(moment: datetime, offset: str) -> datetime:
    found = _OFFSET.fullmatch(offset)
    if found is None:
        return moment.astimezone(UTC)
    away = timedelta(hours=int(found["hours"]), minutes=int(found["minutes"]))
    zone = timezone(-away if found["sign"] == "-" else away)
    return moment.replace(tzinfo=zone).astimezone(UTC)


def _following(start: datetime, parts: re.Match[str]) -> datetime:
    """Return the first moment after a value of limited precision."""
    if parts["fraction"]:
        return start + timedelta(microseconds=10 ** (6 - len(parts["fraction"])))
    for name, step in _STEPS:
        if parts[name]:
            return start + step
    if parts["month"] and start.month < 12:
        return start.replace(month=start.month + 1)
    return start.replace(year=start.year + 1, month=1)
