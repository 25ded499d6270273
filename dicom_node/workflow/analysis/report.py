"""Reporting: a prediction becomes evidence in the archive, and rows that say so."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from ai_engine.prediction import Prediction, Refusal, RefusalReason
from ai_engine.result import Result
from dicom_node.domain.application_entity import ApplicationEntity
from dicom_node.domain.evidence import EvidenceObject, EvidenceSet, Substitute
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.job import Job, JobState
from dicom_node.domain.patient import contradictions_within
from dicom_node.domain.study import StoredStudy
from dicom_node.errors import AwayError, NodeError
from dicom_node.workflow.analysis.evidence_order import (
    EvidenceMaker,
    EvidenceOrder,
    MadeEvidence,
    Replaced,
)
from dicom_node.workflow.analysis.infer import Analysis, job_instances, told_instances
from dicom_node.workflow.analysis.orders import FindsOrders, NoOrders
from dicom_node.workflow.analysis.patients import UNDECIDED, several_patients
from dicom_node.workflow.analysis.unrouted import (
    BROKE_OFF,
    COME_TWICE,
    ROUTING,
    broken_off,
    came_twice,
    no_model,
)
from dicom_node.workflow.ports import (
    AeTitles,
    Clock,
    DeliveryLedger,
    ResultStore,
    StudyStore,
    Substitutes,
)
from dicom_node.workflow.review.ports import ExternalReportSource
from sr_templates.context import EvidenceContext
from sr_templates.earlier_result import EarlierResult
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.rendition import PLAIN, Rendition
from sr_templates.requested_procedure import RequestedProcedure
from sr_templates.uids import derived_uid, model_parts, series_uid

_LOG = logging.getLogger(__name__)
WITH_REPORT = ("the report that it belongs to is held",)
"""Why an object is held that passes by itself."""


def _nothing_before(_job: Job, _prediction: Result) -> EarlierResult | None:
    """Compare with nothing."""
    return None


class Reporting:
    """Has the result objects of a job made, and records what was made and what was not."""

    def __init__(
        self,
        *,
        index: StudyStore,
        results: ResultStore,
        deliveries: DeliveryLedger,
        substitutes: Substitutes,
        external: ExternalReportSource,
        ae_titles: AeTitles,
        maker: EvidenceMaker,
        last_resort: EvidenceMaker,
        context: Callable[[datetime], EvidenceContext],
        clock: Clock,
        orders: FindsOrders | None = None,
        before: Callable[[Job, Result], EarlierResult | None] = _nothing_before,
    ) -> None:
        """Keep the parts.

        ``before`` says which result of an earlier study of the patient a new one is compared with.
        ``maker`` opens the images' files. ``last_resort`` does not: it makes the report that says
        why there is no other, where the files are what nothing could be made of.
        """
        self._index = index
        self._results = results
        self._deliveries = deliveries
        self._substitutes = substitutes
        self._external = external
        self._ae_titles = ae_titles
        self._maker = maker
        self._last_resort = last_resort
        self._context = context
        self._clock = clock
        self._orders = orders or NoOrders()
        self._before = before

    def report(self, analysis: Analysis) -> tuple[EvidenceObject, ...]:
        """Return the evidence of a job, each object durable in the archive and recorded.

        The objects' UIDs derive from the job, so doing this again gives the same objects: those
        that passed the gate before stay as they were sent, those that were held are replaced. A
        job whose evidence cannot be built or kept has failed, and says why: here, and in a report.
        """
        job = analysis.job
        earlier = {each.sop_instance_uid: each for each in self._results.evidence(job.job_id)}
        try:
            made = self._maker.make(self._order(analysis, tuple(earlier.values())))
        except AwayError:  # waited for, and no fault of the job
            raise
        except NodeError as error:
            _LOG.error("job not reported job=%s reason=%r", job.job_id, str(error))
            self._results.finish_job(
                job.job_id, JobState.FAILED, at=self._clock(), reason=str(error)
            )
            self.report_failure(job)
            return ()
        self._keep_words(analysis, made)
        evidence = tuple(_with_their_report(made.evidence, earlier))
        if any(_is_added(each, earlier) for each in evidence):
            self._deliveries.reopen(job.job_id, EvidenceSet.RESULT)
        self._results.keep_evidence(evidence)
        if gone := [each for each in earlier if each not in _uids(evidence)]:
            self._results.withdraw(gone)
        self._keep_rendered(job, made)
        self._results.finish_job(job.job_id, JobState.DONE, at=self._clock())
        if any(_is_held_report(each) for each in evidence):
            self.report_failure(job, "The node holds its report back: it breaks a rule of DICOM.")
        return evidence

    def report_failure(self, job: Job, detail: str = "") -> tuple[EvidenceObject, ...]:
        """Return the report that says that a job failed, durable in the archive and recorded.

        There is one for each job, however often it fails; and none where an earlier report that it
        would follow stands, because viewers show only the newest one of a series. ``detail`` says
        why, in words.
        """
        stands = (
            *self._results.evidence(job.job_id, EvidenceSet.FAILURE),
            *self._results.evidence(job.job_id),
        )
        if self._results.predecessors(job) or any(not each.is_held for each in stands):
            return ()
        refusals = tuple(
            Refusal(sop_instance_uid=uid, reason=RefusalReason.ANALYSIS_FAILED, detail=detail)
            for uid in job.sop_instance_uids
        )
        order = EvidenceOrder(
            job=job,
            prediction=Prediction(model=job.model, images=(), refusals=refusals),
            instances=job_instances(self._index, job),
            context=self._context(self._clock()),
            series=self._series(job, self._results.finished_before(job, job.model.name)),
            requested=self._requested(job),
        )
        try:
            made = self._failure_made(order)
        except AwayError:  # waited for, and no fault of the job
            raise
        except NodeError as error:
            _LOG.error("failure not reported job=%s reason=%r", job.job_id, str(error))
            return ()
        evidence = tuple(replace(each, evidence_set=EvidenceSet.FAILURE) for each in made.evidence)
        if any(not each.is_held for each in evidence):
            self._deliveries.reopen(job.job_id, EvidenceSet.FAILURE)
        self._results.keep_evidence(evidence)
        return evidence

    def report_unanswered(
        self, study: StoredStudy, job: Job, told: str
    ) -> tuple[EvidenceObject, ...]:
        """Return the report that says why a study has no result, durable and recorded.

        That is that no route wants it, that it names several patients and waits for a person, that
        its analysis broke off, or that images of it came twice, the second time after its result.
        """
        words = {
            UNDECIDED: several_patients,
            BROKE_OFF: broken_off,
            COME_TWICE: came_twice,
        }
        prediction = words.get(job.route, no_model)(job, told)
        self._results.keep_prediction(job.job_id, prediction, at=study.completed_at)
        return self.report(Analysis(job=job, prediction=prediction, made_at=study.completed_at))

    def _order(self, analysis: Analysis, earlier: tuple[EvidenceObject, ...]) -> EvidenceOrder:
        job = analysis.job
        destinations = self._destinations(job)
        others = self._results.finished_before(job, job.model.name)
        return EvidenceOrder(
            job=job,
            prediction=analysis.prediction,
            instances=decided_first(job, told_instances(self._index, job, analysis.prediction)),
            context=self._context(analysis.made_at),
            wanted=_wanted(destinations),
            earlier=earlier,
            replaced=self._replaced(job, others),
            series=self._series(job, others),
            renditions=tuple(dict.fromkeys(_renditions(destinations).values())),
            requested=self._requested(job),
            compared_with=self._before(job, analysis.prediction),
        )

    def _destinations(self, job: Job) -> tuple[ApplicationEntity, ...]:
        """Return the entries of those destinations of a job that have one."""
        found = (self._ae_titles.find(title) for title in job.destinations)
        return tuple(each for each in found if each is not None)

    def _keep_rendered(self, job: Job, made: MadeEvidence) -> None:
        """Record what stands for overlays and pages at destinations that want them otherwise."""
        if not made.rendered:
            return
        self._substitutes.keep(
            [
                Substitute(
                    destination=title,
                    sop_instance_uid=each.sop_instance_uid,
                    job_id=job.job_id,
                    sent_instance_uid=each.made.sop_instance_uid,
                    sent_class_uid=each.made.sop_class_uid,
                    sent_series_uid=each.made.series_instance_uid,
                    path=each.made.path,
                    reason=f"{title} wants it {rendition.words}",
                    made_at=self._clock(),
                    rendition=rendition.key,
                )
                for title, rendition in _renditions(self._destinations(job)).items()
                for each in made.rendered
                if each.rendition == rendition and not each.made.is_held
            ]
        )

    def _requested(self, job: Job) -> RequestedProcedure | None:
        order = self._orders.known(job.study_instance_uid)
        return order.procedure if order is not None else None

    def _failure_made(self, order: EvidenceOrder) -> MadeEvidence:
        try:
            made = self._maker.make(order)
        except AwayError:  # waited for, and no fault of the job
            raise
        except NodeError as error:
            _LOG.warning("made by the index job=%s reason=%r", order.job.job_id, str(error))
            return self._last_resort.make(order)
        is_held = all(each.is_held for each in made.evidence)
        return self._last_resort.make(order) if is_held else made

    def _keep_words(self, analysis: Analysis, made: MadeEvidence) -> None:
        """Keep what there is no evidence of and what was corrected, for ``status`` and people."""
        for each in made.left_out:
            self._results.leave_out(each)
        if made.remarks:
            prediction = analysis.prediction
            remarked = replace(prediction, remarks=(*prediction.remarks, *made.remarks))
            self._results.keep_prediction(analysis.job.job_id, remarked, at=analysis.made_at)

    def _replaced(self, job: Job, others: tuple[str, ...]) -> Replaced:
        """Return what a report takes the place of in viewers, which show a series' newest one.

        That is the model's newest report, one that this job had failed, or else one that no route
        wanted the study; and every report of a person on an earlier result: not only the newest,
        since what they say stays true. ``others`` are the model's finished jobs on the study.
        """
        earlier = self._of_patient(job, self._results.predecessors(job)) if others else ()
        own = (
            *(self._results.evidence(earlier[0]) if earlier else ()),
            *self._results.evidence(job.job_id, EvidenceSet.FAILURE),
        ) or self._unrouted_before(job)
        verdicts = [
            each for past in earlier for each in self._results.evidence(past, EvidenceSet.VERDICT)
        ]
        closing = (self._external.closing(past) for past in earlier)
        return Replaced(
            results=tuple(_reports(own)),
            verdicts=tuple(_reports(verdicts)),
            external=tuple(each for each in closing if each is not None),
        )

    def _series(self, job: Job, others: tuple[str, ...]) -> str:
        """Return the series of a job's report where that is not its model's.

        A report that another route has of the model, and that stands, would be hidden there, for
        viewers show a series' newest one. What follows a report stays in its series.
        """
        if not others or (job.model.name == ROUTING and job.route != COME_TWICE):
            return ""
        study, parts = job.study_instance_uid, model_parts(job.model)
        of_model = series_uid(study, job.model, EvidenceKind.SR)
        of_route = derived_uid("route", study, *parts, job.route)
        own = {
            each
            for one in (job.job_id, *self._results.predecessors(job))
            for each in self._reported(one)
        }
        if of_model in own and of_route not in own:
            return ""
        is_taken = any(of_model in self._reported(each) for each in others)
        return of_route if is_taken or of_route in own else ""

    def _reported(self, job_id: str) -> frozenset[str]:
        """Return the series in which a job has reports."""
        sets = (EvidenceSet.RESULT, EvidenceSet.FAILURE)
        return frozenset(
            each.series_instance_uid
            for evidence_set in sets
            for each in self._results.evidence(job_id, evidence_set)
            if each.kind is EvidenceKind.SR
        )

    def _unrouted_before(self, job: Job) -> tuple[EvidenceObject, ...]:
        """Return what said, before a later image came, that no route wants the study."""
        said = self._of_patient(job, self._results.finished_before(job, ROUTING))
        return self._results.evidence(said[0]) if said else ()

    def _of_patient(self, job: Job, earlier: tuple[str, ...]) -> tuple[str, ...]:
        """Return those of earlier jobs that speak of the same patient's images."""
        if not earlier:
            return ()
        instances = self._index.instances(job.study_instance_uid)
        said = {each.sop_instance_uid: each.patient for each in instances}

        def agrees(uids: tuple[str, ...]) -> bool:
            both = frozenset(said[uid] for uid in (*uids, *job.sop_instance_uids) if uid in said)
            return not contradictions_within(both) or (
                job.decision is not None and all(job.decision.takes(each.key) for each in both)
            )

        return tuple(one for one in earlier if agrees(self._results.job_instances(one)[1]))


