"""Inference: a job becomes a prediction."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ai_engine.prediction import Prediction, RefusalReason, Remark, RemarkKind
from ai_engine.result import Result
from dicom_node.domain.header_words import contradiction_of
from dicom_node.domain.instance import InstanceHeader, ReceivedInstance
from dicom_node.domain.job import Job, JobState
from dicom_node.domain.performed_step import NOTHING_ANNOUNCED, Announced
from dicom_node.domain.route import Route
from dicom_node.errors import AwayError, NodeError
from dicom_node.workflow.analysis.completeness import (
    signs_of_incompleteness,
    signs_of_reports,
)
from dicom_node.workflow.analysis.conflicting import (
    FindsConflicts,
    conflict_remark,
    no_conflicts,
)
from dicom_node.workflow.analysis.orders import FindsOrders, NoOrders, order_remark
from dicom_node.workflow.analysis.patients import without_own
from dicom_node.workflow.analysis.set_aside import (
    FindsRejected,
    nothing_rejected,
    rejected_alone,
    set_aside,
)
from dicom_node.workflow.analysis.watch import DeviceWatch, with_refusals
from dicom_node.workflow.ports import Clock, Models, ResultStore, StudyStore
from sr_templates.percent import percent

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """A job with what its model said, and when."""

    job: Job
    prediction: Result
    made_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Inferred:
    """Says that a job's model has looked at it, and when; what it said is kept in the Hotbase.

    That may be large (heat maps, masks, images of bones), and rows of workflows hold small values.
    """

    job_id: str
    made_at: datetime


PredictsBeside = Callable[[Job, Sequence[ReceivedInstance]], Result | None]


def _nothing_beside(_job: Job, _instances: Sequence[ReceivedInstance]) -> Result | None:
    """Ask no model for more than the study."""
    return None


class Inference:
    """Runs the model that a job names."""

    def __init__(
        self,
        *,
        index: StudyStore,
        results: ResultStore,
        models: Models,
        watch: DeviceWatch,
        clock: Clock,
        archive: str = "",
        announced: Callable[[str], Announced] = lambda _study: NOTHING_ANNOUNCED,
        orders: FindsOrders | None = None,
        beside: PredictsBeside = _nothing_beside,
        routes: Callable[[], tuple[Route, ...]] = tuple,
        rejected: FindsRejected = nothing_rejected,
        conflicts: FindsConflicts = no_conflicts,
    ) -> None:
        """Keep the parts.

        ``conflicts`` says what of a study came under a SOP Instance UID that was taken.
        ``routes`` and ``rejected`` say why images of a study were given to no model.
        ``beside`` asks a model that wants the patient's earlier images too.
        ``archive`` is the AE title that missing images are fetched from; ``announced`` says what
        others have said of a study.
        """
        self._announced = announced
        self._beside = beside
        self._routes = routes
        self._rejected = rejected
        self._conflicts = conflicts
        self._orders = orders or NoOrders()
        self._index = index
        self._results = results
        self._models = models
        self._watch = watch
        self._clock = clock
        self._archive = archive

    def analyse(self, job: Job) -> Inferred | None:
        """Make the prediction of a job and keep it in the Hotbase; None when the job failed.

        Images that the model refuses are part of the prediction; a job fails only when the model
        or the files cannot be used at all.

        Raises
        ------
        AwayError
            When what runs the model elsewhere is away: the job waits, and nothing is recorded.
        """
        started = time.perf_counter()
        instances = job_instances(self._index, job)
        try:
            prediction = self._predicted(job, instances)
        except AwayError:
            raise
        except NodeError as error:
            self.fail(job, str(error))
            return None
        made_at = self._clock()
        self._results.keep_prediction(job.job_id, prediction, at=made_at)
        self._watch.observe(job.job_id, prediction, instances, at=made_at)
        _LOG.info(
            "job inferred job=%s model=%s images=%d refused=%d seconds=%.3f",
            job.job_id,
            job.model.key,
            len(prediction.analysed),
            len(prediction.refused),
            time.perf_counter() - started,
        )
        return Inferred(job_id=job.job_id, made_at=made_at)

    def recall(self, job: Job, inferred: Inferred) -> Analysis:
        """Return a job with what its model said.

        What is no longer kept, or was written by a version of the node that this one does not
        understand, is made again: the same model says the same of the same images.
        """
        prediction = self._results.prediction(job.job_id)
        if prediction is None:
            _LOG.warning("job inferred once more job=%s", job.job_id)
            prediction = self._predicted(job, job_instances(self._index, job))
        return Analysis(job=job, prediction=prediction, made_at=inferred.made_at)

    def _predicted(self, job: Job, instances: Sequence[ReceivedInstance]) -> Result:
        admitted, refused = self._watch.admitted(job.model, instances)
        prediction = self._beside(job, admitted)
        if prediction is None:
            prediction = self._models.predict(job.model, admitted)
        told = with_refusals(prediction, refused)
        remarked = with_remarks(told, job, instances, self._archive)
        study = without_own(self._index.instances(job.study_instance_uid), self._results)
        whole = self._with_set_aside(remarked, job, study)
        twice = conflict_remark(job, self._conflicts(job.study_instance_uid))
        remarks = (*whole.remarks, *twice, *self._incomplete(job, study))
        return replace(whole, remarks=remarks)

    def _with_set_aside(
        self, prediction: Result, job: Job, study: Sequence[ReceivedInstance]
    ) -> Result:
        """Say which radiographs of the study were not analysed beside those that were, and why.

        Where it names several patients, others may be another one's: they are not spoken of.
        """
        if not isinstance(prediction, Prediction) or not prediction.images:
            return prediction
        rejected = self._rejected(study)
        remarks = (*prediction.remarks, *rejected_alone(prediction.analysed, rejected))
        if job.decision is not None:
            return replace(prediction, remarks=remarks)
        refusals = set_aside(job, study, self._routes(), rejected)
        return replace(prediction, remarks=remarks, refusals=(*prediction.refusals, *refusals))

    def _incomplete(self, job: Job, others: Sequence[ReceivedInstance]) -> Iterator[Remark]:
        yield from signs_of_incompleteness(others, job.sop_instance_uids)
        order = self._orders.find(job.study_instance_uid, others)
        if order is not None and job.sop_instance_uids:
            yield order_remark(order, job.sop_instance_uids[0])
        yield from signs_of_reports(
            self._announced(job.study_instance_uid), others, job.sop_instance_uids
        )

    def fail(self, job: Job, reason: str) -> None:
        """Record that a job has failed, and why."""
        _LOG.error("job failed job=%s model=%s reason=%r", job.job_id, job.model.key, reason)
        self._results.finish_job(job.job_id, JobState.FAILED, at=self._clock(), reason=reason)


def with_remarks(
    prediction: Result, job: Job, instances: Sequence[ReceivedInstance], archive: str = ""
) -> Result:
    """Add what triage said, where header and pixels disagree, and that a transfer broke off."""
    remarks = (
        *prediction.remarks,
        *_interrupted(job),
        *_decided(job),
        *_fetched(job, instances, archive),
    )
    if not isinstance(prediction, Prediction):
        return replace(prediction, remarks=remarks)
    disagreements = (
        *_overruled(prediction, job),
        *_belied(prediction, instances),
        *_contradicting(prediction, instances),
    )
    for each in disagreements:
        _LOG.warning("tags and pixels disagree sop=%s what=%r", each.sop_instance_uid, each.detail)
    return replace(prediction, remarks=(*remarks, *_triaged(job), *disagreements))


def _interrupted(job: Job) -> Iterator[Remark]:
    """Where the sender did not come back for the rest, figures may be of half a study."""
    if job.interruption is not None and job.sop_instance_uids:
        yield Remark(
            kind=RemarkKind.TRANSFER_INTERRUPTED,
            sop_instance_uid=job.sop_instance_uids[0],
            detail=f"Transfer interrupted: {job.interruption.words}, and the sender did not come "
            "back to finish it. Images may be missing: this result is of those that arrived.",
        )


def _fetched(job: Job, instances: Sequence[ReceivedInstance], archive: str) -> Iterator[Remark]:
    """Where the node fetched what a transfer lacked, the images are of two origins."""
    fetched = [each for each in instances if each.calling_ae.strip() == archive]
    count, of = len(fetched), len(instances)
    if archive and 0 < count < of:
        yield Remark(
            kind=RemarkKind.IMAGES_FETCHED,
            sop_instance_uid=job.sop_instance_uids[0],
            detail=f"1 of {of} images was missing in the transfer and was fetched from the archive "
            f"{archive}."
            if count == 1
            else f"{count} of {of} images were missing in the transfer and were fetched from the "
            f"archive {archive}.",
        )


def _decided(job: Job) -> Iterator[Remark]:
    """Where a study names several patients, whose it is was a person's decision."""
    if (decision := job.decision) is not None and job.sop_instance_uids:
        rest = (
            "All images count as this patient's."
            if decision.is_same
            else "Images of others were left out."
        )
        yield Remark(
            kind=RemarkKind.PATIENT_DECIDED,
            sop_instance_uid=job.sop_instance_uids[0],
            detail="The images of the study name more than one patient. That it is this one's was "
            f"decided by {decision.actor} on {decision.at:%Y-%m-%d at %H:%M} UTC. {rest}",
        )


