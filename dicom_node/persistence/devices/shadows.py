"""Which versions run as shadow, and what they said."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa

from dicom_node.domain.observation import Observation
from dicom_node.domain.shadow import Shadow, ShadowScore
from dicom_node.errors import NotFoundError
from dicom_node.persistence.corridor.tables import AUDIT, FINDINGS
from dicom_node.persistence.devices.calibration_tables import OBSERVATIONS
from dicom_node.persistence.devices.shadow_tables import SHADOW_SCORES, SHADOWS
from dicom_node.persistence.upsert import insert_or_ignore, insert_or_replace


class ShadowStore:
    """Shadows, and their scores; a score is written once."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def set(self, shadow: Shadow) -> None:
        """Let a version run as shadow, in place of the one before."""
        with self._engine.begin() as connection:
            insert_or_replace(connection, SHADOWS, [asdict(shadow)])
            _audit(connection, "shadow on", shadow, shadow.actor, shadow.since)

    def end(self, model_name: str, *, actor: str, at: datetime) -> Shadow:
        """Let no version of a model run as shadow; return the one that did.

        Raises
        ------
        NotFoundError
            When none did.
        """
        shadow = self.of(model_name)
        if shadow is None:
            raise NotFoundError(f"no version of {model_name} runs as shadow.")
        with self._engine.begin() as connection:
            connection.execute(sa.delete(SHADOWS).where(SHADOWS.c.model_name == model_name))
            _audit(connection, "shadow off", shadow, actor, at)
        return shadow

    def of(self, model_name: str) -> Shadow | None:
        """Return the version of a model that runs as shadow, or None."""
        return next((each for each in self.all() if each.model_name == model_name), None)

    def all(self) -> tuple[Shadow, ...]:
        """Return every version that runs as shadow."""
        with self._read() as connection:
            rows = connection.execute(sa.select(SHADOWS).order_by(SHADOWS.c.model_name)).mappings()
            return tuple(Shadow(**row) for row in rows)

    def pending(self, shadow: Shadow, *, limit: int) -> tuple[Observation, ...]:
        """Return what the champion has analysed since the shadow runs and the shadow has not.

        Oldest first. Only single images, and only those whose job was reported.
        """
        seen = (
            sa.select(SHADOW_SCORES.c.job_id)
            .where(
                SHADOW_SCORES.c.weights_digest == shadow.weights_digest,
                SHADOW_SCORES.c.job_id == OBSERVATIONS.c.job_id,
                SHADOW_SCORES.c.sop_instance_uid == OBSERVATIONS.c.sop_instance_uid,
            )
            .exists()
        )
        query = (
            sa.select(OBSERVATIONS)
            .where(
                OBSERVATIONS.c.model_name == shadow.model_name,
                OBSERVATIONS.c.weights_digest != shadow.weights_digest,
                OBSERVATIONS.c.observed_at >= shadow.since,
                OBSERVATIONS.c.frame_number.is_(None),
                ~seen,
            )
            .order_by(OBSERVATIONS.c.observed_at, OBSERVATIONS.c.job_id, OBSERVATIONS.c.position)
            .limit(limit)
        )
        with self._read() as connection:
            return tuple(
                Observation(
                    **{name: row[name] for name in _OBSERVED},
                )
                for row in connection.execute(query).mappings()
            )

    def calls(self, job_id: str, sop_instance_uid: str) -> dict[str, bool]:
        """Return which labels the champion reported as present on an image."""
        query = sa.select(FINDINGS).where(
            FINDINGS.c.job_id == job_id, FINDINGS.c.sop_instance_uid == sop_instance_uid
        )
        with self._read() as connection:
            return {
                row["label"]: row["probability"] >= row["threshold"]
                for row in connection.execute(query).mappings()
            }

    def keep(self, scores: Sequence[ShadowScore]) -> None:
        """Keep what a shadow said; saying it again changes nothing."""
        with self._engine.begin() as connection:
            insert_or_ignore(connection, SHADOW_SCORES, [asdict(each) for each in scores])

    def scores(self, model_name: str, weights_digest: str) -> Iterator[ShadowScore]:
        """Yield what a version said as shadow, oldest first."""
        query = (
            sa.select(SHADOW_SCORES)
            .where(
                SHADOW_SCORES.c.model_name == model_name,
                SHADOW_SCORES.c.weights_digest == weights_digest,
            )
            .order_by(SHADOW_SCORES.c.scored_at, SHADOW_SCORES.c.job_id)
        )
        with self._read() as connection:
            for row in connection.execute(query).mappings():
                yield ShadowScore(**row)

    def _read(self) -> sa.Connection:
        return self._engine.connect().execution_options(read_only=True)


_OBSERVED = (
    "job_id",
    "sop_instance_uid",
    "frame_number",
    "device_id",
    "model_name",
    "weights_digest",
    "observed_at",
    "scores",
)


def _audit(
    connection: sa.Connection, action: str, shadow: Shadow, actor: str, at: datetime
) -> None:
    connection.execute(
        sa.insert(AUDIT).values(
            at=at,
            actor=actor,
            action=action,
            subject=f"{shadow.model_name}/{shadow.version}"[:128],
            detail={},
        )
    )
