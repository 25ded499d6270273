"""The Warehouse on SQLAlchemy."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from datetime import datetime
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter

from dicom_node.domain.device import Device
from dicom_node.domain.review.review import Judgement
from dicom_node.domain.warehouse import (
    ALL_RECORDS,
    LabelCount,
    LabelTruth,
    TruthSource,
    WarehouseFilter,
    WarehouseRecord,
    as_reviewed,
    as_said,
    counted,
)
from dicom_node.errors import NotFoundError
from dicom_node.persistence.upsert import insert_or_ignore
from dicom_node.persistence.warehouse.tables import (
    DEVICES,
    IMAGES,
    RECORDS,
    SUPERSEDED_RECORDS,
    TRUTHS,
)

_RECORD = TypeAdapter(WarehouseRecord)
_TRUTH_FIELDS = tuple(each.name for each in fields(LabelTruth))
# Rows that are held in memory at once while everything is read.
_BATCH = 500


class WarehouseStore:
    """What experts have validated; read by calibration, fine-tuning and export.

    What is written is never changed; a record is set aside when its verdict is taken back.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def file(self, record: WarehouseRecord) -> None:
        """Keep a record in one transaction; filing it again changes nothing.

        A record of the same item that was decided earlier is superseded by it.
        """
        device = {"device_id": record.device.device_id, **asdict(record.device)}
        images = [
            {
                "record_id": record.record_id,
                "sop_instance_uid": each.sop_instance_uid,
                "path": each.path,
                "archived_path": each.archived_path,
                "digest": each.digest,
            }
            for each in record.images
        ]
        truths = [
            {"position": position, **{name: getattr(each, name) for name in _TRUTH_FIELDS}}
            for position, each in enumerate(record.truths)
        ]
        earlier = sa.and_(
            RECORDS.c.record_id == record.record_id, RECORDS.c.decided_at < record.decided_at
        )
        with self._engine.begin() as connection:
            _set_aside(connection, earlier, by="", why="decided anew", at=record.filed_at)
            insert_or_ignore(connection, DEVICES, [device])
            insert_or_ignore(connection, RECORDS, [_record_row(record)])
            insert_or_ignore(connection, IMAGES, images)
            insert_or_ignore(connection, TRUTHS, truths)

    def supersede(
        self, record_id: str, *, decided_until: datetime, by: str, why: str, at: datetime
    ) -> None:
        """Set a record aside whose verdict was taken back; doing it again changes nothing."""
        taken_back = sa.and_(
            RECORDS.c.record_id == record_id, RECORDS.c.decided_at <= decided_until
        )
        with self._engine.begin() as connection:
            _set_aside(connection, taken_back, by=by, why=why, at=at)

    def superseded(self, record_id: str) -> tuple[WarehouseRecord, ...]:
        """Return the records of an item that hold no more, oldest verdict first."""
        query = (
            sa.select(SUPERSEDED_RECORDS.c.body)
            .where(SUPERSEDED_RECORDS.c.record_id == record_id)
            .order_by(SUPERSEDED_RECORDS.c.decided_at)
        )
        with self._read() as connection:
            return tuple(map(_RECORD.validate_python, connection.scalars(query)))

    def record(self, record_id: str) -> WarehouseRecord:
        """Return one record.

        Raises
        ------
        NotFoundError
            When the Warehouse does not have it.
        """
        query = sa.select(RECORDS.c.body).where(RECORDS.c.record_id == record_id)
        with self._read() as connection:
            body = connection.scalar(query)
        if body is None:
            raise NotFoundError(f"the Warehouse has no record {record_id}")
        return as_reviewed(_RECORD.validate_python(body))

    def records(self, wanted: WarehouseFilter = ALL_RECORDS) -> Iterator[WarehouseRecord]:
        """Yield records, oldest verdict first; ``label`` is not looked at."""
        query = (
            sa.select(RECORDS.c.body)
            .where(*_conditions(RECORDS, wanted))
            .order_by(RECORDS.c.decided_at, RECORDS.c.record_id)
        )
        for row in self._streamed(query):
            yield as_reviewed(_RECORD.validate_python(row["body"]))

    def truths(self, wanted: WarehouseFilter = ALL_RECORDS) -> Iterator[LabelTruth]:
        """Yield label truths, oldest verdict first, those that cannot be told among them."""
        query = (
            sa.select(*(TRUTHS.c[name] for name in _TRUTH_FIELDS))
            .where(*_conditions(TRUTHS, wanted))
            .order_by(TRUTHS.c.decided_at, TRUTHS.c.record_id, TRUTHS.c.position)
        )
        if wanted.label:
            query = query.where(TRUTHS.c.label == wanted.label)
        truths = (_truth(row) for row in self._streamed(query))
        for _, of_record in groupby(truths, key=lambda each: each.record_id):
            yield from as_said(of_record)

    def devices(self) -> Mapping[str, Device]:
        """Return the devices that have records, by identifier."""
        with self._read() as connection:
            rows = connection.execute(sa.select(DEVICES).order_by(DEVICES.c.device_id)).mappings()
            return {
                row["device_id"]: Device(
                    calling_ae=row["calling_ae"],
                    manufacturer=row["manufacturer"],
                    model_name=row["model_name"],
                    serial_number=row["serial_number"],
                )
                for row in rows
            }

    def counts(self) -> tuple[LabelCount, ...]:
        """Return the counts by device and label, in that order."""
        return counted(self.truths())

    def paths(self) -> Iterator[str]:
        """Yield the paths of all validated images kept."""
        query = sa.select(IMAGES.c.path).where(IMAGES.c.path != "").distinct()
        with self._read() as connection:
            yield from connection.scalars(query, execution_options={"yield_per": 1000})

    def _read(self) -> sa.Connection:
        return self._engine.connect().execution_options(read_only=True)

    def _streamed(self, query: sa.Select[Any]) -> Iterator[dict[str, Any]]:
        with self._read() as connection:
            for row in connection.execution_options(yield_per=_BATCH).execute(query).mappings():
                yield dict(row)


