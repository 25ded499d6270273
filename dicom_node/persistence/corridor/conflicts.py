"""Objects that came under a SOP Instance UID of which other content had come before."""

import logging
from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from dicom_node.domain.instance import Conflict, ReceivedInstance
from dicom_node.persistence.corridor.tables import CONFLICTS, INSTANCES
from dicom_node.persistence.upsert import insert_or_ignore

_LOG = logging.getLogger(__name__)


class ConflictStore:
    """What lies in the archive and is not used; the index writes it, others read it here."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def count(self) -> int:
        """Return how many conflicting objects there are."""
        with self._read() as connection:
            return int(connection.scalar(sa.select(sa.func.count()).select_from(CONFLICTS)) or 0)

    def of_study(self, study_instance_uid: str) -> tuple[Conflict, ...]:
        """Return the conflicts that came with a study, and those with objects of it."""
        return self._found(
            sa.or_(
                CONFLICTS.c.study_instance_uid == study_instance_uid,
                INSTANCES.c.study_instance_uid == study_instance_uid,
            )
        )

    def paths_of(self, sop_instance_uid: str) -> tuple[str, ...]:
        """Return the files that are kept, and not used, under a SOP Instance UID."""
        query = sa.select(CONFLICTS.c.path).where(CONFLICTS.c.sop_instance_uid == sop_instance_uid)
        with self._read() as connection:
            return tuple(connection.scalars(query))

    def newest(self, limit: int = 20) -> tuple[Conflict, ...]:
        """Return the conflicts that came last, newest first."""
        return self._found(sa.true(), limit)

    def _found(self, condition: sa.ColumnElement[bool], limit: int = 1000) -> tuple[Conflict, ...]:
        counted = INSTANCES.c.study_instance_uid.label("counted_study_uid")
        query = (
            sa.select(CONFLICTS, counted)
            .join(INSTANCES, INSTANCES.c.sop_instance_uid == CONFLICTS.c.sop_instance_uid)
            .where(condition)
            .order_by(CONFLICTS.c.received_at.desc(), CONFLICTS.c.path)
            .limit(limit)
        )
        with self._read() as connection:
            return tuple(Conflict(**row) for row in connection.execute(query).mappings())

    def _read(self) -> sa.Connection:
        return self._engine.connect().execution_options(read_only=True)


def keep_conflicts(
    connection: sa.Connection, instances: Iterable[ReceivedInstance]
) -> tuple[ReceivedInstance, ...]:
    """Note conflicting objects; return those that had not been noted before."""
    by_path = {each.path: each for each in instances}
    query = sa.select(CONFLICTS.c.path).where(CONFLICTS.c.path.in_(by_path))
    known = frozenset(connection.scalars(query)) if by_path else frozenset()
    fresh = tuple(each for path, each in by_path.items() if path not in known)
    rows = [
        {
            "path": each.path,
            "sop_instance_uid": each.sop_instance_uid,
            "study_instance_uid": each.study_instance_uid,
            "calling_ae": each.calling_ae,
            "received_at": each.received_at,
        }
        for each in fresh
    ]
    insert_or_ignore(connection, CONFLICTS, rows)
    return fresh


def warn_of(conflicts: Sequence[ReceivedInstance]) -> None:
    """Say in the log that objects are kept that nothing will look at."""
    for each in conflicts:
        _LOG.warning(
            "other content under a known SOP Instance UID sop=%s study=%s: kept, not analysed; "
            "dicom-node status with the study's UID says what to do",
            each.sop_instance_uid,
            each.study_instance_uid,
        )