def decided_first(
    job: Job, instances: tuple[ReceivedInstance, ...]
) -> tuple[ReceivedInstance, ...]:
    """Put first, of images that name several patients, those of the patient that was decided on.

    Results copy patient and study from the first.
    """
    if (decision := job.decision) is None:
        return instances
    return tuple(sorted(instances, key=lambda each: each.patient.key not in decision.keys))


def _wanted(destinations: Iterable[ApplicationEntity]) -> frozenset[EvidenceKind]:
    """Return what at least one destination gets; overlays in any case."""
    return frozenset({EvidenceKind.SC}.union(*(each.evidence for each in destinations)))


def _renditions(destinations: Iterable[ApplicationEntity]) -> dict[str, Rendition]:
    """Return how destinations want results that want them other than they are made."""
    return {each.title: each.rendition for each in destinations if each.rendition != PLAIN}


def _reports(evidence: Iterable[EvidenceObject]) -> Iterator[str]:
    """Yield the paths of reports; what was held back went nowhere, and cannot be replaced."""
    for each in evidence:
        if each.kind is EvidenceKind.SR and not each.is_held:
            yield each.path


def _uids(made: Iterable[EvidenceObject]) -> frozenset[str]:
    return frozenset(each.sop_instance_uid for each in made)


def _is_held_report(made: EvidenceObject) -> bool:
    return made.kind is EvidenceKind.SR and made.is_held


def _with_their_report(
    made: Sequence[EvidenceObject], earlier: Mapping[str, EvidenceObject]
) -> Iterator[EvidenceObject]:
    """Hold back with a report what goes with it: drawings alone do not say what they are worth.

    What was sent before stays as it is.
    """
    sent = {uid for uid, before in earlier.items() if not before.is_held}
    is_held = any(map(_is_held_report, made))
    for each in made:
        stays = not is_held or each.is_held or each.sop_instance_uid in sent
        yield each if stays else replace(each, problems=WITH_REPORT)


def _is_added(made: EvidenceObject, earlier: Mapping[str, EvidenceObject]) -> bool:
    """Whether an object may go where nothing of its UID went before."""
    before = earlier.get(made.sop_instance_uid)
    return not made.is_held and (before is None or before.is_held)
