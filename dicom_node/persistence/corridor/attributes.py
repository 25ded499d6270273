"""The attributes that queries ask for: kept with each instance, and read later where they were not.

Older rows, rows that another version wrote, and the node's own evidence are not described when
they are indexed: ``undescribed`` names them, and ``describe`` writes down what their files say.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter

from dicom_node.domain.instance import QueryAttributes, ReceivedInstance
from dicom_node.persistence.corridor.attribute_tables import (
    INSTANCE_ATTRIBUTES,
    NOTED_KEYS,
    SERIES_ATTRIBUTES,
    STUDY_ATTRIBUTES,
)
from dicom_node.persistence.corridor.tables import EVIDENCE, INSTANCES, IS_HELD, IS_REMOVED
from dicom_node.persistence.database import repeatable
from dicom_node.persistence.upsert import insert_or_ignore, insert_or_replace
from dicom_node.query.columns import column_values
from dicom_node.query.json_model import JsonEntity
from dicom_node.query.keys import ARCHIVE_KEYS, Level, QueryKey, tag_of, vr_of
from dicom_node.query.notes import NOTHING, note

_RECEIVED = TypeAdapter(ReceivedInstance)


def _kept(*levels: Level) -> tuple[QueryKey, ...]:
    """Return the keys of levels that are columns made from attributes; UIDs are the index's own."""
    return tuple(
        key
        for key in ARCHIVE_KEYS
        if key.level in levels and key.column and key.vr != "UI" and not key.counted
    )


