"""The calibrations of devices: added, put in use, taken back; never changed or removed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ai_engine.calibration.device import EVERY_DEVICE, DeviceCalibration
from ai_engine.prediction import ModelIdentity
from dicom_node.domain.calibration import (
    DRIFT,
    NO_VERSION,
    CalibrationUse,
    CalibrationVersion,
    number_before,
)
from dicom_node.errors import NotFoundError
from dicom_node.persistence.devices.calibration_tables import CALIBRATION_USES, CALIBRATIONS


@dataclass(frozen=True, slots=True)
class _Series:
    """What versions are counted within: one device and one model's weights."""

    device_id: str
    model: ModelIdentity

    def of(self, table: sa.Table) -> sa.ColumnElement[bool]:
        return sa.and_(
            table.c.device_id == self.device_id,
            table.c.model_name == self.model.name,
            table.c.weights_digest == self.model.weights_digest,
        )

    @property
    def row(self) -> dict[str, Any]:
        return {
            "device_id": self.device_id,
            "model_name": self.model.name,
            "weights_digest": self.model.weights_digest,
        }


class CalibrationStore:
    """Versions of calibrations by device and model, and the history of their use."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(
        self, calibration: DeviceCalibration, model: ModelIdentity, *, actor: str
    ) -> CalibrationVersion:
        """Keep a calibration as the next version, and use it from now on."""
        series = _Series(calibration.device, model)
        with self._engine.begin() as connection:
            newest = connection.scalar(
                sa.select(sa.func.max(CALIBRATIONS.c.number)).where(series.of(CALIBRATIONS))
            )
            number = (newest or NO_VERSION) + 1
            connection.execute(
                sa.insert(CALIBRATIONS).values(
                    **series.row,
                    number=number,
                    calibration_id=calibration.calibration_id,
                    made_by=actor,
                    body=calibration.to_json(),
                )
            )
            _use(connection, series, number, at=calibration.made_at, actor=actor, why="made")
        return CalibrationVersion(number=number, calibration=calibration, made_by=actor)

    def own(self, device_id: str, model: ModelIdentity) -> CalibrationVersion | None:
        """Return the version that a device itself uses, or None."""
        series = _Series(device_id, model)
        number = self._in_use(series)
        return self._version(series, number) if number else None

    def in_use(
        self, device_id: str, model: ModelIdentity, *, family: str = ""
    ) -> CalibrationVersion | None:
        """Return what decides a device's images.

        Its own; that of the devices of its model (``family``), unless somebody has gone back from
        the device's own; that of all devices together; or None.
        """
        numbers = self._numbers_in_use((device_id, family, EVERY_DEVICE), model)
        has_history = device_id in numbers
        for each in (device_id, "" if has_history else family, EVERY_DEVICE):
            if number := numbers.get(each, NO_VERSION):
                return self._version(_Series(each, model), number)
        return None

    def open_again(self, device_id: str, model: ModelIdentity, *, at: datetime, why: str) -> bool:
        """Note that a device has changed: what is in use stays, cases from ``at`` on count.

        Returns whether it was noted: a device without a calibration of its own has none to open.
        """
        series = _Series(device_id, model)
        number = self._in_use(series)
        if not number:
            return False
        with self._engine.begin() as connection:
            _use(connection, series, number, at=at, actor=DRIFT, why=why)
        return True

    def versions(self, device_id: str, model: ModelIdentity) -> tuple[CalibrationVersion, ...]:
        """Return a device's versions, oldest first."""
        series = _Series(device_id, model)
        query = sa.select(CALIBRATIONS).where(series.of(CALIBRATIONS))
        with self._read() as connection:
            rows = connection.execute(query.order_by(CALIBRATIONS.c.number)).mappings()
            return tuple(_from_row(row) for row in rows)

    def history(self, device_id: str, model: ModelIdentity) -> tuple[CalibrationUse, ...]:
        """Return which version was in use from when on, oldest first."""
        series = _Series(device_id, model)
        query = sa.select(CALIBRATION_USES).where(series.of(CALIBRATION_USES))
        with self._read() as connection:
            rows = connection.execute(query.order_by(CALIBRATION_USES.c.id)).mappings().all()
        return tuple(
            CalibrationUse(**{name: value for name, value in row.items() if name != "id"})
            for row in rows
        )

    def roll_back(
        self,
        device_id: str,
        model: ModelIdentity,
        *,
        at: datetime,
        actor: str,
        why: str,
        number: int | None = None,
    ) -> CalibrationVersion | None:
        """Use an earlier version again: the one in use before the present one, or ``number``.

        A version that was taken back already is not one to go back to, unless ``number`` says so.

        Returns
        -------
        CalibrationVersion or None
            What is used now; None when the device has no calibration of its own any more.

        Raises
        ------
        NotFoundError
            When the device uses none, or has no version of that number.
        """
        series = _Series(device_id, model)
        present = self._in_use(series)
        if number is None and not present:
            raise NotFoundError(
                f"device {device_id} uses no calibration of its own for model {model.name}: "
                "there is nothing to go back from."
            )
        wanted = number_before(self.history(device_id, model)) if number is None else number
        found = self._version(series, wanted) if wanted else None
        with self._engine.begin() as connection:
            _use(connection, series, wanted, at=at, actor=actor, why=why)
        return found

    def devices(self, model: ModelIdentity) -> tuple[str, ...]:
        """Return the devices that have calibrations for a model."""
        query = sa.select(CALIBRATIONS.c.device_id).distinct()
        query = query.where(CALIBRATIONS.c.model_name == model.name)
        with self._read() as connection:
            return tuple(connection.scalars(query.order_by(CALIBRATIONS.c.device_id)))

    def _in_use(self, series: _Series) -> int:
        query = (
            sa.select(CALIBRATION_USES.c.number)
            .where(series.of(CALIBRATION_USES))
            .order_by(CALIBRATION_USES.c.id.desc())
            .limit(1)
        )
        with self._read() as connection:
            return connection.scalar(query) or NO_VERSION

    def _numbers_in_use(self, devices: Sequence[str], model: ModelIdentity) -> dict[str, int]:
        """Return which number each of these uses now, as far as they have a history: one look."""
        uses = CALIBRATION_USES.c
        newest = (
            sa.select(sa.func.max(uses.id))
            .where(sa.or_(*(_Series(each, model).of(CALIBRATION_USES) for each in devices if each)))
            .group_by(uses.device_id)
        )
        query = sa.select(uses.device_id, uses.number).where(uses.id.in_(newest))
        with self._read() as connection:
            return {row.device_id: row.number for row in connection.execute(query)}

    def _version(self, series: _Series, number: int) -> CalibrationVersion:
        query = sa.select(CALIBRATIONS).where(
            series.of(CALIBRATIONS), CALIBRATIONS.c.number == number
        )
        with self._read() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            raise NotFoundError(
                f"device {series.device_id} has no calibration version {number} for model "
                f"{series.model.key}: `dicom-node calibrate history` lists them."
            )
        return _from_row(row)

    def _read(self) -> sa.Connection:
        return self._engine.connect().execution_options(read_only=True)


def _use(
    connection: sa.Connection, series: _Series, number: int, *, at: datetime, actor: str, why: str
) -> None:
    connection.execute(
        sa.insert(CALIBRATION_USES).values(**series.row, number=number, at=at, actor=actor, why=why)
    )


def _from_row(row: sa.RowMapping) -> CalibrationVersion:
    return CalibrationVersion(
        number=row["number"],
        calibration=DeviceCalibration.from_json(row["body"]),
        made_by=row["made_by"],
    )
