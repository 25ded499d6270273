"""Which studies are settled, and what is left to be removed of those that have been forgotten.

Rows go before files, and the files to remove are noted in the same transaction: should the node
stop between the two, the next run removes them. No row ever names a file that retention removed.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from dicom_node.domain.delivery import DeliveryState
from dicom_node.domain.job import JobState
from dicom_node.domain.retention import SettledResults, SettledStudy
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
    IS_REMOVED,
    JOBS,
    REMOVALS,
    REMOVED_STUDIES,
    STUDIES,
    SUBSTITUTES,
)
from dicom_node.persistence.review.tables import IS_OPEN, IS_UNCONCLUDED, REVIEW_ITEMS
from dicom_node.persistence.upsert import insert_or_ignore
from sr_templates.evidence_kind import EVIDENCE as KINDS
from sr_templates.evidence_kind import EvidenceKind

_SETTLED = (StudyState.ANALYSED, StudyState.NOT_ROUTED, StudyState.PRIOR)
_CHUNK = 500
# What results say in words and codes: it is small, and later reports come after it.
_REPORTS = frozenset(kind for kind, spec in KINDS.items() if spec.modality in ("SR", "KO"))
_MAY_GO = sa.and_(~IS_REMOVED, EVIDENCE.c.kind.not_in(sorted(_REPORTS)))


class RetentionStore:
    """Forgets images and results of settled studies; safe while the node works."""

    def __init__(self, engine: sa.Engine, *, folder: str, results: str) -> None:
        """Use a Hotbase whose images and results lie in these folders of the data folder."""
        self._engine = engine
        self._folder = folder
        self._results = results

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
        )
        with self._read() as connection:
            return tuple(
                SettledStudy(
                    study_instance_uid=row["study_instance_uid"],
                    last_received_at=row["last_received_at"],
                    instances=row["instances"],
                    size=int(row["size"] or 0),
                )
                for row in connection.execute(_page(query, after, limit)).mappings()
            )

    def settled_results(
        self,
        before: datetime,
        *,
        after: SettledResults | None = None,
        limit: int = 100,
    ) -> tuple[SettledResults, ...]:
        """Return settled studies with drawn results that were quiet ``before``, oldest first.

        ``after`` is the last one of the page before.
        """
        has_images = sa.exists().where(
            INSTANCES.c.study_instance_uid == STUDIES.c.study_instance_uid
        )
        query = sa.select(
            STUDIES.c.study_instance_uid,
            STUDIES.c.last_received_at,
            has_images.label("has_images"),
        ).where(
            STUDIES.c.last_received_at < before,
            *_is_settled(),
            sa.exists().where(
                JOBS.c.study_instance_uid == STUDIES.c.study_instance_uid,
                EVIDENCE.c.job_id == JOBS.c.job_id,
                _MAY_GO,
            ),
        )
        with self._read() as connection:
            return tuple(
                _results_of(connection, row)
                for row in connection.execute(_page(query, after, limit)).mappings().all()
            )

    def forget_images(self, study: SettledStudy, *, at: datetime, why: str) -> bool:
        """Forget a study's images, and note their files for removal; ``False`` if it is not so.

        A study that has changed since it was found to be settled keeps its images.
        """
        uid = study.study_instance_uid
        with self._engine.begin() as connection:
            if _unchanged(connection, study) is None:
                return False
            paths = [
                path
                for table in (INSTANCES, CONFLICTS)
                for path in connection.scalars(
                    sa.select(table.c.path).where(table.c.study_instance_uid == uid)
                )
            ]
            note_removals(connection, [f"{self._folder}/{path}" for path in paths], at=at)
            for table in (CONFLICTS, INSTANCES):
                connection.execute(sa.delete(table).where(table.c.study_instance_uid == uid))
            _forget(connection, uid)
            _say(connection, uid, why)
        return True

    def forget_results(self, results: SettledResults, *, at: datetime, why: str) -> bool:
        """Mark a study's drawn results as removed, and note their files; ``False`` if it is not so.

        A study that has changed since it was found, or has images, keeps its results.
        """
        uid = results.study_instance_uid
        with self._engine.begin() as connection:
            row = _unchanged(connection, results)
            if row is None or row["has_images"]:
                return False
            found = _results_of(connection, row)
            if found.only_here or not found.paths:
                return False
            note_removals(connection, [f"{self._results}/{path}" for path in found.paths], at=at)
            going = sa.select(EVIDENCE.c.sop_instance_uid).where(
                EVIDENCE.c.job_id.in_(_jobs_of(uid)), _MAY_GO
            )
            connection.execute(
                sa.update(SUBSTITUTES)
                .where(SUBSTITUTES.c.sop_instance_uid.in_(going))
                .values(path="")
            )
            connection.execute(
                sa.update(EVIDENCE)
                .where(EVIDENCE.c.sop_instance_uid.in_(going))
                .values(path="", described=True)
            )
            _forget(connection, uid)
            _say(connection, uid, why)
        return True

    def removals(self, limit: int = _CHUNK) -> tuple[str, ...]:
        """Return files that nothing names any more, in the data folder, that are to be removed.

        What has come or was made again since, under the same name, is not removed.
        """
        with self._engine.begin() as connection:
            for folder, table in (
                (self._folder, INSTANCES),
                (self._results, EVIDENCE),
                (self._results, SUBSTITUTES),
            ):
                named = sa.exists().where(
                    table.c.path == sa.func.substr(REMOVALS.c.path, len(folder) + 2),
                    REMOVALS.c.path.startswith(f"{folder}/", autoescape=True),
                )
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


def _page(
    query: sa.Select[Any], after: SettledStudy | SettledResults | None, limit: int
) -> sa.Select[Any]:
    """Return a page of studies, oldest first, after the last one of the page before."""
    place = (STUDIES.c.last_received_at, STUDIES.c.study_instance_uid)
    if after is not None:
        last = sa.literal(after.last_received_at, STUDIES.c.last_received_at.type)
        query = query.where(sa.tuple_(*place) > sa.tuple_(last, after.study_instance_uid))
    return query.order_by(*place).limit(limit)


def _unchanged(
    connection: sa.Connection, study: SettledStudy | SettledResults
) -> sa.RowMapping | None:
    """Return a study that is settled still, and quiet since it was found to be; None if not."""
    uid = study.study_instance_uid
    has_images = sa.exists().where(INSTANCES.c.study_instance_uid == uid)
    query = sa.select(
        STUDIES.c.study_instance_uid, STUDIES.c.last_received_at, has_images.label("has_images")
    ).where(
        STUDIES.c.study_instance_uid == uid,
        STUDIES.c.last_received_at == study.last_received_at,
        *_is_settled(),
    )
    return connection.execute(query).mappings().one_or_none()


def _jobs_of(study: str) -> sa.Select[Any]:
    return sa.select(JOBS.c.job_id).where(JOBS.c.study_instance_uid == study)


def _results_of(connection: sa.Connection, row: sa.RowMapping) -> SettledResults:
    """Return which results of a study may go, and whether they stand elsewhere.

    They do where each job's reports were stored at a destination: what is drawn beside them, and
    nobody wanted, goes with them.
    """
    uid = row["study_instance_uid"]
    made = connection.execute(
        sa.select(EVIDENCE).where(EVIDENCE.c.job_id.in_(_jobs_of(uid)), ~IS_REMOVED)
    ).mappings()
    stored: dict[str, set[str]] = {}
    for delivery in connection.execute(
        sa.select(DELIVERIES.c.job_id, DELIVERIES.c.stored).where(
            DELIVERIES.c.job_id.in_(_jobs_of(uid)), DELIVERIES.c.state == DeliveryState.DELIVERED
        )
    ):
        stored.setdefault(delivery.job_id, set()).update(delivery.stored)
    going, paths, only_here = set(), [], False
    for each in made:
        there = stored.get(each["job_id"], set())
        kind = EvidenceKind(each["kind"])
        if not there or (kind is EvidenceKind.SR and each["sop_instance_uid"] not in there):
            only_here = True
        if kind not in _REPORTS:
            going.add(each["sop_instance_uid"])
            paths.append(each["path"])
    return SettledResults(
        study_instance_uid=uid,
        last_received_at=row["last_received_at"],
        paths=(*paths, *_instead_of(connection, going)),
        has_images=row["has_images"],
        only_here=only_here,
    )


def _instead_of(connection: sa.Connection, going: Collection[str]) -> tuple[str, ...]:
    """Return the paths of what some destination got in the place of objects."""
    query = sa.select(SUBSTITUTES.c.path).where(
        SUBSTITUTES.c.sop_instance_uid.in_(going), SUBSTITUTES.c.path != ""
    )
    return tuple(connection.scalars(query.distinct()))


def _say(connection: sa.Connection, study: str, why: str) -> None:
    said = sa.case((STUDIES.c.reason == "", why), else_=STUDIES.c.reason + "; " + why)
    connection.execute(
        sa.update(STUDIES).where(STUDIES.c.study_instance_uid == study).values(reason=said)
    )


def _forget(connection: sa.Connection, study: str) -> None:
    """Delete what queries find of a study, but not of the files that are here still.

    Whose it is stays known where nothing of it is found any more: for erasure on request.
    """
    attributes = INSTANCE_ATTRIBUTES.c
    of_study = attributes.study_instance_uid == study
    named = (
        sa.select(INSTANCES.c.sop_instance_uid).where(INSTANCES.c.study_instance_uid == study),
        sa.select(EVIDENCE.c.sop_instance_uid).where(
            EVIDENCE.c.job_id.in_(_jobs_of(study)), ~IS_REMOVED
        ),
    )
    connection.execute(
        sa.delete(INSTANCE_ATTRIBUTES).where(
            of_study, *(attributes.sop_instance_uid.not_in(each) for each in named)
        )
    )
    series = sa.select(attributes.series_instance_uid).where(of_study)
    connection.execute(
        sa.delete(SERIES_ATTRIBUTES).where(
            SERIES_ATTRIBUTES.c.study_instance_uid == study,
            SERIES_ATTRIBUTES.c.series_instance_uid.not_in(series),
        )
    )
    going = sa.and_(
        STUDY_ATTRIBUTES.c.study_instance_uid == study, ~sa.exists(sa.select(1).where(of_study))
    )
    whose = connection.scalars(sa.select(STUDY_ATTRIBUTES.c.patient_id).where(going)).all()
    insert_or_ignore(
        connection,
        REMOVED_STUDIES,
        [{"study_instance_uid": study, "patient_id": each} for each in whose if each],
    )
    connection.execute(sa.delete(STUDY_ATTRIBUTES).where(going))