_STUDY_KEYS = _kept(Level.PATIENT, Level.STUDY)
_SERIES_KEYS = _kept(Level.SERIES)
_NOTED = {f"{key.tag:08X}": key for key in NOTED_KEYS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Undescribed:
    """A row whose file is to be read: ``path`` lies in the archive of evidence, or of received.

    ``received`` is what is known of a received instance should its file be gone. ``held``: the
    gate keeps this evidence back, and no query may find it.
    """

    sop_instance_uid: str
    path: str
    received: ReceivedInstance | None = None
    held: bool = False

    @property
    def is_evidence(self) -> bool:
        """Whether the node made the object itself."""
        return self.received is None


class AttributeStore:
    """Tells which rows are not described yet, and describes them; safe from several processes."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._repeatable = repeatable(engine)

    def count(self) -> int:
        """Return how many rows are not described, and how many lack their notes."""
        queries = (
            sa.select(sa.func.count()).select_from(INSTANCES).where(~INSTANCES.c.described),
            sa.select(sa.func.count()).where(~EVIDENCE.c.described, ~IS_REMOVED),
            sa.select(sa.func.count())
            .select_from(INSTANCE_ATTRIBUTES)
            .where(~INSTANCE_ATTRIBUTES.c.noted),
        )
        with self._read() as connection:
            return sum(connection.scalar(each) or 0 for each in queries)

    def undescribed_evidence(self, limit: int) -> tuple[Undescribed, ...]:
        """Return evidence that is not described."""
        query = (
            sa.select(EVIDENCE.c.sop_instance_uid, EVIDENCE.c.path, IS_HELD.label("held"))
            .where(~EVIDENCE.c.described, ~IS_REMOVED)
            .order_by(EVIDENCE.c.sop_instance_uid)
            .limit(limit)
        )
        with self._read() as connection:
            return tuple(
                Undescribed(sop_instance_uid=row.sop_instance_uid, path=row.path, held=row.held)
                for row in connection.execute(query)
            )

    def undescribed_instances(self, limit: int) -> tuple[Undescribed, ...]:
        """Return received instances that are not described, the newest first."""
        query = (
            sa.select(INSTANCES.c.received)
            .where(~INSTANCES.c.described)
            .order_by(INSTANCES.c.received_at.desc())
            .limit(limit)
        )
        with self._read() as connection:
            found = [_RECEIVED.validate_python(each) for each in connection.scalars(query)]
        return tuple(
            Undescribed(sop_instance_uid=each.sop_instance_uid, path=each.path, received=each)
            for each in found
        )

    def describe(self, read: Sequence[tuple[Undescribed, ReceivedInstance | None]]) -> None:
        """Write down what was read of some rows, in one short transaction.

        Where nothing could be read, a received instance is found by what the index knows of it,
        and evidence is not found.
        """
        received = [
            found or without_file(row.received) for row, found in read if row.received is not None
        ]
        evidence = [found for row, found in read if row.is_evidence and found is not None]
        lost = [row.sop_instance_uid for row, found in read if row.is_evidence and found is None]
        with self._repeatable.begin() as connection:
            keep_attributes(connection, received)
            keep_attributes(connection, evidence, anew=True)
            _forget(connection, lost)
            _mark(connection, INSTANCES, [row for row, _ in read if not row.is_evidence])
            _mark(connection, EVIDENCE, [row for row, _ in read if row.is_evidence])

    def note(self, limit: int) -> int:
        """Write the notes of some instances that have none, in one short transaction.

        Until then searches look into the text of their attributes. Returns how many were noted:
        none is left, or others are at them.
        """
        uid = INSTANCE_ATTRIBUTES.c.sop_instance_uid
        query = (
            sa.select(uid, INSTANCE_ATTRIBUTES.c.attributes)
            .where(~INSTANCE_ATTRIBUTES.c.noted)
            .order_by(uid)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        update = (
            sa.update(INSTANCE_ATTRIBUTES)
            .where(uid == sa.bindparam("uid"))
            .values(
                noted=True,
                **{key.column: sa.bindparam(f"noted_{key.column}") for key in NOTED_KEYS},
            )
        )
        with self._repeatable.begin() as connection:
            rows = [
                {
                    "uid": row.sop_instance_uid,
                    **{f"noted_{name}": said for name, said in notes_of(row.attributes).items()},
                }
                for row in connection.execute(query)
            ]
            if rows:
                connection.execute(update, rows)
        return len(rows)

    def _read(self) -> sa.Connection:
        return self._engine.connect().execution_options(read_only=True)


def keep_attributes(
    connection: sa.Connection, instances: Iterable[ReceivedInstance], *, anew: bool = False
) -> None:
    """Write the attributes of instances, and of those studies and series that have none yet.

    ``anew``: the instances' own are written anew where they exist.
    """
    studies: dict[str, QueryAttributes] = {}
    series: dict[tuple[str, str], QueryAttributes] = {}
    rows = []
    for each in instances:
        if each.attributes is not None:
            studies.setdefault(each.study_instance_uid, each.attributes)
            uids = (each.study_instance_uid, each.series_instance_uid)
            series.setdefault(uids, each.attributes)
            rows.append(_instance_row(each, each.attributes.instance))
    insert_or_ignore(
        connection,
        STUDY_ATTRIBUTES,
        [study_row(uid, found.study) for uid, found in studies.items()],
    )
    insert_or_ignore(
        connection,
        SERIES_ATTRIBUTES,
        [
            {
                "study_instance_uid": study,
                "series_instance_uid": uid,
                **_columns(_SERIES_KEYS, found.series),
            }
            for (study, uid), found in series.items()
        ],
    )
    (insert_or_replace if anew else insert_or_ignore)(connection, INSTANCE_ATTRIBUTES, rows)


def clear_attributes(connection: sa.Connection) -> None:
    """Forget all attributes, before they are read back from the files."""
    for table in (INSTANCE_ATTRIBUTES, SERIES_ATTRIBUTES, STUDY_ATTRIBUTES):
        connection.execute(sa.delete(table))
    connection.execute(sa.update(EVIDENCE).values(described=False))


def without_file(instance: ReceivedInstance) -> ReceivedInstance:
    """Return an instance with those attributes that the index knows without its file."""
    header = instance.header
    return replace(
        instance,
        attributes=QueryAttributes(
            study=json_text({"StudyInstanceUID": instance.study_instance_uid}),
            series=json_text(
                {
                    "SeriesInstanceUID": instance.series_instance_uid,
                    "Modality": header.modality,
                    "SeriesNumber": header.series_number,
                    "SeriesDescription": header.series_description,
                }
            ),
            instance=json_text(
                {
                    "SOPInstanceUID": instance.sop_instance_uid,
                    "SOPClassUID": instance.sop_class_uid,
                    "InstanceNumber": header.instance_number,
                    "Rows": header.rows,
                    "Columns": header.columns,
                }
            ),
        ),
    )


def study_row(study_instance_uid: str, attributes: str) -> dict[str, Any]:
    """Return the row of a study with these attributes, a text in the DICOM JSON Model."""
    return {"study_instance_uid": study_instance_uid, **_columns(_STUDY_KEYS, attributes)}


def json_text(values: Mapping[str, str | int | None]) -> str:
    """Return attributes by their keywords in the DICOM JSON Model; a name is alphabetic."""
    named = {tag_of(keyword): value for keyword, value in values.items() if value is not None}
    return json.dumps(
        {
            f"{tag:08X}": {
                "vr": vr_of(tag),
                "Value": [{"Alphabetic": value} if vr_of(tag) == "PN" else value],
            }
            for tag, value in named.items()
        }
    )


def _columns(keys: Iterable[QueryKey], attributes: str) -> dict[str, Any]:
    entity = JsonEntity(json.loads(attributes))
    row: dict[str, Any] = {"attributes": attributes}
    for key in keys:
        row |= column_values(key.column, key.vr, next(iter(entity.texts(key.tag)), ""))
    return row


def _instance_row(instance: ReceivedInstance, attributes: str) -> dict[str, Any]:
    return {
        "sop_instance_uid": instance.sop_instance_uid,
        "study_instance_uid": instance.study_instance_uid,
        "series_instance_uid": instance.series_instance_uid,
        "sop_class_uid": instance.sop_class_uid,
        "transfer_syntax_uid": instance.transfer_syntax_uid,
        "instance_number": instance.header.instance_number,
        "attributes": attributes,
        "noted": True,
        **notes_of(attributes),
    }


def notes_of(attributes: str) -> dict[str, str | None]:
    """Return the notes of an instance with these attributes, a text in the DICOM JSON Model."""
    read = json.loads(attributes)
    entity = JsonEntity(read)
    notes: dict[str, str | None] = dict.fromkeys((key.column for key in NOTED_KEYS), NOTHING)
    for key in (_NOTED[tag] for tag in read.keys() & _NOTED.keys()):
        notes[key.column] = None if entity.items(key.tag) else note(key.vr, entity.texts(key.tag))
    return notes


def _forget(connection: sa.Connection, uids: Sequence[str]) -> None:
    column = INSTANCE_ATTRIBUTES.c.sop_instance_uid
    received = sa.exists().where(INSTANCES.c.sop_instance_uid == column)
    connection.execute(sa.delete(INSTANCE_ATTRIBUTES).where(column.in_(uids), ~received))


def _mark(connection: sa.Connection, table: sa.Table, rows: Iterable[Undescribed]) -> None:
    uids = [row.sop_instance_uid for row in rows]
    connection.execute(
        sa.update(table).where(table.c.sop_instance_uid.in_(uids)).values(described=True)
    )
