"""Finds instances: series by series where something is asked of these alone, else one by one.

A database chooses between both by how much it thinks matches, and is wrong by seconds where it has
not counted, or cannot know. So each statement here leaves it one order to read in.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

import sqlalchemy as sa

from dicom_node.persistence.corridor.attribute_tables import (
    INSTANCE_ATTRIBUTES,
    SERIES_ATTRIBUTES,
    STUDY_ATTRIBUTES,
)
from dicom_node.query.errors import QueryTooWideError
from dicom_node.query.json_model import JsonAttributes, JsonEntity
from dicom_node.query.matching import CombinedKey, Key, matches
from dicom_node.query.ports import Window
from dicom_node.query.sql import Condition

_STUDY, _SERIES, _INSTANCE = STUDY_ATTRIBUTES.c, SERIES_ATTRIBUTES.c, INSTANCE_ATTRIBUTES.c
_ORDER = (
    _INSTANCE.study_instance_uid,
    _INSTANCE.series_instance_uid,
    _INSTANCE.instance_number,
    _INSTANCE.sop_instance_uid,
)
_INSTANCES = sa.select(
    _INSTANCE.study_instance_uid,
    _INSTANCE.series_instance_uid,
    _INSTANCE.sop_instance_uid,
    _INSTANCE.transfer_syntax_uid,
    _INSTANCE.attributes,
).order_by(*_ORDER)
# Matches before a page that are read one by one: some seconds.
MOST_PASSED_OVER = 100_000
_FETCHED = 500
_MOST_SERIES = 64
_KEPT_TEXTS = 64
_PAIR = (_SERIES.study_instance_uid, _SERIES.series_instance_uid)
_Pair = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked of instances: conditions on their own table, and on the two above it.

    ``left`` is what only the matcher can tell. ``is_named``: a study or an instance is named, so
    that few are looked at whatever the database does.
    """

    own: Sequence[Condition]
    above: Sequence[Condition]
    left: Sequence[Key | CombinedKey]
    is_named: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundInstance:
    """A row of an instance, and the attributes of its series and study in the JSON Model."""

    row: sa.Row[Any]
    above: JsonAttributes

    def attributes(self) -> JsonAttributes:
        """Return the attributes of the instance and of the levels above."""
        own: JsonAttributes = json.loads(self.row.attributes)
        return self.above | own


def check_passed_over(count: int) -> None:
    """Check how many matches are to be read before a page, which the database cannot pass over.

    Raises
    ------
    QueryTooWideError
        They are more than are for one query.
    """
    if count > MOST_PASSED_OVER:
        raise QueryTooWideError(
            f"pages begin within the first {MOST_PASSED_OVER} matches of such keys: "
            "narrow the query"
        )


def find_instances(
    connection: sa.Connection, asked: Asked, window: Window
) -> list[tuple[sa.Row[Any], JsonAttributes]]:
    """Return a page and one more: each row, and the attributes of it and of the levels above.

    Raises
    ------
    QueryTooWideError
        The page lies too far behind.
    """
    by_series = asked.above and (asked.is_named or not asked.own)
    # Where the database decides alone, it also passes over what lies before the page.
    skipped = 0 if by_series or asked.left else window.offset
    found: Iterator[FoundInstance] = (
        _series_by_series(connection, asked)
        if by_series
        else _one_by_one(connection, asked, skipped)
    )
    first, last = window.offset - skipped, window.offset - skipped + window.limit + 1
    check_passed_over(first)
    if not asked.left:
        return [(each.row, each.attributes()) for each in islice(found, first, last)]
    read = ((each.row, each.attributes()) for each in found)
    matching = ((row, each) for row, each in read if matches(JsonEntity(each), asked.left))
    return list(islice(matching, first, last))


def _one_by_one(
    connection: sa.Connection, asked: Asked, skipped: int = 0
) -> Iterator[FoundInstance]:
    """Yield what matches in the order of the index that all instances lie in, with their notes."""
    query = _INSTANCES.where(*asked.own).offset(skipped or None)
    if asked.above:
        pair = sa.tuple_(_INSTANCE.study_instance_uid, _INSTANCE.series_instance_uid)
        query = query.where(pair.in_(_series(asked.above).with_only_columns(*_PAIR)))
    if not asked.is_named:
        _keep_to_order(connection)
    known: dict[_Pair, JsonAttributes] = {}
    for rows in _batches(connection, query):
        wanted = {(row.study_instance_uid, row.series_instance_uid) for row in rows}
        known = {pair: known[pair] for pair in wanted & known.keys()}
        known |= _of_series(connection, sorted(wanted - known.keys()))
        yield from _with_series(rows, known)


def _series_by_series(connection: sa.Connection, asked: Asked) -> Iterator[FoundInstance]:
    """Yield the instances of each series that matches; there are fewer of these."""
    query = _series(asked.above).order_by(*_PAIR)
    pair = sa.tuple_(_INSTANCE.study_instance_uid, _INSTANCE.series_instance_uid)
    for series in _batches(connection, query, most=_MOST_SERIES):
        known = _attributes(series)
        instances = _INSTANCES.where(pair.in_(list(known)), *asked.own)
        yield from _with_series(connection.execute(instances), known)


def _with_series(
    rows: "Sequence[sa.Row[Any]] | sa.Result[Any]", known: Mapping[_Pair, JsonAttributes]
) -> Iterator[FoundInstance]:
    for row in rows:
        above = known.get((row.study_instance_uid, row.series_instance_uid))
        if above is not None:
            yield FoundInstance(row=row, above=above)


def _series(conditions: Sequence[Condition]) -> sa.Select[Any]:
    return (
        sa.select(*_PAIR, _SERIES.attributes.label("series"), _STUDY.attributes.label("study"))
        .select_from(SERIES_ATTRIBUTES)
        .join(STUDY_ATTRIBUTES, _STUDY.study_instance_uid == _SERIES.study_instance_uid)
        .where(*conditions)
    )


def _of_series(connection: sa.Connection, pairs: Sequence[_Pair]) -> dict[_Pair, JsonAttributes]:
    if not pairs:
        return {}
    return _attributes(connection.execute(_series([sa.tuple_(*_PAIR).in_(pairs)])).all())


def _attributes(series: Sequence[sa.Row[Any]]) -> dict[_Pair, JsonAttributes]:
    read = lru_cache(_KEPT_TEXTS)(json.loads)  # a study's is that of each of its series
    return {
        (row.study_instance_uid, row.series_instance_uid): read(row.study) | read(row.series)
        for row in series
    }


def _batches(
    connection: sa.Connection, query: sa.Select[Any], most: int = _FETCHED
) -> Iterator[Sequence[sa.Row[Any]]]:
    """Yield rows as they are read: few at first, for often they suffice."""
    size = min(8, most)
    with connection.execute(query, execution_options={"yield_per": most}) as result:
        while rows := result.fetchmany(size):
            yield rows
            size = min(4 * size, most)


def _keep_to_order(connection: sa.Connection) -> None:
    """Have PostgreSQL read in the order of an index until the transaction ends.

    It sorts all that it thinks matches otherwise: of a class that 100,000 instances have, all.
    """
    if connection.dialect.name == "postgresql":
        for name in ("enable_seqscan", "enable_sort", "enable_incremental_sort"):
            connection.exec_driver_sql(f"SET LOCAL {name} = off")