def _set_aside(
    connection: sa.Connection,
    which: sa.ColumnElement[bool],
    *,
    by: str,
    why: str,
    at: datetime,
) -> None:
    """Move records to where nobody learns from them."""
    found = connection.execute(
        sa.select(
            RECORDS.c.record_id, RECORDS.c.decided_at, RECORDS.c.study_instance_uid, RECORDS.c.body
        ).where(which)
    ).mappings()
    rows = [{**row, "superseded_at": at, "superseded_by": by, "reason": why} for row in found]
    insert_or_ignore(connection, SUPERSEDED_RECORDS, rows)
    names = [row["record_id"] for row in rows]
    for table in (TRUTHS, IMAGES, RECORDS):
        connection.execute(sa.delete(table).where(table.c.record_id.in_(names)))


def _record_row(record: WarehouseRecord) -> dict[str, Any]:
    return {
        "record_id": record.record_id,
        "device_id": record.device.device_id,
        "study_instance_uid": record.study_instance_uid,
        "model_name": record.model.name,
        "model_version": record.model.version,
        "weights_digest": record.model.weights_digest,
        "ai_report_uid": record.ai_report_uid,
        "verdict_object_uid": record.verdict_object_uid,
        "verification": record.verification.value,
        "decided_at": record.decided_at,
        "filed_at": record.filed_at,
        "body": _RECORD.dump_python(record, mode="json"),
    }


def _truth(row: Mapping[str, Any]) -> LabelTruth:
    judgement = row["judgement"]
    return LabelTruth(
        **{
            **row,
            "source": TruthSource(row["source"]),
            "judgement": Judgement(judgement) if judgement else None,
        }
    )


def _conditions(table: sa.Table, wanted: WarehouseFilter) -> Iterator[sa.ColumnElement[bool]]:
    for name in ("device_id", "model_name", "model_version"):
        if value := getattr(wanted, name):
            yield table.c[name] == value
    if wanted.decided_from is not None:
        yield table.c.decided_at >= wanted.decided_from
    if wanted.decided_until is not None:
        yield table.c.decided_at < wanted.decided_until
