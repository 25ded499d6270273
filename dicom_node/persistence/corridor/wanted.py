"""Studies that somebody wants analysed and only an archive has."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from dicom_node.domain.wanted_study import WantedState, WantedStudy
from dicom_node.persistence.corridor.wanted_tables import WANTED_STUDIES
from dicom_node.persistence.upsert import insert_or_replace

_ROW = WANTED_STUDIES.c
# A next try that lies further ahead was set by a clock that has been put back since.
_LONGEST_WAIT = timedelta(hours=1)


class WantedStore:
    """Studies to be fetched; written by whoever takes requests, read by what fetches."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def want(self, wanted: WantedStudy, *, at: datetime) -> None:
        """Record that a study is wanted, again too."""
        row = {
            "study_instance_uid": wanted.study_instance_uid,
            "archive": wanted.archive,
            "sender": wanted.sender,
            "state": WantedState.WAITING,
            "wanted_at": at,
            "attempts": 0,
            "not_before": None,
            "reason": "",
        }
        with self._engine.begin() as connection:
            insert_or_replace(connection, WANTED_STUDIES, [row])

    def wanted(self, study_instance_uid: str) -> WantedStudy | None:
        """Return what became of a study that was wanted."""
        found = self._found(_ROW.study_instance_uid == study_instance_uid)
        return found[0] if found else None

    def due(self, now: datetime) -> tuple[WantedStudy, ...]:
        """Return the studies to be fetched now, those wanted first first."""
        return self._found(
            (_ROW.state == WantedState.WAITING)
            & (
                _ROW.not_before.is_(None)
                | (_ROW.not_before <= now)
                | (_ROW.not_before > now + _LONGEST_WAIT)
            )
        )

    def settle(self, study_instance_uid: str, state: WantedState, reason: str = "") -> None:
        """Record how the fetching of a study ended."""
        self._change(study_instance_uid, state=state, reason=reason)

    def postpone(self, study_instance_uid: str, reason: str, *, not_before: datetime) -> None:
        """Take note that a study could not be fetched for now."""
        self._change(
            study_instance_uid,
            attempts=_ROW.attempts + 1,
            reason=reason,
            not_before=not_before,
        )

    def _change(self, study_instance_uid: str, **values: object) -> None:
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(WANTED_STUDIES)
                .where(_ROW.study_instance_uid == study_instance_uid)
                .values(**values)
            )

    def _found(self, condition: sa.ColumnElement[bool]) -> tuple[WantedStudy, ...]:
        query = (
            sa.select(WANTED_STUDIES)
            .where(condition)
            .order_by(_ROW.wanted_at, _ROW.study_instance_uid)
        )
        with self._engine.connect().execution_options(read_only=True) as connection:
            return tuple(
                WantedStudy(
                    study_instance_uid=row["study_instance_uid"],
                    archive=row["archive"],
                    sender=row["sender"],
                    state=WantedState(row["state"]),
                    attempts=row["attempts"],
                    reason=row["reason"],
                )
                for row in connection.execute(query).mappings()
            )
