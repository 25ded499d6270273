"""Which studies are settled, and what is left to be removed of those that have been forgotten.

Rows go before files, and the files to remove are noted in the same transaction: should the node
stop between the two, the next run removes them. No row ever names a file that retention removed.
"""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from dicom_node.domain.delivery import DeliveryState
from dicom_node.domain.job import JobState
from dicom_node.domain.retention import SettledStudy
from dicom_node.domain.study import StudyState
from dicom_node.persistence.corridor.attribute_tables import (
    INSTANCE_ATTRIBUTES,
    SERIES_ATTRIBUTES,
    STUDY_ATTRIBUTES,
)
from dicom_node.persistence.corridor.commitment_requests import RequestState
from dicom_node.persistence.corridor.commitment_tables import (
    COMMITMENT_REFERENCES,
    COMMITMENT_REQUESTS,
)
from dicom_node.persistence.corridor.prior_tables import PRIORS
from dicom_node.persistence.corridor.tables import (
    CONFLICTS,
    DELIVERIES,
    EVIDENCE,
    INSTANCES,
    IS_HELD,
    JOBS,
    REMOVALS,
    STUDIES,
)
from dicom_node.persistence.review.tables import IS_OPEN, IS_UNCONCLUDED, REVIEW_ITEMS
from dicom_node.persistence.upsert import insert_or_ignore

_SETTLED = (StudyState.ANALYSED, StudyState.NOT_ROUTED, StudyState.PRIOR)
_CHUNK = 500