def _triaged(job: Job) -> Iterator[Remark]:
    """What decided the place in the queue."""
    if (triage := job.triage) is not None:
        yield Remark(
            kind=RemarkKind.TRIAGE,
            sop_instance_uid=triage.sop_instance_uid,
            detail=f"Triage by {triage.model.key}: not normal with a probability of "
            f"{percent(triage.probability, beside=triage.threshold)} (threshold "
            f"{percent(triage.threshold, beside=triage.probability)}); it decides the order of "
            "work only.",
        )


def _overruled(prediction: Prediction, job: Job) -> Iterator[Remark]:
    """Images that were looked at because of their pixels, against their tags."""
    for doubt in job.doubts:
        outcome = (
            "was analysed" if doubt.sop_instance_uid in prediction.analysed else "was looked at"
        )
        yield _disagreement(
            doubt.sop_instance_uid,
            f"The header speaks against it ({doubt.tags}), but the image {outcome}, because its "
            f"pixels show: {doubt.pixels}.",
        )


def _belied(prediction: Prediction, instances: Iterable[ReceivedInstance]) -> Iterator[Remark]:
    """Images that the guard refused although the header names what a route wants."""
    headers = {each.sop_instance_uid: each.header for each in instances}
    for refusal in prediction.refusals:
        uid = refusal.sop_instance_uid
        header = headers.get(uid, InstanceHeader())
        named = {
            RefusalReason.NOT_FRONTAL_CHEST: ("body part", header.body_part_examined),
            RefusalReason.NOT_LATERAL_CHEST: ("view", header.view_position),
        }
        what, stated = named.get(refusal.reason, ("", None))
        if present := (stated or "").strip().upper():
            yield _disagreement(
                uid,
                f"The header says {what} {present}, but the image was not analysed, because it "
                f"{refusal.detail}.",
            )


