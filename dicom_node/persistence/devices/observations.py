"""What was observed of each device, and which models are suspended for which devices."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa

from ai_engine.prediction import ImageQuality
from dicom_node.domain.observation import Observation, Suspension
from dicom_node.errors import NotFoundError
from dicom_node.persistence.audit import note
from dicom_node.persistence.corridor.tables import AUDIT
from dicom_node.persistence.devices.calibration_tables import OBSERVATIONS, SUSPENSIONS
from dicom_node.persistence.upsert import insert_or_replace

_BATCH = 500
# What the audit calls them, from which it is known when a suspension was lifted.
_SUSPEND, _RESUME = "model suspend", "model resume"


class ObservationStore:
    """Observations of analysed images, and suspensions."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def observe(self, observations: Sequence[Observation]) -> None:
        """Keep the observations of one job; repeating it changes nothing."""
        rows = [
            {
                "job_id": each.job_id,
                "position": position,
                "sop_instance_uid": each.sop_instance_uid,
                "frame_number": each.frame_number,
                "device_id": each.device_id,
                "model_name": each.model_name,
                "weights_digest": each.weights_digest,
                "observed_at": each.observed_at,
                "quality": asdict(each.quality) if each.quality else None,
                "scores": dict(each.scores),
            }
            for position, each in enumerate(observations)
        ]
        with self._engine.begin() as connection:
            insert_or_replace(connection, OBSERVATIONS, rows)

    def observations(
        self,
        device_id: str,
        model_name: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[Observation]:
        """Yield a device's observations, oldest first."""
        query = sa.select(OBSERVATIONS).where(
            OBSERVATIONS.c.device_id == device_id, OBSERVATIONS.c.model_name == model_name
        )
        if since is not None:
            query = query.where(OBSERVATIONS.c.observed_at >= since)
        if until is not None:
            query = query.where(OBSERVATIONS.c.observed_at < until)
        yield from self._found(query.order_by(OBSERVATIONS.c.observed_at, OBSERVATIONS.c.job_id))

    def of_jobs(self, job_ids: Sequence[str]) -> Iterator[Observation]:
        """Yield the observations of some jobs."""
        for start in range(0, len(job_ids), _BATCH):
            part = job_ids[start : start + _BATCH]
            yield from self._found(sa.select(OBSERVATIONS).where(OBSERVATIONS.c.job_id.in_(part)))

    def devices(self, model_name: str) -> tuple[str, ...]:
        """Return the devices whose images a model has seen."""
        query = (
            sa.select(OBSERVATIONS.c.device_id)
            .where(OBSERVATIONS.c.model_name == model_name)
            .distinct()
            .order_by(OBSERVATIONS.c.device_id)
        )
        with self._read() as connection:
            return tuple(connection.scalars(query))

    def suspend(self, suspension: Suspension) -> None:
        """Let a model look at no more images of a device."""
        with self._engine.begin() as connection:
            insert_or_replace(connection, SUSPENSIONS, [asdict(suspension)])
            _audit(connection, _SUSPEND, suspension, suspension.actor, suspension.at)

    def resume(self, device_id: str, model_name: str, *, actor: str, at: datetime) -> Suspension:
        """Let a model look at a device's images again; return the suspension that is lifted.

        Raises
        ------
        NotFoundError
            When the model is not suspended for the device.
        """
        lifted = self.suspension(device_id, model_name)
        if lifted is None:
            raise NotFoundError(
                f"model {model_name} is not suspended for device {device_id}: "
                "`dicom-node models suspended` lists what is."
            )
        with self._engine.begin() as connection:
            connection.execute(
                sa.delete(SUSPENSIONS).where(
                    SUSPENSIONS.c.device_id == device_id, SUSPENSIONS.c.model_name == model_name
                )
            )
            _audit(connection, _RESUME, lifted, actor, at)
        return lifted

    def resumed_at(self, device_id: str, model_name: str) -> datetime | None:
        """Return when a suspension of a model for a device was last lifted, or None."""
        query = sa.select(sa.func.max(AUDIT.c.at)).where(
            AUDIT.c.action == _RESUME, AUDIT.c.subject == _subject(device_id, model_name)
        )
        with self._read() as connection:
            at: datetime | None = connection.scalar(query)
        return at

    def suspension(self, device_id: str, model_name: str) -> Suspension | None:
        """Return why a model is suspended for a device, or None."""
        query = sa.select(SUSPENSIONS).where(
            SUSPENSIONS.c.device_id == device_id, SUSPENSIONS.c.model_name == model_name
        )
        with self._read() as connection:
            row = connection.execute(query).mappings().first()
        return Suspension(**row) if row else None

    def suspensions(self) -> tuple[Suspension, ...]:
        """Return every suspension in force."""
        query = sa.select(SUSPENSIONS).order_by(SUSPENSIONS.c.device_id, SUSPENSIONS.c.model_name)
        with self._read() as connection:
            return tuple(Suspension(**row) for row in connection.execute(query).mappings())

    def _found(self, query: sa.Select[tuple[object, ...]]) -> Iterator[Observation]:
        with self._read() as connection:
            for row in connection.execute(query).mappings():
                yield Observation(
                    job_id=row["job_id"],
                    sop_instance_uid=row["sop_instance_uid"],
                    frame_number=row["frame_number"],
                    device_id=row["device_id"],
                    model_name=row["model_name"],
                    weights_digest=row["weights_digest"],
                    observed_at=row["observed_at"],
                    quality=ImageQuality(**row["quality"]) if row["quality"] else None,
                    scores=row["scores"],
                )

    def _read(self) -> sa.Connection:
        return self._engine.connect().execution_options(read_only=True)


def _audit(
    connection: sa.Connection, action: str, suspension: Suspension, actor: str, at: datetime
) -> None:
    subject = _subject(suspension.device_id, suspension.model_name)
    note(connection, action, subject, {"reason": suspension.reason}, actor=actor, at=at)


def _subject(device_id: str, model_name: str) -> str:
    return f"{model_name} for {device_id}"[:128]
