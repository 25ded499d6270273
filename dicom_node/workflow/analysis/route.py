"""Routing: a complete study becomes jobs, or a reason why not."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace

from ai_engine.prediction import ModelIdentity, Triage
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.job import Job, JobState, job_identifier
from dicom_node.domain.route import (
    AppearanceCheck,
    Looks,
    Route,
    RouteMatch,
    doubtful_instances,
    matching_routes,
    refusal_of,
    told_refusal_of,
)
from dicom_node.domain.study import StoredStudy
from dicom_node.errors import NodeError
from dicom_node.workflow.analysis.unrouted import unrouted_job
from dicom_node.workflow.ports import AeTitles, Clock, Models, ResultStore, StudyStore

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """The jobs of a study; those in ``finished`` were done before, on the same images.

    Without any, ``reason`` says why, and ``unrouted`` is the job of saying so in the PACS with the
    words of ``told``; it is None where that is switched off or nobody waits for an analysis.
    """

    jobs: tuple[Job, ...]
    finished: tuple[str, ...] = ()
    reason: str = ""
    unrouted: Job | None = None
    told: str = ""

    @property
    def new_jobs(self) -> tuple[Job, ...]:
        """The jobs that have not been done yet."""
        return tuple(job for job in self.jobs if job.job_id not in self.finished)

    @property
    def reported(self) -> tuple[Job, ...]:
        """The jobs that may have evidence to deliver."""
        return self.jobs if self.unrouted is None else (*self.jobs, self.unrouted)

    @property
    def is_untold(self) -> bool:
        """Whether it is still to be said that no route wants the study."""
        return self.unrouted is not None and self.unrouted.job_id not in self.finished

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
        identity: ModelIdentity | None = None,
    ) -> None:
        """Keep the parts; without ``identity`` no report says that a study is not routed."""
        self._identity = identity
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
        looks = self._looks(instances)
        matches = matching_routes(self._routes, instances, looks)
        jobs = tuple(self._job(study, match, instances) for match in matches)
        if not jobs:
            reason = refusal_of(self._routes, instances, looks)
            _LOG.info("study not routed study=%s reason=%r", study.study_instance_uid, reason)
            told = told_refusal_of(self._routes, instances, looks)
            return replace(self._unrouted(study, instances, told), reason=reason)
        states = {job.job_id: self._results.add_job(job, at=self._clock()) for job in jobs}
        finished = tuple(one for one, state in states.items() if state is JobState.DONE)
        return Routed(jobs=jobs, finished=finished)

    def _unrouted(
        self, study: StoredStudy, instances: Iterable[ReceivedInstance], told: str
    ) -> Routed:
        """Record the job of saying that no route wants a study, where somebody waits to hear."""
        if self._identity is None:
            return Routed(jobs=())
        present = {each.sop_instance_uid: each for each in instances}
        own = self._results.own_objects(tuple(present))
        others = (each for uid, each in present.items() if uid not in own)
        job = unrouted_job(study, others, self._identity, self._destinations(study))
        if job is None:
            return Routed(jobs=())
        is_done = self._results.add_job(job, at=self._clock()) is JobState.DONE
        return Routed(jobs=(), finished=(job.job_id,) if is_done else (), unrouted=job, told=told)

    def _destinations(self, study: StoredStudy) -> tuple[str, ...]:
        sender = self._ae_titles.find(study.sender)
        return sender.destinations if sender else ()

    def _looks(self, instances: Iterable[ReceivedInstance]) -> Looks:
        """Ask the pixels of those images whose tags keep them out of a route that doubts these."""
        return {
            each.sop_instance_uid: self._look(each)
            for each in doubtful_instances(self._routes, instances)
        }

    def _look(self, instance: ReceivedInstance) -> AppearanceCheck:
        try:
            return self._models.look(instance)
        except NodeError as error:
            _LOG.error("pixels not asked sop=%s reason=%r", instance.sop_instance_uid, str(error))
            return AppearanceCheck(words="they could not be looked at")

    def _triage(
        self, model: ModelIdentity, match: RouteMatch, instances: Iterable[ReceivedInstance]
    ) -> Triage | None:
        """Ask the triage model; what it cannot say leaves the work where it is in the queue."""
        wanted = tuple(
            each for each in instances if each.sop_instance_uid in match.sop_instance_uids
        )
        try:
            return self._models.triage(model, wanted)
        except NodeError as error:
            _LOG.error("no triage route=%s reason=%r", match.route.name, str(error))
            return None

    def _job(
        self, study: StoredStudy, match: RouteMatch, instances: Iterable[ReceivedInstance]
    ) -> Job:
        model = self._models.identity(match.route.model)
        return Job(
            job_id=job_identifier(study.study_instance_uid, model, match.sop_instance_uids),
            study_instance_uid=study.study_instance_uid,
            revision=study.revision,
            route=match.route.name,
            model=model,
            sop_instance_uids=match.sop_instance_uids,
            destinations=match.route.destinations or self._destinations(study),
            urgent=match.route.urgent,
            doubts=match.doubts,
            triage=self._triage(model, match, instances),
            interruption=study.interruption,
        )
