"""Studies: what arrived, where each stands and why; analysed or sent once more on request."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from dicom_node.domain.delivery import Delivery
from dicom_node.domain.evidence import EvidenceObject, EvidenceSet
from dicom_node.domain.study import StudyRecord, StudyState
from dicom_node.domain.wanted_study import WantedStudy
from dicom_node.errors import ConflictError

Place = tuple[datetime, str]
"""When a study last received something, and its UID: where a page of a list ends."""


class Standing(StrEnum):
    """Which studies a list shows."""

    ALL = "all"
    WAITING = "waiting"
    FAILED = "failed"
    UNDECIDED = "undecided"
    NOT_ROUTED = "not-routed"
    ANALYSED = "analysed"
    PRIOR = "prior"

    @property
    def states(self) -> frozenset[StudyState]:
        """The states of the studies."""
        return _STATES[self]


_STATES = {
    Standing.ALL: frozenset(StudyState),
    Standing.WAITING: frozenset({StudyState.RECEIVING, StudyState.COMPLETE}),
    Standing.FAILED: frozenset({StudyState.FAILED}),
    Standing.UNDECIDED: frozenset({StudyState.UNDECIDED}),
    Standing.NOT_ROUTED: frozenset({StudyState.NOT_ROUTED}),
    Standing.ANALYSED: frozenset({StudyState.ANALYSED}),
    Standing.PRIOR: frozenset({StudyState.PRIOR}),
}


class StudyIndex(Protocol):
    """Where each study stands."""

    def study(self, study_instance_uid: str) -> StudyRecord:
        """Return the record of a study."""

    def counts(self) -> dict[StudyState, int]:
        """Return how many studies there are in each state."""

    def reopen(self, study_instance_uid: str, *, with_priors: bool = True) -> int | None:
        """Let a study be analysed once more; None if unknown, or a prior not to be counted."""

    def reopen_failed(self, study_instance_uid: str | None = None) -> int:
        """Let failed studies be analysed again; return how many."""


class WantedStudies(Protocol):
    """Studies that are fetched to be analysed."""

    def want(self, wanted: WantedStudy, *, at: datetime) -> None:
        """Record that a study is wanted, again too."""


class StudyLists(Protocol):
    """Studies page by page."""

    def studies(
        self,
        states: Collection[StudyState],
        limit: int,
        *,
        after: Place | None = None,
        newest_first: bool = True,
    ) -> tuple[StudyRecord, ...]:
        """Return studies in some states."""


class StudyResults(Protocol):
    """What models said of studies, and where it went."""

    def jobs(self, study_instance_uid: str) -> tuple[dict[str, Any], ...]:
        """Return a study's jobs as rows, oldest first."""

    def refusals(self, job_id: str) -> tuple[dict[str, Any], ...]:
        """Return the images that a job's model refused."""

    def remarks(self, job_id: str) -> tuple[dict[str, Any], ...]:
        """Return what must be known of how a job's result came about."""

    def evidence(
        self, job_id: str, evidence_set: EvidenceSet = EvidenceSet.RESULT
    ) -> tuple[EvidenceObject, ...]:
        """Return the objects of one of a job's evidence sets."""


class StudyDeliveries(Protocol):
    """Where results go."""

    def of_job(self, job_id: str) -> tuple[Delivery, ...]:
        """Return the deliveries of a job."""

    def resend(self, job_id: str) -> None:
        """Let everything of a job be sent once more, also what its destinations have."""


