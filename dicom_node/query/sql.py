"""Keys as conditions of SQL, for SQLite and PostgreSQL; what they cannot say, the matcher decides.

A condition never leaves out what the matcher would take. Where it also takes nothing more, it is
exact, and the database alone decides. Columns hold values as ``dicom_node.query.columns`` makes
them: names folded, dates valid or empty, times as microseconds, numbers as integers.
"""

import re
from datetime import date, timedelta
from typing import Any, Protocol

import sqlalchemy as sa

from dicom_node.query.folding import GROUP_SUFFIXES, WORDS_SUFFIX, name_groups, stems
from dicom_node.query.matching import NUMBERS, CombinedKey, Key, is_pattern, number
from dicom_node.query.moments import dates, times

Condition = sa.ColumnElement[bool]
_LARGEST = 2**63 - 1
# Between the zones of -1459 and +1459, the farthest that are written, lie less than two days.
_ZONES_APART = timedelta(days=2)
_HOUR = 3_600_000_000  # microseconds, as times are counted
# Values that JSON holds as integers.
_WHOLE_NUMBERS = frozenset({"IS", "SL", "SS", "UL", "US"})
# Values that are kept in JSON as they are written, and are compared character by character.
_VERBATIM = frozenset({"AE", "AS", "CS", "LO", "LT", "SH", "ST", "UC", "UI", "UR", "UT"})
# As JSON is written: half of a surrogate pair may stand alone, and both halves are replaced.
_UNREADABLE = r"\\u(0000|d[89a-f][0-9a-f]{2})"
_UNESCAPED = re.compile(r"[ !#-)+->@-\[\]-~]+")  # printable ASCII but for " \ * and ?


class Columns(Protocol):
    """The columns of a table, or of several, by their names."""

    def __getitem__(self, name: str, /) -> sa.ColumnElement[Any]:
        """Return a column."""
        ...


def condition(key: Key, name: str, columns: Columns, dialect: str) -> Condition:
    """Return the condition of a key on the column ``name`` (a person name has four)."""
    if key.empty:
        return _empty(key, name, columns)
    parts = [_value(value, key.vr, name, columns, dialect) for value in key.values]
    if key.fuzzy and key.vr == "PN":
        parts = [
            sa.or_(part, _alike(value, columns[name + WORDS_SUFFIX], dialect))
            for part, value in zip(parts, key.values, strict=True)
        ]
    if key.every:
        return sa.and_(*parts)
    if len(parts) > 1 and key.vr not in {"DA", "TM", "PN"} | NUMBERS:
        return _any_text(key, columns[name], dialect)
    return sa.or_(*parts)


def is_exact(key: Key) -> bool:
    """Tell whether a key's condition takes exactly what the matcher takes."""
    return not (key.empty and (key.vr in {"DA", "TM"} | NUMBERS))


def mentioned(key: Key, text: sa.ColumnElement[Any], dialect: str) -> Condition:
    """Return what a key without a column says of the JSON text that holds its values.

    It narrows and does not decide: the text may hold the same characters elsewhere.
    """
    named = stands_in(text, f'"{key.tag:08X}"', dialect)
    if key.empty:  # what is not named has no value, which is told without reading the JSON
        first = _first_value(text, f"{key.tag:08X}", dialect)
        return sa.or_(~named, first.is_(None), first == "")
    if key.vr in {"DA", "TM"} | _WHOLE_NUMBERS:
        return sa.and_(named, _first_says(key, text, dialect))
    pieces = [_longest_piece(value) for value in key.values if key.vr in _VERBATIM]
    if not pieces or not all(pieces):
        return named
    parts = [stands_in(text, piece, dialect) for piece in pieces]
    return sa.and_(named, sa.and_(*parts) if key.every else sa.or_(*parts))


def combined_condition(key: CombinedKey, column: sa.ColumnElement[Any]) -> Condition:
    """Return what a combined date and time says of the day alone; zones may move it."""
    return between(column, *days_of(key))