def _contradicting(
    prediction: Prediction, instances: Iterable[ReceivedInstance]
) -> Iterator[Remark]:
    """Analysed images whose header names one body part in words and another by code."""
    for each in instances:
        if each.sop_instance_uid not in prediction.analysed:
            continue
        if contradiction := contradiction_of(each.header):
            yield _disagreement(each.sop_instance_uid, contradiction)


def _disagreement(sop_instance_uid: str, detail: str) -> Remark:
    return Remark(kind=RemarkKind.TAGS_DISAGREE, sop_instance_uid=sop_instance_uid, detail=detail)


def told_instances(index: StudyStore, job: Job, prediction: Result) -> tuple[ReceivedInstance, ...]:
    """Return the instances that a result speaks of: its job's, and those that no model was given.

    The job's stand first: patient and study are taken from there.
    """
    named = prediction.refused if isinstance(prediction, Prediction) else frozenset()
    beside = named.difference(job.sop_instance_uids)
    others = index.instances(job.study_instance_uid) if beside else ()
    return (
        *job_instances(index, job),
        *(each for each in others if each.sop_instance_uid in beside),
    )


def job_instances(index: StudyStore, job: Job) -> tuple[ReceivedInstance, ...]:
    """Return the instances that a job is about."""
    wanted = frozenset(job.sop_instance_uids)
    return tuple(
        each for each in index.instances(job.study_instance_uid) if each.sop_instance_uid in wanted
    )
