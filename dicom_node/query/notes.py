"""What an attribute's values look like in short, in a column that narrows searches.

Most keys are asked for seldom, so that they are no columns that decide; to read each entity for
them takes long where there are many. A note says all values as one text: ``""`` none, numbers and
texts between backslashes (``\\ORIGINAL\\PRIMARY\\``), one date as it is, one time as microseconds.
What is said otherwise, by many or by no valid values, has no note, and is left to the matcher. Of
sequences there is a note where they have no item.
"""

from collections.abc import Sequence
from decimal import Decimal

import sqlalchemy as sa

from dicom_node.query.matching import NUMBERS, CombinedKey, Key, is_pattern, number
from dicom_node.query.moments import date_of, dates, time_of, times
from dicom_node.query.sql import Condition, between, days_of, stands_in, text_condition

# Notes lie in an index: PostgreSQL takes 2,704 bytes in a row of one.
LONGEST = 64
NOTHING = ""
_SEPARATOR = "\\"
_MICROSECONDS = "011d"


def note(vr: str, texts: Sequence[str]) -> str | None:
    """Return the note of an attribute with these values; None where they cannot be said so."""
    if not texts:
        return NOTHING
    if vr in {"DA", "TM"}:
        return _moment(vr, texts[0]) if len(texts) == 1 else None
    values = [_number(text) if vr in NUMBERS else text for text in texts]
    said = [value for value in values if value is not None]
    noted = f"{_SEPARATOR}{_SEPARATOR.join(said)}{_SEPARATOR}"
    # PostgreSQL keeps no NUL, and nothing can encode half of a surrogate pair.
    is_short = noted.isprintable() and len(noted.encode()) <= LONGEST
    return noted if is_short and len(said) == len(values) else None


def note_condition(key: Key, column: sa.ColumnElement[str], dialect: str) -> Condition:
    """Return what a key says of a note; where there is none, the condition is unknown (null)."""
    if key.empty:
        return column == NOTHING
    if key.vr == "SQ":
        return column != NOTHING
    parts = [_means(value, key.vr, column, dialect) for value in key.values]
    return sa.and_(*parts) if key.every else sa.or_(*parts)


def combined_note_condition(key: CombinedKey, column: sa.ColumnElement[str]) -> Condition:
    """Return what a combined date and time says of the note of the day alone."""
    return between(column, *days_of(key))


def _moment(vr: str, text: str) -> str | None:
    if vr == "DA":
        return date_of(text) or None
    at = time_of(text)
    return None if at is None else format(at, _MICROSECONDS)


def _number(text: str) -> str | None:
    found = number(text)
    return None if found is None else _written(found)


def _written(value: Decimal) -> str | None:
    """Return a number as all who are worth as much are written; None for one of many digits."""
    if not value:
        return "0"
    return format(value.normalize(), "f") if -LONGEST < value.adjusted() < LONGEST else None


def _means(value: str, vr: str, column: sa.ColumnElement[str], dialect: str) -> Condition:
    if vr == "DA":
        wanted = dates(value)
        return between(column, wanted.first, wanted.last)
    if vr == "TM":
        window = times(value)
        return sa.and_(
            column >= format(window.start, _MICROSECONDS),
            column < format(window.end, _MICROSECONDS),
        )
    if is_pattern(value, vr):
        return text_condition(column, f"*{_SEPARATOR}{value}{_SEPARATOR}*", dialect)
    said = _number(value) if vr in NUMBERS else value
    if said is None:
        return sa.false()  # such a number has no note
    return stands_in(column, f"{_SEPARATOR}{said}{_SEPARATOR}", dialect)
