"""What destinations got in the place of result objects whose class they do not take."""

from collections.abc import Sequence
from dataclasses import asdict

import sqlalchemy as sa

from dicom_node.domain.evidence import Substitute
from dicom_node.persistence.corridor.tables import JOBS, SUBSTITUTES
from dicom_node.persistence.upsert import insert_or_replace


class SubstituteStore:
    """Substitutes by destination; none is ever taken back, because it may have arrived."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def keep(self, substitutes: Sequence[Substitute]) -> None:
        """Record substitutes; repeating it changes nothing."""
        with self._engine.begin() as connection:
            insert_or_replace(connection, SUBSTITUTES, [asdict(each) for each in substitutes])

    def of_study(self, job_id: str, destination: str) -> tuple[Substitute, ...]:
        """Return what ``destination`` got instead of any object of a job's study, oldest first."""
        study = sa.select(JOBS.c.study_instance_uid).where(JOBS.c.job_id == job_id)
        query = (
            sa.select(SUBSTITUTES)
            .join(JOBS, JOBS.c.job_id == SUBSTITUTES.c.job_id)
            .where(
                JOBS.c.study_instance_uid == study.scalar_subquery(),
                SUBSTITUTES.c.destination == destination,
            )
        )
        return self._found(query)

    def of_job(self, job_id: str) -> tuple[Substitute, ...]:
        """Return what any destination got instead of an object of a job, oldest first."""
        return self._found(sa.select(SUBSTITUTES).where(SUBSTITUTES.c.job_id == job_id))

    def _found(self, query: sa.Select[tuple[object, ...]]) -> tuple[Substitute, ...]:
        ordered = query.order_by(SUBSTITUTES.c.made_at, SUBSTITUTES.c.sent_instance_uid)
        with self._engine.connect().execution_options(read_only=True) as connection:
            rows = connection.execute(ordered).mappings()
            return tuple(Substitute(**dict(row)) for row in rows)
