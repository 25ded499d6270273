"""Finds studies, series and instances by the columns that are filled when they are indexed."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any

import sqlalchemy as sa

from dicom_node.persistence.corridor import patients
from dicom_node.persistence.corridor.attribute_tables import (
    INSTANCE_ATTRIBUTES,
    SERIES_ATTRIBUTES,
    STUDY_ATTRIBUTES,
)
from dicom_node.persistence.corridor.instance_search import check_passed_over, find_instances
from dicom_node.persistence.corridor.narrowing import (
    asked_of_instances,
    narrowed,
    studies_first,
)
from dicom_node.persistence.corridor.unseen import Unseen
from dicom_node.query.json_model import JsonAttributes, JsonEntity
from dicom_node.query.keys import Level, tag_of, vr_of
from dicom_node.query.matching import CombinedKey, Key, matches
from dicom_node.query.ports import Matches, Window
from dicom_node.query.reading import Query
from dicom_node.query.sql import (
    Condition,
)

_STUDY, _SERIES, _INSTANCE = STUDY_ATTRIBUTES.c, SERIES_ATTRIBUTES.c, INSTANCE_ATTRIBUTES.c
# The newest studies first; within a study by number. Each order is one of an index.
_ORDER: Mapping[Level, tuple[sa.ColumnElement[Any], ...]] = {
    Level.PATIENT: (_STUDY.patient_id, _STUDY.study_instance_uid),
    Level.STUDY: (_STUDY.study_date.desc(), _STUDY.study_instance_uid.desc()),
    Level.SERIES: (
        _SERIES.study_instance_uid,
        _SERIES.series_number,
        _SERIES.series_instance_uid,
    ),
}
_IDENTIFIERS = {
    "StudyInstanceUID": "study_instance_uid",
    "SeriesInstanceUID": "series_instance_uid",
    "SOPInstanceUID": "sop_instance_uid",
    "AvailableTransferSyntaxUID": "transfer_syntax_uid",
}
_FETCHED = 500
_KEPT_TEXTS = 64
_COUNTED_AT_ONCE = 500


class ObjectSearch:
    """Searches the index; the database narrows, and decides alone where it can say all."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def find(
        self,
        level: Level,
        query: Query,
        window: Window,
        *,
        without: frozenset[str] = frozenset(),
    ) -> Matches:
        """Return the entities of a level that match, with what is known of them.

        ``without`` names series that are as if they were not there, at all levels but the patient.

        Raises
        ------
        UnusableQueryError
            A key is none of this level or those above it.
        QueryTooWideError
            The window lies too far behind.
        """
        unseen = Unseen(series=without, dialect=self._engine.dialect.name)
        if level is Level.INSTANCE:
            return self._instances(query.conditions, window, unseen)
        said = [narrowed(key, level, unseen) for key in query.conditions]
        left = [key for key, (_, exact) in zip(query.conditions, said, strict=True) if not exact]
        conditions = [each for each, _ in said]
        if level is Level.SERIES and unseen.dialect == "sqlite":
            conditions = studies_first(query.conditions, conditions)
        if level is Level.SERIES:
            conditions += unseen.leave_out(_SERIES.series_instance_uid)
        statement = _select(level).where(*_of_level(level, conditions, decided=not left))
        if left:
            found = self._matching(level, statement, left, window)
        else:
            paged = statement.limit(window.limit + 1).offset(window.offset)
            with self._read() as connection:
                found = [_entity(row) for row in connection.execute(paged)]
        more, found = len(found) > window.limit, found[: window.limit]
        with self._read() as connection:
            if level is Level.PATIENT:
                patients.add_counts(connection, query.asked, found)
            else:
                _add_counts(connection, level, found, unseen)
        return Matches(found=tuple(found), more=more)

    def _instances(
        self, keys: Sequence[Key | CombinedKey], window: Window, unseen: Unseen
    ) -> Matches:
        with self._read() as connection:
            rows = find_instances(connection, asked_of_instances(keys, unseen), window)
        found = [_identified(attributes, row) for row, attributes in rows]
        return Matches(found=tuple(found[: window.limit]), more=len(found) > window.limit)

    def _matching(
        self,
        level: Level,
        statement: sa.Select[Any],
        left: Sequence[Key | CombinedKey],
        window: Window,
    ) -> list[dict[str, Any]]:
        """Read rows until enough of them match, which only the matcher can tell."""
        check_passed_over(window.offset)
        last = window.offset + window.limit + 1
        with (
            self._in_order(level) as connection,
            connection.execute(statement, execution_options={"yield_per": _FETCHED}) as rows,
        ):
            read = lru_cache(_KEPT_TEXTS)(json.loads)  # a study's is that of each of its rows
            entities = (_entity(row, read) for row in rows)
            matching: Iterator[JsonAttributes] = (
                each for each in entities if matches(JsonEntity(each), left)
            )
            if level is Level.PATIENT:
                matching = patients.one_of_each(matching)
            return list(islice(matching, window.offset, last))

    def _in_order(self, level: Level) -> sa.Connection:
        """Return a connection that looks rows up one after another, in the order of an index.

        PostgreSQL thinks that a series is rarely one of its own study, so that it expects few rows
        and goes through all series for each instance: a minute for 100,000, not seconds.
        """
        connection = self._read()
        if connection.dialect.name == "postgresql" and level is Level.SERIES:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            connection.exec_driver_sql("SET LOCAL enable_sort = off")
        return connection

    def _read(self) -> sa.Connection:
        return self._engine.connect().execution_options(read_only=True)


