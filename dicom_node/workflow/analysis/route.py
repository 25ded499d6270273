"""Routing: a complete study becomes jobs, or a reason why not."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ai_engine.prediction import ModelIdentity, Refusal, Triage
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.job import Job, JobState, job_identifier
from dicom_node.domain.patient import PatientDecision
from dicom_node.domain.route import AppearanceCheck, Route, is_radiograph
from dicom_node.domain.route_matching import (
    Looks,
    RouteMatch,
    doubtful_instances,
    kept_out_by_pixels,
    matching_routes,
    refusal_of,
    told_refusal_of,
    without_rejected,
)
from dicom_node.domain.study import StoredStudy
from dicom_node.errors import AwayError, NodeError
from dicom_node.workflow.analysis.conflicting import (
    FindsConflicts,
    is_of_conflict,
    no_conflicts,
)
from dicom_node.workflow.analysis.patients import Owned, Patients, undecided_job, without_own
from dicom_node.workflow.analysis.set_aside import FindsRejected, nothing_rejected, set_aside
from dicom_node.workflow.analysis.unrouted import (
    broken_off_job,
    come_twice_job,
    kept_out_job,
    unrouted_job,
)
from dicom_node.workflow.ports import AeTitles, Clock, Models, ResultStore, StudyStore

_LOG = logging.getLogger(__name__)
NO_VERSION = "none"
FindsFetched = Callable[[Sequence[ReceivedInstance]], frozenset[str]]
"""Says which images the node fetched itself, by SOP Instance UID."""


def _nothing_fetched(_instances: Sequence[ReceivedInstance]) -> frozenset[str]:
    """Take every image as sent by somebody."""
    return frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """The jobs of a study; those in ``finished`` were done before, on the same images.

    Without any, ``reason`` says why, and ``unrouted`` is the job of saying so in the PACS with the
    words of ``told``; it is None where that is switched off or nobody waits for an analysis. With
    some, it says the same of images that pixels alone have kept out, and of those that came after
    the result that would have spoken of them.
    ``undecided`` are such jobs too, one for each patient that the study names, where nobody has
    decided yet whose it is; and ``come_twice`` is the one of saying that other content came under
    the SOP Instance UIDs of images after their result.
    """

    jobs: tuple[Job, ...]
    finished: tuple[str, ...] = ()
    reason: str = ""
    unrouted: Job | None = None
    told: str = ""
    undecided: tuple[Job, ...] = ()
    come_twice: Job | None = None

    @property
    def new_jobs(self) -> tuple[Job, ...]:
        """The jobs that have not been done yet."""
        return tuple(job for job in self.jobs if job.job_id not in self.finished)

    @property
    def done_before(self) -> tuple[Job, ...]:
        """The jobs whose evidence stands, but may be wanted by another destination now."""
        every = (*self.jobs, *self._unanswered)
        return tuple(job for job in every if job.job_id in self.finished)

    @property
    def untold(self) -> tuple[Job, ...]:
        """The jobs of saying why there is no result that have not been done yet."""
        return tuple(job for job in self._unanswered if job.job_id not in self.finished)

    @property
    def _unanswered(self) -> tuple[Job, ...]:
        every = (self.unrouted, *self.undecided, self.come_twice)
        return tuple(job for job in every if job is not None)

    @property
    def job_ids(self) -> tuple[str, ...]:
        """The identifiers of all jobs."""
        return tuple(job.job_id for job in self.jobs)


def merged(jobs: Iterable[Job]) -> tuple[Job, ...]:
    """Return each job once, urgent ones first.

    Routes that want the same model to look at the same images want one job: it is urgent where one
    of them is in a hurry, its results go wherever one of them sends them, and people read it as the
    strictest of them asks.
    """
    once: dict[str, Job] = {}
    for job in jobs:
        if (known := once.get(job.job_id)) is not None:
            job = replace(  # noqa: PLW2901 - one job out of two
                known,
                urgent=known.urgent or job.urgent,
                readers=max(known.readers, job.readers),
                reads_first=known.reads_first or job.reads_first,
                destinations=tuple(dict.fromkeys((*known.destinations, *job.destinations))),
            )
        once[job.job_id] = job
    return tuple(sorted(once.values(), key=lambda job: not job.urgent))


class Routing:
    """Matches studies with the routes that there are at that moment."""

    def __init__(
        self,
        *,
        routes: Callable[[], tuple[Route, ...]],
        index: StudyStore,
        results: ResultStore,
        ae_titles: AeTitles,
        patients: Patients,
        models: Models,
        clock: Clock,
        identity: ModelIdentity,
        tells_unrouted: bool = True,
        rejected: FindsRejected = nothing_rejected,
        conflicts: FindsConflicts = no_conflicts,
        fetched: FindsFetched = _nothing_fetched,
    ) -> None:
        """Keep the parts.

        Parameters
        ----------
        conflicts
            Says what of a study came under a SOP Instance UID that was taken.
        fetched
            Says which images the node fetched itself: nobody waits for results of them where they
            came from.
        routes
            Says which routes there are at this moment: they may be changed while the node runs.
        identity
            Who says, in the PACS, that and why a study has no result.
        tells_unrouted
            Whether it is said there that no route wants a study.
        rejected
            Says which images were rejected: they are left out where valid ones are there.
        """
        self._rejected = rejected
        self._conflicts = conflicts
        self._fetched = fetched
        self._patients = patients
        self._identity = identity
        self._tells_unrouted = tells_unrouted
        self._routes = routes
        self._index = index
        self._results = results
        self._ae_titles = ae_titles
        self._models = models
        self._clock = clock

    def route(self, study: StoredStudy) -> Routed:
        """Record a job for every route that wants instances of a study of one patient."""
        wanted = frozenset(study.sop_instance_uids)
        instances = tuple(
            each
            for each in self._index.instances(study.study_instance_uid)
            if each.sop_instance_uid in wanted
        )
        owned = self._patients.owned(study.study_instance_uid, instances)
        if owned.undecided:
            return self._undecided(study, owned, instances)
        return self._routed(study, owned.instances, owned.decision)

    def _routed(
        self,
        study: StoredStudy,
        instances: tuple[ReceivedInstance, ...],
        decision: PatientDecision | None,
    ) -> Routed:
        routes = self._routes()
        looks = self._looks(routes, instances)
        rejected = self._rejected(instances)
        matches = tuple(
            without_rejected(match, rejected) for match in matching_routes(routes, instances, looks)
        )
        jobs = merged(
            replace(self._job(study, match, instances), decision=decision) for match in matches
        )
        if not jobs:
            reason = refusal_of(routes, instances, looks)
            _LOG.info("study not routed study=%s reason=%r", study.study_instance_uid, reason)
            told = told_refusal_of(routes, instances, looks)
            return replace(self._unrouted(study, instances, told), reason=reason)
        finished = self._added(jobs)
        kept_out = kept_out_by_pixels(routes, instances, looks)
        done = [each for each in jobs if each.job_id in finished]
        late = {each.sop_instance_uid: each for each in self._late(done, instances, rejected)}
        aside = {each.sop_instance_uid: each for each in instances if each.sop_instance_uid in late}
        aside |= {each.sop_instance_uid: each for each in kept_out}
        twice = self._unrouted_job(study, self._come_twice(study, done, instances))
        routed = Routed(jobs=jobs, finished=finished)
        if twice is not None:
            twice = come_twice_job(twice)
            routed = replace(routed, finished=(*finished, *self._added((twice,))), come_twice=twice)
        job = self._unrouted_job(study, aside.values())
        if job is None:
            return routed
        job = kept_out_job(job)
        by_pixels = [told_refusal_of(routes, kept_out, looks)] if kept_out else []
        told = "; ".join([*by_pixels, *sorted({each.detail for each in late.values()})])
        return replace(
            routed, finished=(*routed.finished, *self._added((job,))), unrouted=job, told=told
        )

    def _come_twice(
        self, study: StoredStudy, done: Sequence[Job], instances: Sequence[ReceivedInstance]
    ) -> Iterator[ReceivedInstance]:
        """Yield images under whose UIDs other content came after the results that they are in."""
        conflicts = self._conflicts(study.study_instance_uid) if done else ()
        others = {each.sop_instance_uid for each in conflicts}
        late: set[str] = set()
        for job in done:
            if twice := others.intersection(job.sop_instance_uids):
                said = self._results.remarks(job.job_id)
                late |= set() if any(is_of_conflict(row["detail"]) for row in said) else twice
        yield from (each for each in instances if each.sop_instance_uid in late)

    def _late(
        self,
        done: Sequence[Job],
        instances: Sequence[ReceivedInstance],
        rejected: frozenset[str],
    ) -> Iterator[Refusal]:
        """Yield a refusal for each radiograph that jobs left aside and their results don't name.

        It came after these were made. Of a study whose images name several patients nothing is
        said, as in the results themselves.
        """
        radiographs = [each for each in instances if done and is_radiograph(each)]
        others = without_own(radiographs, self._results)
        for job in done:
            of_radiographs = any(each.sop_instance_uid in job.sop_instance_uids for each in others)
            if job.decision is not None or not of_radiographs:
                continue
            named = {row["sop_instance_uid"] for row in self._results.refusals(job.job_id)}
            for refusal in set_aside(job, others, self._routes(), rejected):
                if refusal.sop_instance_uid not in named:
                    yield refusal

    def _added(self, jobs: Iterable[Job]) -> tuple[str, ...]:
        """Record jobs; return those that were done before."""
        states = {job.job_id: self._results.add_job(job, at=self._clock()) for job in jobs}
        return tuple(one for one, state in states.items() if state is JobState.DONE)

    def _undecided(
        self, study: StoredStudy, owned: Owned, instances: tuple[ReceivedInstance, ...]
    ) -> Routed:
        """Record, for each patient that a study names, the job of saying that it waits."""
        by_uid = {each.sop_instance_uid: each for each in instances}
        destinations = self._every_destination(study, instances)
        jobs = tuple(
            undecided_job(study, patient, by_uid, self._identity, destinations)
            for patient in owned.undecided
        )
        return Routed(
            jobs=(),
            finished=self._added(jobs),
            reason=f"{owned.reason}; dicom-node studies show {study.study_instance_uid}",
            told=owned.reason,
            undecided=jobs,
        )

    def _unrouted(
        self, study: StoredStudy, instances: Iterable[ReceivedInstance], told: str
    ) -> Routed:
        """Record the job of saying that no route wants a study, where somebody waits to hear."""
        job = self._unrouted_job(study, instances)
        if job is None:
            return Routed(jobs=())
        return Routed(jobs=(), finished=self._added((job,)), unrouted=job, told=told)

    def _unrouted_job(
        self, study: StoredStudy, instances: Iterable[ReceivedInstance]
    ) -> Job | None:
        others = without_own(tuple(instances), self._results) if self._tells_unrouted else ()
        if not others:
            return None
        return unrouted_job(study, others, self._identity, self._destinations(study, others))

    def broken_off(self, study: StoredStudy, reason: str) -> Routed:
        """Record the job of saying that a study's analysis broke off, for ``reason``.

        It has none where the study names several patients on whom nobody has decided: a report
        would be filed under one of them.
        """
        instances = self._index.instances(study.study_instance_uid)
        owned = self._patients.owned(study.study_instance_uid, instances)
        others = without_own(owned.instances, self._results)
        destinations = self._every_destination(study, others)
        job = broken_off_job(study, others, self._identity, destinations)
        if job is None:
            return Routed(jobs=())
        job = replace(job, decision=owned.decision)
        return Routed(jobs=(), finished=self._added((job,)), unrouted=job, told=reason)

    def _destinations(
        self, study: StoredStudy, instances: Iterable[ReceivedInstance]
    ) -> tuple[str, ...]:
        """Return where results go by who sent the study last, and by who sent these images."""
        sender = study.sender.strip()
        others = tuple(each for each in instances if each.calling_ae.strip() != sender)
        fetched = self._fetched(others) if others else frozenset()
        sent = (each for each in others if each.sop_instance_uid not in fetched)
        titles = dict.fromkeys((sender, *(each.calling_ae.strip() for each in sent)))
        found = (self._ae_titles.find(each) for each in titles)
        return tuple(dict.fromkeys(title for each in found if each for title in each.destinations))

    def _every_destination(
        self, study: StoredStudy, instances: Iterable[ReceivedInstance]
    ) -> tuple[str, ...]:
        """Return the sender's destinations, and those of the routes that tags alone lead to."""
        present = tuple(instances)
        of_routes = (
            title
            for match in matching_routes(self._routes(), present)
            for title in match.route.destinations
        )
        return tuple(dict.fromkeys((*self._destinations(study, present), *of_routes)))

    def _looks(self, routes: Iterable[Route], instances: Iterable[ReceivedInstance]) -> Looks:
        """Ask the pixels of those images whose tags keep them out of a route that doubts these."""
        return {
            each.sop_instance_uid: self._look(each)
            for each in doubtful_instances(routes, instances)
        }

    def _look(self, instance: ReceivedInstance) -> AppearanceCheck:
        try:
            return self._models.look(instance)
        except AwayError:  # waited for: who cannot look routes nothing
            raise
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

    def _identity_of(self, model: str) -> ModelIdentity:
        """Return which version of a model is active; one without a version where none is there.

        Its job fails with the reason, and is told, as any other's: the study's other routes want
        other models.
        """
        try:
            return self._models.identity(model)
        except AwayError:  # waited for
            raise
        except NodeError as error:
            _LOG.error("model not there model=%s reason=%r", model, str(error))
            return replace(self._identity, name=model, version=NO_VERSION, title=model)

    def _job(
        self, study: StoredStudy, match: RouteMatch, instances: Iterable[ReceivedInstance]
    ) -> Job:
        model = self._identity_of(match.route.model)
        wanted = [each for each in instances if each.sop_instance_uid in match.sop_instance_uids]
        return Job(
            job_id=job_identifier(study.study_instance_uid, model, match.sop_instance_uids),
            study_instance_uid=study.study_instance_uid,
            revision=study.revision,
            route=match.route.name,
            model=model,
            sop_instance_uids=match.sop_instance_uids,
            destinations=match.route.destinations or self._destinations(study, wanted),
            urgent=match.route.urgent,
            doubts=match.doubts,
            triage=self._triage(model, match, instances),
            interruption=study.interruption,
            readers=match.route.readers,
            reads_first=match.route.reads_first,
        )
