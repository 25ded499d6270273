"""The Hotbase: what models said, and the evidence made of it."""

import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dicom_node.domain.evidence import EvidenceObject, EvidenceSet, LeftOut
from dicom_node.domain.job import JOB_TRANSITIONS, Job, JobState
from dicom_node.errors import ConflictError, NotFoundError
from dicom_node.persistence.corridor.remark_rows import details_of
from dicom_node.persistence.corridor.succession import finished_jobs, predecessors_of
from dicom_node.persistence.corridor.tables import (
    EVIDENCE,
    FINDINGS,
    IS_HELD,
    JOBS,
    LEFT_OUT,
    MEASUREMENTS,
    PREDICTIONS,
    REFUSALS,
    REMARKS,
    SUBSTITUTES,
)
from dicom_node.persistence.upsert import insert_one_or_ignore, insert_or_ignore, insert_or_replace
from sr_templates.evidence_kind import EvidenceKind

if TYPE_CHECKING:
    from ai_engine.result import Result

_LOG = logging.getLogger(__name__)
_STUDIES_AT_ONCE = 500


class Hotbase:
    """Jobs, findings and evidence."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add_job(self, job: Job, *, at: datetime) -> JobState:
        """Record ``job`` if it is new; return the state it is in."""
        row = _job_row(job) | {
            "state": JobState.PENDING,
            "created_at": at,
            "finished_at": None,
            "reason": "",
        }
        with self._engine.begin() as connection:
            if insert_one_or_ignore(connection, JOBS, row):
                return JobState.PENDING
            query = sa.select(JOBS.c.state).where(JOBS.c.job_id == job.job_id)
            state = connection.execute(query).scalar_one()
        return JobState(state)

    def finish_job(self, job_id: str, state: JobState, *, at: datetime, reason: str = "") -> None:
        """Move a job to ``state``; saying the same again changes nothing.

        Raises
        ------
        ConflictError
            When the job's state cannot be followed by ``state``.
        """
        allowed = [one for one, following in JOB_TRANSITIONS.items() if state in following]
        with self._engine.begin() as connection:
            changed = connection.execute(
                sa.update(JOBS)
                .where(JOBS.c.job_id == job_id, JOBS.c.state.in_([*allowed, state]))
                .values(state=state, finished_at=at, reason=reason)
            )
        if changed.rowcount != 1:
            raise ConflictError(f"job {job_id} cannot become {state}: its state does not allow it")

    def failures(self, job_ids: Sequence[str]) -> tuple[str, ...]:
        """Say why jobs failed, those of these that did."""
        query = sa.select(JOBS.c.route, JOBS.c.reason).where(
            JOBS.c.job_id.in_(job_ids), JOBS.c.state == JobState.FAILED
        )
        return tuple(f"{row['route']}: {row['reason']}" for row in self._rows(query))

    def predecessors(self, job: Job) -> tuple[str, ...]:
        """Return the jobs whose results this job's results supersede, newest first."""
        with self._read() as connection:
            return predecessors_of(connection, job.job_id, or_else=_job_row(job))

    def finished_before(self, job: Job, model_name: str) -> tuple[str, ...]:
        """Return the finished jobs of a model on a job's study but itself, newest first."""
        study = job.study_instance_uid
        with self._read() as connection:
            return finished_jobs(connection, study, model_name, but=job.job_id)

    def keep_prediction(self, job_id: str, prediction: "Result", *, at: datetime) -> None:
        """Record findings, measurements and refusals, and the whole; repeating changes nothing."""
        from dicom_node.persistence.corridor import kept_predictions  # noqa: PLC0415 - it says why

        with self._engine.begin() as connection:
            kept_predictions.keep(connection, job_id, prediction, at=at)

    def prediction(self, job_id: str) -> "Result | None":
        """Return what a job's model said; None where it is no longer kept, or cannot be read."""
        from dicom_node.persistence.corridor import kept_predictions  # noqa: PLC0415 - it says why

        with self._read() as connection:
            return kept_predictions.kept(connection, job_id)

    def forget_predictions(self, before: datetime) -> int:
        """Delete what models said, kept before a moment, but not the figures of it."""
        with self._engine.begin() as connection:
            return connection.execute(
                sa.delete(PREDICTIONS).where(PREDICTIONS.c.kept_at < before)
            ).rowcount

    def has_evidence(self) -> bool:
        """Whether a result object is kept."""
        query = sa.select(EVIDENCE.c.path).where(EVIDENCE.c.path != "").limit(1)
        with self._read() as connection:
            return connection.scalar(query) is not None

    def evidence_paths(self) -> Iterator[str]:
        """Yield the paths of all result objects kept, and of what was made to stand for some."""
        query = sa.union(
            *(
                sa.select(table.c.path).where(table.c.path != "")
                for table in (EVIDENCE, SUBSTITUTES)
            )
        )
        with self._read() as connection:
            yield from connection.scalars(query, execution_options={"yield_per": 1000})

    def measurements(self, job_id: str) -> tuple[dict[str, Any], ...]:
        """Return what a job's model measured, as rows."""
        query = sa.select(MEASUREMENTS).where(MEASUREMENTS.c.job_id == job_id)
        return self._rows(query.order_by(MEASUREMENTS.c.name, MEASUREMENTS.c.site))

    def findings(self, job_id: str) -> tuple[dict[str, Any], ...]:
        """Return a job's findings as rows, most probable first."""
        query = (
            sa.select(FINDINGS)
            .where(FINDINGS.c.job_id == job_id)
            .order_by(FINDINGS.c.probability.desc())
        )
        return self._rows(query)

    def refusals(self, job_id: str) -> tuple[dict[str, Any], ...]:
        """Return the images of a job that its model refused, as rows."""
        return self._rows(sa.select(REFUSALS).where(REFUSALS.c.job_id == job_id))

    def remarks(self, job_id: str) -> tuple[dict[str, Any], ...]:
        """Return what must be known of how a job's result came about, as rows."""
        query = sa.select(REMARKS).where(REMARKS.c.job_id == job_id)
        rows = self._rows(query.order_by(REMARKS.c.kind, REMARKS.c.sop_instance_uid))
        return tuple(
            {**row, "detail": detail} for row in rows for detail in details_of(row["detail"])
        )

    def jobs(self, study_instance_uid: str) -> tuple[dict[str, Any], ...]:
        """Return a study's jobs as rows, oldest first."""
        query = (
            sa.select(JOBS)
            .where(JOBS.c.study_instance_uid == study_instance_uid)
            .order_by(JOBS.c.created_at)
        )
        return self._rows(query)

    def job_instances(self, job_id: str) -> tuple[str, tuple[str, ...]]:
        """Return the study of a job, and the SOP Instance UIDs that it is about.

        Raises
        ------
        NotFoundError
            When there is no such job.
        """
        query = sa.select(JOBS.c.study_instance_uid, JOBS.c.sop_instance_uids).where(
            JOBS.c.job_id == job_id
        )
        for row in self._rows(query):
            return row["study_instance_uid"], tuple(row["sop_instance_uids"])
        raise NotFoundError(f"job {job_id} does not exist")

    def own_objects(self, sop_instance_uids: Sequence[str]) -> dict[str, str]:
        """Return which of these objects the node made, substitutes too, each with its job."""
        if not sop_instance_uids:
            return {}
        made = sa.select(EVIDENCE.c.sop_instance_uid, EVIDENCE.c.job_id).where(
            EVIDENCE.c.sop_instance_uid.in_(sop_instance_uids)
        )
        substituted = sa.select(SUBSTITUTES.c.sent_instance_uid, SUBSTITUTES.c.job_id).where(
            SUBSTITUTES.c.sent_instance_uid.in_(sop_instance_uids)
        )
        query = sa.union_all(made, substituted)
        return {row["sop_instance_uid"]: row["job_id"] for row in self._rows(query)}

    def own_series(self, series_instance_uid: str) -> str | None:
        """Return the newest job whose reports are in this series."""
        query = (
            sa.select(EVIDENCE.c.job_id)
            .join(JOBS, JOBS.c.job_id == EVIDENCE.c.job_id)
            .where(EVIDENCE.c.series_instance_uid == series_instance_uid)
            .order_by(JOBS.c.created_at.desc())
            .limit(1)
        )
        with self._read() as connection:
            found: str | None = connection.scalar(query)
            return found

    def keep_evidence(self, objects: Sequence[EvidenceObject]) -> None:
        """Record result objects; repeating it changes nothing."""
        # Whatever has been read of an earlier object under the same UID no longer holds.
        rows = [
            {**asdict(each), "problems": list(each.problems), "described": False}
            for each in objects
        ]
        with self._engine.begin() as connection:
            insert_or_replace(connection, EVIDENCE, rows)

    def withdraw(self, sop_instance_uids: Sequence[str]) -> None:
        """Forget objects that are held and in whose place others were made; none was ever sent."""
        condition = EVIDENCE.c.sop_instance_uid.in_(sop_instance_uids) & IS_HELD
        with self._engine.begin() as connection:
            connection.execute(sa.delete(EVIDENCE).where(condition))

    def evidence(
        self, job_id: str, evidence_set: EvidenceSet = EvidenceSet.RESULT
    ) -> tuple[EvidenceObject, ...]:
        """Return the objects of one of a job's evidence sets, in the order of their kinds."""
        query = (
            sa.select(EVIDENCE)
            .where(EVIDENCE.c.job_id == job_id, EVIDENCE.c.evidence_set == evidence_set.value)
            .order_by(EVIDENCE.c.kind)
        )
        return tuple(_evidence(row) for row in self._rows(query))

    def evidence_sets(self, job_id: str) -> frozenset[EvidenceSet]:
        """Return which of its evidence sets a job has objects of."""
        query = sa.select(EVIDENCE.c.evidence_set).where(EVIDENCE.c.job_id == job_id).distinct()
        return frozenset(EvidenceSet(row["evidence_set"]) for row in self._rows(query))

    def evidence_of_study(self, study_instance_uid: str) -> tuple[EvidenceObject, ...]:
        """Return every object made of a study, whatever it was made for."""
        query = (
            sa.select(EVIDENCE)
            .join(JOBS, JOBS.c.job_id == EVIDENCE.c.job_id)
            .where(JOBS.c.study_instance_uid == study_instance_uid)
            .order_by(EVIDENCE.c.sop_instance_uid)
        )
        return tuple(_evidence(row) for row in self._rows(query))

    def series_made_of(self, studies: Collection[str]) -> frozenset[str]:
        """Return the Series Instance UIDs of everything made of some studies."""
        listed, found = sorted(studies), set[str]()
        for start in range(0, len(listed), _STUDIES_AT_ONCE):
            query = (
                sa.select(EVIDENCE.c.series_instance_uid)
                .join(JOBS, JOBS.c.job_id == EVIDENCE.c.job_id)
                .where(JOBS.c.study_instance_uid.in_(listed[start:][:_STUDIES_AT_ONCE]))
                .distinct()
            )
            found |= {row["series_instance_uid"] for row in self._rows(query)}
        return frozenset(found)

    def evidence_object(self, sop_instance_uid: str) -> tuple[EvidenceObject, str] | None:
        """Return one result object with its Study Instance UID, or None."""
        query = (
            sa.select(EVIDENCE, JOBS.c.study_instance_uid)
            .join(JOBS, JOBS.c.job_id == EVIDENCE.c.job_id)
            .where(EVIDENCE.c.sop_instance_uid == sop_instance_uid)
        )
        for row in self._rows(query):
            study: str = row.pop("study_instance_uid")
            return _evidence(row), study
        return None

    def held(
        self, study_instance_uid: str = "", limit: int = 1000
    ) -> tuple[tuple[EvidenceObject, str], ...]:
        """Return what the gate keeps back, of one study or of all, each with its study."""
        query = (
            sa.select(EVIDENCE, JOBS.c.study_instance_uid)
            .join(JOBS, JOBS.c.job_id == EVIDENCE.c.job_id)
            .where(IS_HELD)
            .order_by(JOBS.c.created_at, EVIDENCE.c.kind, EVIDENCE.c.sop_instance_uid)
            .limit(limit)
        )
        if study_instance_uid:
            query = query.where(JOBS.c.study_instance_uid == study_instance_uid)
        rows = self._rows(query)
        studies = [str(row.pop("study_instance_uid")) for row in rows]
        return tuple(zip(map(_evidence, rows), studies, strict=True))

    def held_counts(self) -> dict[EvidenceKind, int]:
        """Return how many objects of each kind the gate keeps back."""
        query = sa.select(EVIDENCE.c.kind, sa.func.count()).where(IS_HELD).group_by(EVIDENCE.c.kind)
        with self._read() as connection:
            return {EvidenceKind(kind): count for kind, count in connection.execute(query)}

    def leave_out(self, left_out: LeftOut) -> None:
        """Record that a job has no evidence of some kind; repeating it changes nothing."""
        row = {
            "job_id": left_out.job_id,
            "kind": left_out.kind,
            "reason": left_out.reason[:255],
        }
        with self._engine.begin() as connection:
            insert_or_ignore(connection, LEFT_OUT, [row])

    def left_out(self, job_id: str) -> tuple[LeftOut, ...]:
        """Return which kinds of evidence a job has none of, and why."""
        query = sa.select(LEFT_OUT).where(LEFT_OUT.c.job_id == job_id).order_by(LEFT_OUT.c.kind)
        return tuple(
            LeftOut(job_id=job_id, kind=EvidenceKind(row["kind"]), reason=row["reason"])
            for row in self._rows(query)
        )

    def reopen_job(self, job_id: str) -> None:
        """Let a job be done once more, for the sake of evidence that is held back."""
        allowed = [one for one, after in JOB_TRANSITIONS.items() if JobState.PENDING in after]
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(JOBS)
                .where(JOBS.c.job_id == job_id, JOBS.c.state.in_(allowed))
                .values(state=JobState.PENDING)
            )
            connection.execute(sa.delete(LEFT_OUT).where(LEFT_OUT.c.job_id == job_id))

    def _read(self) -> sa.Connection:
        return self._engine.connect().execution_options(read_only=True)

    def _rows(self, query: sa.Select[Any] | sa.CompoundSelect[Any]) -> tuple[dict[str, Any], ...]:
        with self._read() as connection:
            return tuple(dict(row) for row in connection.execute(query).mappings())


def _job_row(job: Job) -> dict[str, Any]:
    return {
        "job_id": job.job_id,
        "study_instance_uid": job.study_instance_uid,
        "revision": job.revision,
        "route": job.route,
        "model_name": job.model.name,
        "model_version": job.model.version,
        "weights_digest": job.model.weights_digest,
        "sop_instance_uids": list(job.sop_instance_uids),
    }


def _evidence(row: dict[str, Any]) -> EvidenceObject:
    own = {name: value for name, value in row.items() if name != "described"}
    return EvidenceObject(
        **{
            **own,
            "kind": EvidenceKind(row["kind"]),
            "problems": tuple(row["problems"]),
            "evidence_set": EvidenceSet(row["evidence_set"]),
        }
    )
