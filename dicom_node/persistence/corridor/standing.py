"""What stands still: studies that wait for too long, or failed. Costs no more than these do."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from dicom_node.domain.study import StudyState
from dicom_node.persistence.corridor.tables import STUDIES

# So many are counted; more are told as so many.
MOST = 1000
_UNFINISHED = (StudyState.COMPLETE, StudyState.RECEIVING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Still:
    """How many studies stand still, at most ``MOST``, and since when the first of them does."""

    count: int = 0
    since: datetime | None = None


class StandingStore:
    """Looks for studies that stand still, by the index of states."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def unfinished(self, before: datetime) -> Still:
        """Return the studies that got their last image before a moment and are not done.

        Those whose sender's retry is waited for are left out: that is meant to take its time.
        """
        return self._still(
            STUDIES.c.state.in_(_UNFINISHED),
            STUDIES.c.last_received_at < before,
            STUDIES.c.interruption.is_(None),
        )

    def undecided(self, before: datetime) -> Still:
        """Return the studies of several patients that wait for a person since a moment."""
        return self._still(
            STUDIES.c.state == StudyState.UNDECIDED, STUDIES.c.last_received_at < before
        )

    def failed(self) -> Still:
        """Return the studies whose analysis failed."""
        return self._still(STUDIES.c.state == StudyState.FAILED)

    def _still(self, *conditions: sa.ColumnElement[bool]) -> Still:
        few = sa.select(STUDIES.c.last_received_at.label("at")).where(*conditions).limit(MOST)
        found = few.subquery()
        query = sa.select(sa.func.count().label("found"), sa.func.min(found.c.at).label("since"))
        with self._engine.connect().execution_options(read_only=True) as connection:
            row = connection.execute(query.select_from(found)).one()
        return Still(count=row.found, since=row.since)
