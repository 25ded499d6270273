"""What the node is fetching of which archive, and what to make of an image that comes of it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.retrieval import Purpose
from dicom_node.persistence.corridor.prior_tables import RETRIEVALS
from dicom_node.persistence.upsert import insert_or_ignore

_ROW = RETRIEVALS.c


class RetrievalStore:
    """Notes what is being fetched, before the first image of it comes."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def begin(self, study: str, archive: str, purpose: Purpose, *, at: datetime) -> None:
        """Note that images of a study come from an archive from now on, and what for."""
        with self._engine.begin() as connection:
            row = {
                "study_instance_uid": study,
                "archive": archive,
                "purpose": purpose,
                "begun_at": at,
                "until": None,
            }
            insert_or_ignore(connection, RETRIEVALS, [row])
            connection.execute(
                sa.update(RETRIEVALS)
                .where(
                    _ROW.study_instance_uid == study,
                    _ROW.archive == archive,
                    _ROW.purpose == purpose,
                )
                .values(until=None)
            )

    def end(self, study: str, archive: str, purpose: Purpose, *, until: datetime) -> None:
        """Note when the last image of it comes."""
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(RETRIEVALS)
                .where(
                    _ROW.study_instance_uid == study,
                    _ROW.archive == archive,
                    _ROW.purpose == purpose,
                )
                .values(until=until)
            )

    def note(
        self, study: str, archive: str, purpose: Purpose, outcome: str, *, at: datetime
    ) -> None:
        """Note in words what came of it, also where nothing could be begun."""
        with self._engine.begin() as connection:
            row = {
                "study_instance_uid": study,
                "archive": archive,
                "purpose": purpose,
                "begun_at": at,
                "until": at,
            }
            insert_or_ignore(connection, RETRIEVALS, [row])
            connection.execute(
                sa.update(RETRIEVALS)
                .where(
                    _ROW.study_instance_uid == study,
                    _ROW.archive == archive,
                    _ROW.purpose == purpose,
                )
                .values(outcome=outcome)
            )

    def outcomes(self, study: str, purpose: Purpose) -> dict[str, str]:
        """Return what came of fetching images of a study, by archive."""
        query = sa.select(_ROW.archive, _ROW.outcome).where(
            _ROW.study_instance_uid == study, _ROW.purpose == purpose, _ROW.outcome != ""
        )
        with self._engine.connect().execution_options(read_only=True) as connection:
            return {row.archive: row.outcome for row in connection.execute(query)}

    def fetched(self, instances: Sequence[ReceivedInstance]) -> frozenset[str]:
        """Return which of these instances the node fetched itself, by SOP Instance UID."""
        if not instances:
            return frozenset()
        with self._engine.connect().execution_options(read_only=True) as connection:
            return frozenset(purposes_of(connection, instances))

    def end_all(self, *, until: datetime) -> None:
        """End what goes on no more: the node was stopped in its midst."""
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(RETRIEVALS).where(_ROW.until.is_(None)).values(until=until)
            )


def purposes_of(
    connection: sa.Connection, instances: Iterable[ReceivedInstance]
) -> Mapping[str, Purpose]:
    """Return which of these instances the node fetched itself, by SOP Instance UID, and why."""
    arrived = tuple(instances)
    rows = connection.execute(
        sa.select(RETRIEVALS).where(
            _ROW.study_instance_uid.in_({each.study_instance_uid for each in arrived})
        )
    ).all()
    return {
        each.sop_instance_uid: Purpose(row.purpose)
        for row in rows
        for each in arrived
        if row.study_instance_uid == each.study_instance_uid
        and row.archive == each.calling_ae.strip()
        and each.received_at >= row.begun_at
        and (row.until is None or each.received_at <= row.until)
    }
