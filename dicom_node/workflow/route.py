"""Routing: a complete study becomes jobs, or a reason why not."""

import logging
from dataclasses import dataclass

from dicom_node.domain.job import Job, JobState, job_identifier
from dicom_node.domain.route import Route, RouteMatch, matching_routes, refusal_of
from dicom_node.domain.study import StoredStudy
from dicom_node.workflow.ports import AeTitles, Clock, Models, ResultStore, StudyStore

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """The jobs of a study; those in ``finished`` were done before, on the same images."""

    jobs: tuple[Job, ...]
    finished: frozenset[str] = frozenset()
    reason: str = ""

    @property
    def new_jobs(self) -> tuple[Job, ...]:
        """The jobs that have not been done yet."""
        return tuple(job for job in self.jobs if job.job_id not in self.finished)

    @property
    def job_ids(self) -> tuple[str, ...]:
        """The identifiers of all jobs."""
        return tuple(job.job_id for job in self.jobs)


class Routing:
    """Matches studies with the routes of config/routes.toml."""

    def __init__(
        self,
        *,
        routes: tuple[Route, ...],
        index: StudyStore,
        results: ResultStore,
        ae_titles: AeTitles,
        models: Models,
        clock: Clock,
    ) -> None:
        self._routes = routes
        self._index = index
        self._results = results
        self._ae_titles = ae_titles
        self._models = models
        self._clock = clock

    def route(self, study: StoredStudy) -> Routed:
        """Record a job for every route that wants instances of ``study``."""
        wanted = frozenset(study.sop_instance_uids)
        instances = tuple(
            each
            for each in self._index.instances(study.study_instance_uid)
            if each.sop_instance_uid in wanted
        )
        jobs = tuple(self._job(study, match) for match in matching_routes(self._routes, instances))
        if not jobs:
            reason = refusal_of(self._routes, instances)
            _LOG.info("study not routed study=%s reason=%r", study.study_instance_uid, reason)
            return Routed(jobs=(), reason=reason)
        states = {job.job_id: self._results.add_job(job, at=self._clock()) for job in jobs}
        finished = frozenset(one for one, state in states.items() if state is JobState.DONE)
        return Routed(jobs=jobs, finished=finished)

    def _job(self, study: StoredStudy, match: RouteMatch) -> Job:
        model = self._models.identity(match.route.model)
        sender = self._ae_titles.find(study.sender)
        return Job(
            job_id=job_identifier(study.study_instance_uid, model, match.sop_instance_uids),
            study_instance_uid=study.study_instance_uid,
            revision=study.revision,
            route=match.route.name,
            model=model,
            sop_instance_uids=match.sop_instance_uids,
            destinations=match.route.destinations or (sender.destinations if sender else ()),
            urgent=match.route.urgent,
        )