class RetentionStore:
    """Forgets the images of settled studies; safe while the node works."""

    def __init__(self, engine: sa.Engine, *, folder: str) -> None:
        """Use a Hotbase whose images lie in this folder of the data folder."""
        self._engine = engine
        self._folder = folder

    def settled(
        self, before: datetime, *, after: SettledStudy | None = None, limit: int = 100
    ) -> tuple[SettledStudy, ...]:
        """Return settled studies that still have images and were quiet ``before``, oldest first.

        ``after`` is the last one of the page before.
        """
        size = sa.cast(INSTANCES.c.received["size"].as_string(), sa.BigInteger)
        query = (
            sa.select(
                STUDIES.c.study_instance_uid,
                STUDIES.c.last_received_at,
                sa.func.count().label("instances"),
                sa.func.sum(size).label("size"),
            )
            .join(INSTANCES, INSTANCES.c.study_instance_uid == STUDIES.c.study_instance_uid)
            .where(STUDIES.c.last_received_at < before, *_is_settled())
            .group_by(STUDIES.c.study_instance_uid, STUDIES.c.last_received_at)
            .order_by(STUDIES.c.last_received_at, STUDIES.c.study_instance_uid)
            .limit(limit)
        )
        if after is not None:
            query = query.where(
                sa.tuple_(STUDIES.c.last_received_at, STUDIES.c.study_instance_uid)
                > sa.tuple_(
                    sa.literal(after.last_received_at, STUDIES.c.last_received_at.type),
                    after.study_instance_uid,
                )
            )
        with self._read() as connection:
            return tuple(
                SettledStudy(
                    study_instance_uid=row["study_instance_uid"],
                    last_received_at=row["last_received_at"],
                    instances=row["instances"],
                    size=int(row["size"] or 0),
                )
                for row in connection.execute(query).mappings()
            )

    def forget_images(self, study: SettledStudy, *, at: datetime, why: str) -> bool:
        """Forget a study's images, and note their files for removal; ``False`` if it is not so.

        A study that has changed since it was found to be settled keeps its images.
        """
        uid = study.study_instance_uid
        unchanged = sa.and_(
            STUDIES.c.study_instance_uid == uid,
            STUDIES.c.last_received_at == study.last_received_at,
            *_is_settled(),
        )
        with self._engine.begin() as connection:
            if connection.scalar(sa.select(STUDIES.c.reason).where(unchanged)) is None:
                return False
            paths = [
                path
                for table in (INSTANCES, CONFLICTS)
                for path in connection.scalars(
                    sa.select(table.c.path).where(table.c.study_instance_uid == uid)
                )
            ]
            note_removals(connection, [f"{self._folder}/{path}" for path in paths], at=at)
            _forget(connection, uid)
            said = sa.case((STUDIES.c.reason == "", why), else_=STUDIES.c.reason + "; " + why)
            connection.execute(
                sa.update(STUDIES).where(STUDIES.c.study_instance_uid == uid).values(reason=said)
            )
        return True

    def removals(self, limit: int = _CHUNK) -> tuple[str, ...]:
        """Return files that nothing names any more, in the data folder, that are to be removed.

        What has come again since, under the same name, is not removed.
        """
        named = sa.exists().where(
            INSTANCES.c.path == sa.func.substr(REMOVALS.c.path, len(self._folder) + 2),
            REMOVALS.c.path.startswith(f"{self._folder}/", autoescape=True),
        )
        with self._engine.begin() as connection:
            connection.execute(sa.delete(REMOVALS).where(named))
            return tuple(connection.scalars(sa.select(REMOVALS.c.path).limit(limit)))

    def removed(self, paths: Sequence[str]) -> None:
        """Take note that files have been removed."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(REMOVALS).where(REMOVALS.c.path.in_(paths)))

    def _read(self) -> sa.Connection:
        return self._engine.connect().execution_options(read_only=True)


def note_removals(connection: sa.Connection, paths: Sequence[str], *, at: datetime) -> None:
    """Note files for removal, in the transaction that deletes the rows that name them."""
    rows = [{"path": path, "noted_at": at} for path in paths]
    insert_or_ignore(connection, REMOVALS, rows)


def _is_settled() -> tuple[sa.ColumnElement[bool], ...]:
    of_study = JOBS.c.study_instance_uid == STUDIES.c.study_instance_uid
    undone = sa.exists().where(of_study, JOBS.c.state != JobState.DONE)
    undelivered = sa.exists().where(
        of_study,
        DELIVERIES.c.job_id == JOBS.c.job_id,
        DELIVERIES.c.state != DeliveryState.DELIVERED,
    )
    held = sa.exists().where(of_study, EVIDENCE.c.job_id == JOBS.c.job_id, IS_HELD)
    waiting = sa.exists().where(
        REVIEW_ITEMS.c.study_instance_uid == STUDIES.c.study_instance_uid,
        sa.or_(IS_OPEN, IS_UNCONCLUDED),
    )
    # Somebody has asked whether the node has them, and does not know the answer yet.
    asked_for = sa.exists().where(
        INSTANCES.c.study_instance_uid == STUDIES.c.study_instance_uid,
        COMMITMENT_REFERENCES.c.sop_instance_uid == INSTANCES.c.sop_instance_uid,
        COMMITMENT_REQUESTS.c.transaction_uid == COMMITMENT_REFERENCES.c.transaction_uid,
        COMMITMENT_REQUESTS.c.state == RequestState.OPEN,
    )
    # An expert has it beside the study that is being read.
    compared = sa.exists().where(
        PRIORS.c.prior_study_uid == STUDIES.c.study_instance_uid,
        REVIEW_ITEMS.c.study_instance_uid == PRIORS.c.study_instance_uid,
        IS_OPEN,
    )
    return (
        STUDIES.c.state.in_(_SETTLED), ~undone, ~undelivered, ~held, ~waiting, ~asked_for,
        ~compared,
    )  # fmt: skip


def _forget(connection: sa.Connection, study: str) -> None:
    """Delete what the index knows of a study's images; its results are found by queries still."""
    kept = sa.select(EVIDENCE.c.sop_instance_uid)
    images = INSTANCE_ATTRIBUTES.c.study_instance_uid == study
    connection.execute(
        sa.delete(INSTANCE_ATTRIBUTES).where(
            images, INSTANCE_ATTRIBUTES.c.sop_instance_uid.not_in(kept)
        )
    )
    series = sa.select(INSTANCE_ATTRIBUTES.c.series_instance_uid).where(images)
    connection.execute(
        sa.delete(SERIES_ATTRIBUTES).where(
            SERIES_ATTRIBUTES.c.study_instance_uid == study,
            SERIES_ATTRIBUTES.c.series_instance_uid.not_in(series),
        )
    )
    connection.execute(
        sa.delete(STUDY_ATTRIBUTES).where(
            STUDY_ATTRIBUTES.c.study_instance_uid == study, ~sa.exists(sa.select(1).where(images))
        )
    )
    for table in (CONFLICTS, INSTANCES):
        connection.execute(sa.delete(table).where(table.c.study_instance_uid == study))