def combined_mention(key: CombinedKey, text: sa.ColumnElement[Any], dialect: str) -> Condition:
    """Return what a combined date and time without a column says of the JSON text, as above."""
    first = _first_value(text, f"{key.date.tag:08X}", dialect)
    said = sa.and_(_is_day(first, dialect), between(first, *days_of(key)))
    return sa.or_(said, _says_otherwise(key.date, text, first, dialect))


def text_condition(column: sa.ColumnElement[Any], value: str, dialect: str) -> Condition:
    """Return the condition of a text with ``*`` and ``?``, worded so that indexes are used."""
    if "*" not in value and "?" not in value:
        return column == value
    if dialect == "sqlite":
        return column.op("GLOB", is_comparison=True)(value.replace("[", "[[]"))
    escaped = value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return column.like(escaped.replace("*", "%").replace("?", "_"), escape="\\")


def stands_in(text: sa.ColumnElement[Any], piece: str, dialect: str) -> Condition:
    """Return the condition that a piece stands in a text, character by character."""
    find = sa.func.instr if dialect == "sqlite" else sa.func.strpos
    return find(text, piece) > 0


def between(column: sa.ColumnElement[Any], first: str, last: str) -> Condition:
    """Return the condition of a date from ``first`` to ``last``, one of which may be open."""
    if first == last:
        return column == first
    lowest = first or "0"  # what is empty is no date, and before every one
    return sa.and_(column >= lowest, column <= last) if last else column >= lowest


def days_of(key: CombinedKey) -> tuple[str, str]:
    """Return the first and the last day of a combined date and time, in any time zone."""
    wanted = dates(key.date.values[0])
    if key.date.offset:
        return _shifted(wanted.first, -_ZONES_APART), _shifted(wanted.last, _ZONES_APART)
    return wanted.first, wanted.last


def _value(value: str, vr: str, name: str, columns: Columns, dialect: str) -> Condition:
    if vr == "PN":
        return _name(value, name, columns, dialect)
    column = columns[name]
    if vr == "DA":
        wanted = dates(value)
        return between(column, wanted.first, wanted.last)
    if vr == "TM":
        window = times(value)
        return sa.and_(column >= window.start, column < window.end)
    if vr in NUMBERS:
        return _number(value, column)
    return text_condition(column, value, dialect) if is_pattern(value, vr) else column == value


def _any_text(key: Key, column: sa.ColumnElement[Any], dialect: str) -> Condition:
    patterns = [value for value in key.values if is_pattern(value, key.vr)]
    plain = [value for value in key.values if not is_pattern(value, key.vr)]
    return sa.or_(
        *([column.in_(plain)] if plain else []),
        *(text_condition(column, value, dialect) for value in patterns),
    )


def _longest_piece(value: str) -> str:
    """Return the longest run of characters that JSON writes as they are, between wildcards."""
    return max(_UNESCAPED.findall(value), key=len, default="")


def _name(value: str, name: str, columns: Columns, dialect: str) -> Condition:
    groups = name_groups(value)
    kept = [columns[name + suffix] for suffix in GROUP_SUFFIXES]
    if "=" not in value:
        # What is empty has no such group: only a pattern of stars could take it, and that is none.
        return sa.or_(
            *(sa.and_(each != "", text_condition(each, groups[0], dialect)) for each in kept)
        )
    return sa.and_(
        sa.true(),
        *(
            text_condition(each, group, dialect)
            for each, group in zip(kept, groups, strict=True)
            if group.strip("*")
        ),
    )


def _alike(value: str, words: sa.ColumnElement[Any], dialect: str) -> Condition:
    each = [
        sa.or_(*(stands_in(words, stem, dialect) for stem in any_of)) for any_of in stems(value)
    ]
    return sa.and_(*each) if each else sa.false()