def _of_level(
    level: Level, conditions: Sequence[Condition], *, decided: bool
) -> Sequence[Condition]:
    """Return the conditions of entities; a patient is one of its studies.

    ``decided``: the conditions say all, so that the database can choose which.
    """
    if level is not Level.PATIENT:
        return conditions
    if decided:
        return [patients.first_studies(conditions)]
    return [patients.is_identified(), *conditions]


def _select(level: Level) -> sa.Select[Any]:
    columns: list[sa.ColumnElement[Any]] = [
        _STUDY.study_instance_uid,
        _STUDY.attributes.label("study"),
    ]
    joined: sa.FromClause = STUDY_ATTRIBUTES
    if level is Level.SERIES:
        columns += [_SERIES.series_instance_uid, _SERIES.attributes.label("series")]
        joined = SERIES_ATTRIBUTES.join(
            STUDY_ATTRIBUTES, _STUDY.study_instance_uid == _SERIES.study_instance_uid
        )
    return sa.select(*columns).select_from(joined).order_by(*_ORDER[level])


def _entity(row: sa.Row[Any], read: Callable[[str], dict[str, Any]] = json.loads) -> dict[str, Any]:
    parts = row._mapping  # noqa: SLF001 - SQLAlchemy's public name for it
    entity: dict[str, Any] = {}
    for name in ("series", "study"):
        if name in parts:
            entity |= read(parts[name])
    return _identified(entity, row)


def _identified(entity: dict[str, Any], row: sa.Row[Any]) -> dict[str, Any]:
    """Add to attributes what the index's columns say of who they are of."""
    parts = row._mapping  # noqa: SLF001 - SQLAlchemy's public name for it
    for keyword, name in _IDENTIFIERS.items():
        if name in parts:
            entity |= _element(keyword, [parts[name]])
    return entity


def _add_counts(
    connection: sa.Connection, level: Level, found: Sequence[dict[str, Any]], unseen: Unseen
) -> None:
    """Add what is counted over the levels below, for what is returned and nothing else."""
    if level is Level.INSTANCE or not found:
        return
    for start in range(0, len(found), _COUNTED_AT_ONCE):
        some = found[start : start + _COUNTED_AT_ONCE]
        if level is Level.SERIES:
            _add_series_counts(connection, some)
        else:
            _add_study_counts(connection, some, unseen)


def _add_series_counts(connection: sa.Connection, found: Sequence[dict[str, Any]]) -> None:
    uids = [(_uid(each, "StudyInstanceUID"), _uid(each, "SeriesInstanceUID")) for each in found]
    columns = (_INSTANCE.study_instance_uid, _INSTANCE.series_instance_uid)
    query = (
        sa.select(*columns, sa.func.count())
        .where(
            _INSTANCE.study_instance_uid.in_({study for study, _ in uids}),
            _INSTANCE.series_instance_uid.in_({series for _, series in uids}),
        )
        .group_by(*columns)
    )
    counts = {(study, series): count for study, series, count in connection.execute(query)}
    for entity, key in zip(found, uids, strict=True):
        entity.update(_element("NumberOfSeriesRelatedInstances", [counts.get(key, 0)]))


def _add_study_counts(
    connection: sa.Connection, found: Sequence[dict[str, Any]], unseen: Unseen
) -> None:
    uids = [_uid(each, "StudyInstanceUID") for each in found]
    instances = sa.select(
        _INSTANCE.study_instance_uid, _INSTANCE.sop_class_uid, sa.func.count()
    ).where(
        _INSTANCE.study_instance_uid.in_(uids),
        *unseen.leave_out(_INSTANCE.series_instance_uid),
    )
    grouped = instances.group_by(_INSTANCE.study_instance_uid, _INSTANCE.sop_class_uid)
    counts: dict[str, int] = {}
    classes: dict[str, list[str]] = {}
    for study, sop_class, count in connection.execute(grouped):
        counts[study] = counts.get(study, 0) + count
        classes.setdefault(study, []).append(sop_class)
    series: dict[str, list[str]] = {}
    query = sa.select(_SERIES.study_instance_uid, _SERIES.modality).where(
        _SERIES.study_instance_uid.in_(uids), *unseen.leave_out(_SERIES.series_instance_uid)
    )
    for study, modality in connection.execute(query):
        series.setdefault(study, []).append(modality)
    for entity, uid in zip(found, uids, strict=True):
        modalities = sorted({modality for modality in series.get(uid, ()) if modality})
        entity.update(
            _element("ModalitiesInStudy", modalities)
            | _element("SOPClassesInStudy", sorted(classes.get(uid, ())))
            | _element("NumberOfStudyRelatedSeries", [len(series.get(uid, ()))])
            | _element("NumberOfStudyRelatedInstances", [counts.get(uid, 0)])
        )


def _element(keyword: str, values: Iterable[str | int]) -> JsonAttributes:
    tag = tag_of(keyword)
    listed = list(values)
    return {f"{tag:08X}": {"vr": vr_of(tag), **({"Value": listed} if listed else {})}}


def _uid(entity: JsonAttributes, keyword: str) -> str:
    return str(entity[f"{tag_of(keyword):08X}"]["Value"][0])
