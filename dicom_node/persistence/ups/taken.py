"""Steps of somebody else's worklist that the node performs, on the Hotbase."""

from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa

from dicom_node.domain.taken_step import TakenState, TakenStep
from dicom_node.persistence.ups.taken_tables import TAKEN_STEPS
from dicom_node.persistence.upsert import insert_or_replace

_ROW = TAKEN_STEPS.c


class TakenStore:
    """Steps that the node performs."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def keep(self, step: TakenStep) -> None:
        """Record a step, or how far the node is with it."""
        with self._engine.begin() as connection:
            insert_or_replace(connection, TAKEN_STEPS, [asdict(step)])

    def forget(self, uid: str) -> None:
        """Forget a step that another performer was faster with."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(TAKEN_STEPS).where(_ROW.uid == uid))

    def open(self) -> tuple[TakenStep, ...]:
        """Return the steps that are not over, those taken first first."""
        return self._found(_ROW.state != TakenState.OVER)

    def of_study(self, study_instance_uid: str) -> tuple[TakenStep, ...]:
        """Return the steps of a study."""
        return self._found(_ROW.study_instance_uid == study_instance_uid)

    def known(self, uid: str) -> bool:
        """Whether the node has, or had, a step."""
        return bool(self._found(_ROW.uid == uid))

    def collect(self, before: datetime) -> int:
        """Forget steps that are over and were taken ``before``; return how many."""
        with self._engine.begin() as connection:
            return connection.execute(
                sa.delete(TAKEN_STEPS).where(_ROW.state == TakenState.OVER, _ROW.taken_at < before)
            ).rowcount

    def _found(self, condition: sa.ColumnElement[bool]) -> tuple[TakenStep, ...]:
        query = sa.select(TAKEN_STEPS).where(condition).order_by(_ROW.taken_at, _ROW.uid)
        with self._engine.connect().execution_options(read_only=True) as connection:
            return tuple(
                TakenStep(**{**row, "state": TakenState(row["state"])})
                for row in connection.execute(query).mappings()
            )
