"""Where each study stands, for whoever only looks: loads no DICOM library."""

from datetime import datetime

import sqlalchemy as sa

from dicom_node.domain.study import StudyRecord, StudyState
from dicom_node.errors import NotFoundError
from dicom_node.persistence.corridor.study_rows import study_records
from dicom_node.persistence.corridor.tables import JOBS, REFUSALS, REMARKS, STUDIES

_UNDER_WAY = (StudyState.RECEIVING, StudyState.COMPLETE)


class StudyStandings:
    """Where each study stands."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def study(self, study_instance_uid: str) -> StudyRecord:
        """Return the index row of a study.

        Raises
        ------
        NotFoundError
            When the study is not in the index.
        """
        this = STUDIES.c.study_instance_uid == study_instance_uid
        with self._read() as connection:
            for record in study_records(connection, this, limit=1):
                return record
        raise NotFoundError(f"study {study_instance_uid} is not in the index")

    def knows(self, study_instance_uid: str) -> bool:
        """Whether there is an index row of a study."""
        query = sa.select(STUDIES.c.state).where(STUDIES.c.study_instance_uid == study_instance_uid)
        with self._read() as connection:
            return connection.execute(query).first() is not None

    def receiving(self, limit: int = 1000) -> tuple[StudyRecord, ...]:
        """Return the studies of which more may arrive, the longest quiet first."""
        with self._read() as connection:
            return study_records(connection, STUDIES.c.state == StudyState.RECEIVING, limit=limit)

    def lacking(
        self,
        reason: str,
        *,
        since: datetime,
        remark: str = "",
        every: bool = False,
        limit: int = 100,
    ) -> tuple[StudyRecord, ...]:
        """Return studies that may lack images, the longest quiet first.

        Their transfer broke off, an image was refused for ``reason``, or a result says ``remark``;
        and nothing of them has been received before ``since`` only. With ``every`` one that is not
        under way is doubted.
        """
        refused = (
            sa.select(JOBS.c.study_instance_uid)
            .join(REFUSALS, REFUSALS.c.job_id == JOBS.c.job_id)
            .where(REFUSALS.c.reason == reason)
        )
        remarked = (
            sa.select(JOBS.c.study_instance_uid)
            .join(REMARKS, REMARKS.c.job_id == JOBS.c.job_id)
            .where(REMARKS.c.kind == remark)
        )
        signs = sa.or_(
            STUDIES.c.interruption.is_not(None),
            STUDIES.c.study_instance_uid.in_(refused),
            STUDIES.c.study_instance_uid.in_(remarked),
        )
        condition = sa.and_(
            STUDIES.c.last_received_at >= since,
            STUDIES.c.state != StudyState.PRIOR,
            sa.or_(signs, STUDIES.c.state.not_in(_UNDER_WAY)) if every else signs,
        )
        with self._read() as connection:
            return study_records(connection, condition, limit=limit)

    def undecided(self, limit: int = 1000) -> tuple[StudyRecord, ...]:
        """Return the studies of which a person has to say whose they are, the oldest first."""
        with self._read() as connection:
            return study_records(connection, STUDIES.c.state == StudyState.UNDECIDED, limit=limit)

    def recent(self, limit: int = 20) -> tuple[StudyRecord, ...]:
        """Return the studies that received something last, newest first."""
        with self._read() as connection:
            return study_records(connection, sa.true(), limit=limit, newest_first=True)

    def counts(self) -> dict[StudyState, int]:
        """Return how many studies there are in each state."""
        query = sa.select(STUDIES.c.state, sa.func.count()).group_by(STUDIES.c.state)
        with self._read() as connection:
            return {StudyState(state): count for state, count in connection.execute(query)}

    def ping(self) -> None:
        """Read one study, whichever comes first: costs the same however many there are.

        Raises
        ------
        sqlalchemy.exc.SQLAlchemyError
            When the database cannot be read.
        """
        with self._read() as connection:
            connection.execute(sa.select(STUDIES.c.study_instance_uid).limit(1)).first()

    def _read(self) -> sa.Connection:
        return self._engine.connect().execution_options(read_only=True)