def _first_says(key: Key, text: sa.ColumnElement[Any], dialect: str) -> Condition:
    """Return what a number, date or time says of the first value in the JSON text.

    Values that are written otherwise than most, and lists of them, are left to the matcher.
    """
    first = _first_value(text, f"{key.tag:08X}", dialect)
    parts = [_means(value, key.vr, first, dialect) for value in key.values]
    said = sa.and_(*parts) if key.every else sa.or_(*parts)
    return sa.or_(said, _says_otherwise(key, text, first, dialect))


def _means(value: str, vr: str, first: sa.ColumnElement[Any], dialect: str) -> Condition:
    if vr == "DA":
        wanted = dates(value)
        return between(first, wanted.first, wanted.last)
    if vr == "TM":
        window = times(value)
        begun, ended = window.start // _HOUR, (window.end - 1) // _HOUR
        return sa.func.substr(first, 1, 2).between(f"{begun:02d}", f"{ended:02d}")
    if dialect == "sqlite":
        return _number(value, first)
    whole = number(value)
    is_whole = whole is not None and whole == whole.to_integral_value()
    return first == str(int(whole)) if whole is not None and is_whole else sa.false()


def _says_otherwise(
    key: Key, text: sa.ColumnElement[Any], first: sa.ColumnElement[Any], dialect: str
) -> Condition:
    """Whether there is a second value, or the first is not written as most are."""
    if key.vr == "DA":
        is_plain = _is_day(first, dialect)
    elif key.vr == "TM":
        is_plain = _matches(first, "[0-9][0-9]*", "^[0-9][0-9]", dialect)
    elif dialect == "sqlite":
        is_plain = sa.func.typeof(first) == "integer"
    else:
        is_plain = first.regexp_match("^(0|-?[1-9][0-9]*)$")
    return sa.or_(~is_plain, _has_second(text, f"{key.tag:08X}", dialect))


def _is_day(first: sa.ColumnElement[Any], dialect: str) -> Condition:
    return _matches(first, "[0-9]" * 8, "^[0-9]{8}$", dialect)


def _matches(first: sa.ColumnElement[Any], glob: str, regex: str, dialect: str) -> Condition:
    if dialect == "sqlite":
        return first.op("GLOB", is_comparison=True)(glob)
    return first.regexp_match(regex)


def _first_value(text: sa.ColumnElement[Any], tag: str, dialect: str) -> sa.ColumnElement[Any]:
    if dialect == "sqlite":
        return sa.func.json_extract(text, f'$."{tag}".Value[0]')
    return sa.func.json_extract_path_text(_as_json(text), tag, "Value", "0")


def _has_second(text: sa.ColumnElement[Any], tag: str, dialect: str) -> Condition:
    """Whether there is a second value, be it null: more may follow it."""
    if dialect == "sqlite":
        return sa.func.json_type(text, f'$."{tag}".Value[1]').is_not(None)
    second = sa.func.json_extract_path(_as_json(text), tag, "Value", "1", type_=sa.Text)
    return second.is_not(None)


def _as_json(text: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Return the JSON of a text for PostgreSQL, which reads none with a NUL or half a character."""
    return sa.cast(sa.func.regexp_replace(text, _UNREADABLE, r"\\u0020", "g"), sa.JSON)


def _number(value: str, column: sa.ColumnElement[Any]) -> Condition:
    wanted = number(value)
    if wanted is None or wanted != wanted.to_integral_value() or abs(wanted) > _LARGEST:
        return sa.false()
    return column == int(wanted)


def _shifted(day: str, by: timedelta) -> str:
    if not day:
        return ""
    try:
        moved = date(int(day[:4]), int(day[4:6]), int(day[6:])) + by
    except OverflowError:
        return day
    return moved.isoformat().replace("-", "")


def _empty(key: Key, name: str, columns: Columns) -> Condition:
    if key.vr == "PN":
        return sa.and_(*(columns[name + suffix] == "" for suffix in GROUP_SUFFIXES))
    if key.vr == "TM" or key.vr in NUMBERS:
        return columns[name].is_(None)
    return columns[name] == ""
