"""The worklist's one query: a page of items, by keyset instead of offset.

A page begins where the one before ended, by the order's own key, so the thousandth page costs
what the first one does, and items that come or go between two pages shift nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from dicom_node.domain.review.queue import ItemFilter, Page, Sort
from dicom_node.domain.review.review import OPEN_STATES, RANK_BITS, SHARES, Priority, ReviewState
from dicom_node.errors import NotFoundError
from dicom_node.persistence.review.rows import AGE_BITS
from dicom_node.persistence.review.tables import IS_CLOSED, IS_HELD, IS_OPEN, REVIEW_ITEMS

_C = REVIEW_ITEMS.c
_KEYS: dict[Sort, sa.Column[Any]] = {
    Sort.TRIAGE: _C.triage_key,
    Sort.OLDEST: _C.age_key,
    Sort.NEWEST: _C.age_key,
    Sort.UNCERTAINTY: _C.certainty_key,
}
_EQUAL = ("device_id", "modality", "body_part", "route", "model_name", "study_instance_uid")
# States of which there are never many: their own index finds them at once.
_FEW = frozenset({ReviewState.CLAIMED, ReviewState.ADJUDICATING})
_END = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class _Range:
    """Keys from ``low`` up to, but without, ``high``."""

    low: int = 0
    high: int = _END

    def meets(self, other: "_Range") -> "_Range":
        return _Range(low=max(self.low, other.low), high=min(self.high, other.high))


def item_queries(wanted: ItemFilter, sort: Sort, page: Page) -> Iterator[sa.Select[Any]]:
    """Yield the queries whose rows, one after the other, are the page and what follows it.

    Each asks for one row more than a page holds. There are several only where an order and a
    range of time would otherwise make the database read far more than it returns.

    Raises
    ------
    NotFoundError
        When ``page.after`` is not the end of a page in this order.
    """
    key, falls = _KEYS[sort], sort is Sort.NEWEST
    plain = sa.select(REVIEW_ITEMS).where(*_conditions(wanted, sort))
    # Of few studies all items are read: the index of an order would be walked to its end for them.
    place = key if wanted.studies is None else key + 0
    order = (place.desc(), _C.item_id.desc()) if falls else (place, _C.item_id)
    end = _decoded(page.after) if page.after else None
    for part in _ranges(wanted, sort):
        query, keys = plain, part
        if end is not None:
            behind = _C.item_id < end[1] if falls else _C.item_id > end[1]
            keys = part.meets(_Range(high=end[0] + 1) if falls else _Range(low=end[0]))
            query = query.where(sa.or_(key != end[0], behind))
        if keys.low < keys.high:
            if keys.low > 0:
                query = query.where(place >= keys.low)
            if keys.high < _END:
                query = query.where(place < keys.high)
            yield query.order_by(*order).limit(page.size + 1)


def end_of(row: sa.RowMapping, sort: Sort) -> str:
    """Return where a page ends whose last row this is."""
    return f"{row[_KEYS[sort].name]}-{row['item_id']}"


def _conditions(wanted: ItemFilter, sort: Sort) -> Iterator[sa.ColumnElement[bool]]:
    yield from _states(wanted.states)
    for name in _EQUAL:
        if value := getattr(wanted, name):
            yield _C[name] == value
    if wanted.studies is not None:
        yield _C.study_instance_uid.in_(sorted(wanted.studies))
    if wanted.label:
        yield _C.leading_label == wanted.label
        # Whoever filtered by findings would learn those of results that must be read first.
        yield sa.or_(
            sa.not_(_C.reads_first), _C.state == ReviewState.DECIDED.value, _C.reopened > 0
        )
    if wanted.holder:
        yield sa.and_(_C.holder == wanted.holder, IS_HELD)
    if wanted.priority is not None and sort is not Sort.TRIAGE:
        yield _C.priority == int(wanted.priority)
    if sort is Sort.UNCERTAINTY:
        if wanted.received_from is not None:
            yield _C.received_at >= wanted.received_from
        if wanted.received_until is not None:
            yield _C.received_at < wanted.received_until


def _ranges(wanted: ItemFilter, sort: Sort) -> tuple[_Range, ...]:
    """Return the keys that a filter's priority and times allow, in the order of the keys."""
    if sort is Sort.UNCERTAINTY:
        return (_Range(),)
    age = _Range(
        low=_milliseconds(wanted.received_from) if wanted.received_from else 0,
        high=_milliseconds(wanted.received_until) if wanted.received_until else 1 << AGE_BITS,
    )
    if sort is not Sort.TRIAGE:
        return (age,)
    if not (wanted.priority or wanted.received_from or wanted.received_until):
        return (_Range(),)
    priorities = (wanted.priority,) if wanted.priority else tuple(Priority)
    if not (wanted.received_from or wanted.received_until):
        bits = RANK_BITS + AGE_BITS
        return tuple(_Range(low=each << bits, high=(each + 1) << bits) for each in priorities)
    ranks = ((each << RANK_BITS) + share for each in priorities for share in range(SHARES + 1))
    return tuple(
        _Range(low=(rank << AGE_BITS) + age.low, high=(rank << AGE_BITS) + age.high)
        for rank in ranks
    )


def _states(states: frozenset[ReviewState]) -> Iterator[sa.ColumnElement[bool]]:
    if states <= _FEW:
        yield _C.state.in_(sorted(each.value for each in states))
        return
    if states <= OPEN_STATES:
        yield sa.and_(IS_OPEN)
    elif not states & OPEN_STATES:
        yield sa.and_(IS_CLOSED)
    if states not in (OPEN_STATES, frozenset(ReviewState)):
        # Worded so that no index of states is used: nearly every item has one of these.
        yield (_C.state + "").in_(sorted(each.value for each in states))


def _milliseconds(moment: datetime) -> int:
    """Return a moment as keys have it; what is beyond their range would fall among other ranks."""
    return min(max(int(moment.timestamp() * 1000), 0), 1 << AGE_BITS)


def _decoded(end: str) -> tuple[int, str]:
    key, _, item_id = end.partition("-")
    if not key.isdecimal() or not item_id or len(end) > 64:
        raise NotFoundError("That page of the worklist does not exist: start at the first.")
    return int(key), item_id