class Trail(Protocol):
    """The audit trail."""

    def note(
        self,
        action: str,
        subject: str,
        detail: Any,
        *,
        actor: str,
        at: datetime,
        before: Any = None,
    ) -> None:
        """Write that something was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDetail:
    """What became of one job of a study: as rows, where persistence knows them as rows."""

    job: dict[str, Any]
    refusals: tuple[dict[str, Any], ...]
    remarks: tuple[dict[str, Any], ...]
    evidence: tuple[EvidenceObject, ...]
    deliveries: tuple[Delivery, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyDetail:
    """A study with its jobs, oldest first."""

    study: StudyRecord
    jobs: tuple[JobDetail, ...]

    @property
    def has_results_here(self) -> bool:
        """Whether results can be had from the node, held ones aside."""
        return any(one.is_here for each in self.jobs for one in each.evidence)

    @property
    def has_results_to_send(self) -> bool:
        """Whether something was sent that has not been removed here since."""
        return any(
            each.deliveries and not (each.evidence and all(one.is_removed for one in each.evidence))
            for each in self.jobs
        )


class Studies:
    """Lists studies, and has them analysed or their results sent once more."""

    def __init__(
        self,
        *,
        index: StudyIndex,
        lists: StudyLists,
        results: StudyResults,
        deliveries: StudyDeliveries,
        wanted: WantedStudies,
        archive: str,
        trail: Trail,
        clock: Callable[[], datetime],
    ) -> None:
        """Keep the parts; ``archive`` has whole studies of which only a part was fetched."""
        self._wanted = wanted
        self._archive = archive
        self._index = index
        self._lists = lists
        self._results = results
        self._deliveries = deliveries
        self._trail = trail
        self._clock = clock

    def counts(self) -> dict[Standing, int]:
        """Return how many studies each list has."""
        found = self._index.counts()
        return {each: sum(found.get(state, 0) for state in each.states) for each in Standing}

    def listed(
        self, standing: Standing, limit: int, *, after: Place | None = None
    ) -> tuple[StudyRecord, ...]:
        """Return the studies of a list, newest first; of those that wait, the longest first."""
        return self._lists.studies(
            standing.states, limit, after=after, newest_first=standing is not Standing.WAITING
        )

    def detail(self, study_instance_uid: str) -> StudyDetail:
        """Return everything about one study.

        Raises
        ------
        NotFoundError
            When it is not in the index.
        """
        return StudyDetail(
            study=self._index.study(study_instance_uid),
            jobs=tuple(map(self._job, self._results.jobs(study_instance_uid))),
        )

    def can_be_analysed(self, study: StudyRecord) -> bool:
        """Whether a study's images are here, or an archive is named that they are fetched from."""
        is_whole = study.instance_count > 0 and study.state is not StudyState.PRIOR
        return is_whole or bool(self._archive)

    def rerun(self, study_instance_uid: str, *, actor: str) -> None:
        """Have a study routed and analysed once more; a running node takes it up shortly.

        Of one that was fetched as a prior, or whose images retention has removed, they are fetched
        first.

        Raises
        ------
        NotFoundError
            When it is not in the index.
        ConflictError
            When it was fetched as a prior or its images were removed, and no archive is named that
            has them.
        """
        if self._index.reopen(study_instance_uid, with_priors=False) is None:
            record = self._index.study(study_instance_uid)
            if not self._archive and not record.instance_count:
                raise ConflictError(
                    f"the images of study {study_instance_uid} were removed: set "
                    "retrieval.archive so that they are fetched, or have it sent again."
                )
            if not self._archive:
                raise ConflictError(
                    f"study {study_instance_uid} was fetched as a prior, maybe in part: set "
                    "retrieval.archive so that the rest is fetched, or have it sent."
                )
            wanted = WantedStudy(
                study_instance_uid=study_instance_uid,
                archive=self._archive,
                sender=record.sender or self._archive,
            )
            self._wanted.want(wanted, at=self._clock())
        self._note("study rerun", study_instance_uid, 1, actor)

    def rerun_failed(self, *, actor: str, study_instance_uid: str = "") -> int:
        """Have failed studies (or one of them) analysed again; return how many."""
        count = self._index.reopen_failed(study_instance_uid or None)
        if count:
            self._note("study rerun", study_instance_uid or "failed studies", count, actor)
        return count

    def resend(self, study_instance_uid: str, *, actor: str) -> int:
        """Have all results of a study sent once more; return how many deliveries.

        Raises
        ------
        NotFoundError
            When the study is not in the index.
        ConflictError
            When it has no results that were sent.
        """
        detail = self.detail(study_instance_uid)
        count, has_removed = 0, False
        for each in detail.jobs:
            made = [
                one
                for evidence_set in EvidenceSet
                for one in self._results.evidence(each.job["job_id"], evidence_set)
            ]
            if made and all(one.is_removed for one in made):
                has_removed = True
                continue
            self._deliveries.resend(each.job["job_id"])
            count += len(each.deliveries)
        if not count and has_removed:
            raise ConflictError(
                f"the results of study {study_instance_uid} were removed here by retention, and "
                "cannot be sent again: have whoever has them send them on, or the study analysed "
                "anew by a newer model."
            )
        if not count:
            raise ConflictError(f"study {study_instance_uid} has no results to send.")
        self._note("study resend", study_instance_uid, count, actor)
        return count

    def _job(self, job: dict[str, Any]) -> JobDetail:
        job_id = job["job_id"]
        return JobDetail(
            job=job,
            refusals=self._results.refusals(job_id),
            remarks=self._results.remarks(job_id),
            evidence=self._results.evidence(job_id),
            deliveries=self._deliveries.of_job(job_id),
        )

    def _note(self, action: str, subject: str, count: int, actor: str) -> None:
        self._trail.note(action, subject, {"count": count}, actor=actor, at=self._clock())
