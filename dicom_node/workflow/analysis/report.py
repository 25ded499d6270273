"""Reporting: a prediction becomes evidence in the archive."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from ai_engine.ct.prediction import CtPrediction
from ai_engine.ct.slices import SliceReference
from ai_engine.kinds.bones.prediction import BonePrediction
from ai_engine.prediction import Prediction, Refusal, RefusalReason
from ai_engine.result import Result
from dicom_node.domain.evidence import EvidenceObject, EvidenceSet, LeftOut
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.job import Job, JobState
from dicom_node.domain.patient import contradictions_within
from dicom_node.domain.study import StoredStudy
from dicom_node.errors import NodeError
from dicom_node.workflow.analysis.evidence_builders import (
    Builders,
    builders_of_bones,
    builders_of_ct,
    builders_of_radiograph,
    builders_of_study,
)
from dicom_node.workflow.analysis.infer import Analysis, job_instances
from dicom_node.workflow.analysis.patients import UNDECIDED, in_own_series, several_patients
from dicom_node.workflow.analysis.unrouted import as_routing, no_model
from dicom_node.workflow.ports import (
    AeTitles,
    Clock,
    Models,
    ObjectArchive,
    ResultStore,
    StudyStore,
)
from dicom_node.workflow.review.ports import ExternalReportSource
from sr_templates.context import EvidenceContext
from sr_templates.corrections import correction_remarks
from sr_templates.ct.measurement_report import build_ct_report
from sr_templates.errors import EvidenceError
from sr_templates.evidence_kind import EvidenceKind, EvidenceSubject, kinds_of
from sr_templates.measurement_report import build_measurement_report
from sr_templates.source_image import check_identity, identity_of
from sr_templates.validation import problems

_LOG = logging.getLogger(__name__)
_Companion = tuple[EvidenceObject, Dataset]

_FOR_NOBODY = (
    "no destination of the study wants it; say that one does: "
    "dicom-node ae set TITLE --evidence sr,sc,soft,bone"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What evidence of one job is made from: its images, their headers, and the kinds wanted.

    ``earlier`` is what was made before, by SOP Instance UID, where the job is done once more.
    """

    job: Job
    instances: tuple[ReceivedInstance, ...]
    sources: Mapping[str, Dataset]
    context: EvidenceContext
    wanted: frozenset[EvidenceKind]
    earlier: Mapping[str, EvidenceObject]

    @property
    def headers(self) -> tuple[Dataset, ...]:
        """The images' headers."""
        return tuple(self.sources.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Replaced:
    """What a report comes after: reports of the model, and what people said of its results."""

    results: tuple[Dataset, ...]
    expert_reports: tuple[Dataset, ...]


class Reporting:
    """Builds the result objects of a job, checks each at the gate and keeps it."""

    def __init__(
        self,
        *,
        index: StudyStore,
        results: ResultStore,
        external: ExternalReportSource,
        ae_titles: AeTitles,
        archive: ObjectArchive,
        models: Models,
        context: Callable[[datetime], EvidenceContext],
        clock: Clock,
    ) -> None:
        self._index = index
        self._results = results
        self._external = external
        self._ae_titles = ae_titles
        self._archive = archive
        self._models = models
        self._context = context
        self._clock = clock

    def report(self, analysis: Analysis) -> tuple[EvidenceObject, ...]:
        """Return the evidence of a job, each object durable in the archive and recorded.

        The objects' UIDs derive from the job, so doing this again gives the same objects: those
        that passed the gate before stay as they were sent, those that were held are replaced. A
        job whose evidence cannot be built or kept has failed, and says why.
        """
        job = analysis.job
        earlier = {each.sop_instance_uid: each for each in self._results.evidence(job.job_id)}
        try:
            evidence = tuple(self._made(analysis, earlier))
        except (EvidenceError, NodeError) as error:
            _LOG.error("job not reported job=%s reason=%r", job.job_id, str(error))
            self._results.finish_job(
                job.job_id, JobState.FAILED, at=self._clock(), reason=str(error)
            )
            return ()
        if any(_is_added(each, earlier) for each in evidence):
            self._results.reopen_deliveries(job.job_id, EvidenceSet.RESULT, at=self._clock())
        self._results.keep_evidence(evidence)
        self._results.finish_job(job.job_id, JobState.DONE, at=self._clock())
        return evidence

    def report_failure(self, job: Job) -> tuple[EvidenceObject, ...]:
        """Return the report that says that a job failed, durable in the archive and recorded.

        There is one for each job, however often it fails; and none where an earlier report of the
        same model stands, because viewers show only the newest one of a series.
        """
        stands = (
            *self._results.evidence(job.job_id, EvidenceSet.FAILURE),
            *self._results.evidence(job.job_id),
        )
        if self._results.predecessors(job) or any(not each.is_held for each in stands):
            return ()
        refusals = tuple(
            Refusal(sop_instance_uid=uid, reason=RefusalReason.ANALYSIS_FAILED, detail="")
            for uid in job.sop_instance_uids
        )
        prediction = Prediction(model=job.model, images=(), refusals=refusals)
        try:
            headers = tuple(
                self._archive.source(each.path) for each in job_instances(self._index, job)
            )
            told = replace(prediction, remarks=correction_remarks(headers))
            report = build_measurement_report(told, headers, self._context(self._clock()))
            evidence = replace(
                self._kept(job, EvidenceKind.SR, report, headers), evidence_set=EvidenceSet.FAILURE
            )
        except (EvidenceError, NodeError) as error:
            _LOG.error("failure not reported job=%s reason=%r", job.job_id, str(error))
            return ()
        if not evidence.is_held:
            self._results.reopen_deliveries(job.job_id, EvidenceSet.FAILURE, at=self._clock())
        self._results.keep_evidence((evidence,))
        return (evidence,)

    def report_unanswered(
        self, study: StoredStudy, job: Job, told: str
    ) -> tuple[EvidenceObject, ...]:
        """Return the report that says why a study has no result, durable and recorded.

        That is that no route wants it, or that it names several patients and waits for a person.
        """
        of_several = job.route == UNDECIDED
        prediction = several_patients(job, told) if of_several else no_model(job, told)
        self._results.keep_prediction(job.job_id, prediction, at=study.completed_at)
        return self.report(Analysis(job=job, prediction=prediction, made_at=study.completed_at))

    def _made(
        self, analysis: Analysis, earlier: Mapping[str, EvidenceObject]
    ) -> Iterator[EvidenceObject]:
        job = analysis.job
        instances = decided_first(job, job_instances(self._index, job))
        work = _Work(
            job=job,
            instances=instances,
            sources={each.sop_instance_uid: self._archive.source(each.path) for each in instances},
            context=self._context(analysis.made_at),
            wanted=self._wanted(job),
            earlier=earlier,
        )
        match self._with_corrections(analysis, work):
            case CtPrediction() as prediction:
                return self._made_of_ct(prediction, work)
            case Prediction() as prediction:
                return self._made_of_images(prediction, work)
            case BonePrediction() as prediction:
                return self._made_of_bones(prediction, work)

    def _with_corrections(self, analysis: Analysis, work: "_Work") -> Result:
        """Add what results cannot copy of the headers, for the report and for ``status``."""
        prediction = analysis.prediction
        known = set(prediction.remarks)
        added = tuple(each for each in correction_remarks(work.headers) if each not in known)
        if not added:
            return prediction
        remarked = replace(prediction, remarks=(*prediction.remarks, *added))
        self._results.keep_prediction(analysis.job.job_id, remarked, at=analysis.made_at)
        return remarked

    def _made_of_images(self, prediction: Prediction, work: "_Work") -> Iterator[EvidenceObject]:
        companions = tuple(self._companions_of_images(prediction, work))
        replaced = self._replaced(work.job)
        report = build_measurement_report(
            prediction,
            work.headers,
            work.context,
            predecessors=replaced.results,
            expert_reports=replaced.expert_reports,
            companions=_sent(companions),
        )
        told = in_own_series(report, work.job)
        yield self._kept(work.job, EvidenceKind.SR, told, work.headers, work.earlier)
        yield from (kept for kept, _ in companions)

    def _companions_of_images(self, prediction: Prediction, work: "_Work") -> Iterator[_Companion]:
        context = work.context
        for instance in work.instances:
            if instance.sop_instance_uid not in prediction.analysed:
                continue
            source = work.sources[instance.sop_instance_uid]
            pixels = self._models.display_pixels(instance)
            builders = builders_of_radiograph(
                prediction,
                source,
                pixels,
                context,
                value_range=self._models.value_range(instance),
                lungs=partial(self._models.lungs, instance),
            )
            yield from self._kept_companions(work, builders, (source,))
        builders = builders_of_study(prediction, work.headers, context)
        yield from self._kept_companions(work, builders, work.headers)

    def _made_of_bones(self, prediction: BonePrediction, work: "_Work") -> Iterator[EvidenceObject]:
        """Yield the images that are wanted; a report only of what was refused.

        The images say themselves what they are. A report beside them would have no finding to tell,
        and read like that of a normal radiograph.
        """
        drawn = kinds_of(EvidenceSubject.BONES)
        if not work.wanted & drawn:
            _LOG.warning(
                "bones drawn for nobody job=%s: give a destination soft or bone as evidence",
                work.job.job_id,
            )
            for kind in sorted(drawn):
                self._results.leave_out(
                    LeftOut(job_id=work.job.job_id, kind=kind, reason=_FOR_NOBODY)
                )
        if prediction.refusals:
            refused = Prediction(model=prediction.model, images=(), refusals=prediction.refusals)
            headers = tuple(work.sources[each.sop_instance_uid] for each in prediction.refusals)
            replaced = self._replaced(work.job)
            report = build_measurement_report(
                refused,
                headers,
                work.context,
                predecessors=replaced.results,
                expert_reports=replaced.expert_reports,
            )
            yield self._kept(work.job, EvidenceKind.SR, report, headers, work.earlier)
        for instance in work.instances:
            if instance.sop_instance_uid in prediction.analysed:
                source = work.sources[instance.sop_instance_uid]
                pixels = self._models.display_pixels(instance)
                builders = builders_of_bones(prediction, source, pixels, work.context)
                yield from (kept for kept, _ in self._kept_companions(work, builders, (source,)))

    def _made_of_ct(self, prediction: CtPrediction, work: "_Work") -> Iterator[EvidenceObject]:
        by_uid = {each.sop_instance_uid: each for each in work.instances}

        def pixels_of(place: SliceReference) -> npt.NDArray[np.float32]:
            return self._models.display_pixels(by_uid[place.sop_instance_uid], place.frame_number)

        builders = builders_of_ct(prediction, work.headers, pixels_of, work.context)
        companions = tuple(self._kept_companions(work, builders, work.headers))
        report = build_ct_report(
            prediction,
            work.headers,
            work.context,
            segmented=EvidenceKind.SEG in work.wanted,
            # Measurements of CT are not reviewed: people have no reports on them.
            predecessors=self._replaced(work.job).results,
            companions=_sent(companions),
        )
        yield self._kept(work.job, EvidenceKind.SR, report, work.headers, work.earlier)
        yield from (kept for kept, _ in companions)

    def _kept_companions(
        self, work: "_Work", builders: Builders, sources: tuple[Dataset, ...]
    ) -> Iterator[_Companion]:
        """Build and keep what is wanted; each comes with the header that others refer to."""
        for kind, made in self._built(work, builders):
            kept = self._kept(work.job, kind, made, sources, work.earlier)
            yield kept, identity_of(made)

    def _built(self, work: "_Work", builders: Builders) -> Iterator[tuple[EvidenceKind, Dataset]]:
        """Build what is wanted; what a source cannot carry is left out, with the reason."""
        for kind, build in builders.items():
            if kind not in work.wanted:
                continue
            try:
                made = build()
            except EvidenceError as error:
                _LOG.warning("evidence left out kind=%s reason=%r", kind.value, str(error))
                self._results.leave_out(
                    LeftOut(job_id=work.job.job_id, kind=kind, reason=str(error))
                )
                continue
            yield from ((kind, each) for each in made)

    def _wanted(self, job: Job) -> frozenset[EvidenceKind]:
        """Return what at least one of the job's destinations gets; overlays in any case."""
        kinds = {EvidenceKind.SC}
        for title in job.destinations:
            destination = self._ae_titles.find(title)
            kinds |= set(destination.evidence) if destination else set()
        return frozenset(kinds)

    def _replaced(self, job: Job) -> _Replaced:
        """Return what a report takes the place of in viewers, which show a series' newest one.

        That is the model's newest report, one that this job had failed, or else one that no route
        wanted the study; and every report of a person on an earlier result: not only the newest,
        since what they say stays true.
        """
        earlier = self._of_patient(job, self._results.predecessors(job))
        own = (
            *(self._results.evidence(earlier[0]) if earlier else ()),
            *self._results.evidence(job.job_id, EvidenceSet.FAILURE),
        ) or self._unrouted_before(job)
        verdicts = [
            each for past in earlier for each in self._results.evidence(past, EvidenceSet.VERDICT)
        ]
        return _Replaced(
            results=self._reports(own),
            expert_reports=(*self._reports(verdicts), *self._external_reports(earlier)),
        )

    def _unrouted_before(self, job: Job) -> tuple[EvidenceObject, ...]:
        """Return what said, before a later image came, that no route wants the study."""
        said = self._of_patient(job, self._results.predecessors(as_routing(job)))
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

    def _reports(self, evidence: Iterable[EvidenceObject]) -> tuple[Dataset, ...]:
        return tuple(
            self._archive.evidence(each.path)
            for each in evidence
            # What was held back went nowhere: no archive has it to be replaced.
            if each.kind is EvidenceKind.SR and not each.is_held
        )

    def _external_reports(self, jobs: Iterable[str]) -> Iterator[Dataset]:
        """Yield other workstations' reports that closed the jobs' items, where still readable."""
        for job_id in jobs:
            closing = self._external.closing(job_id)
            if closing is None:
                continue
            try:
                report = self._archive.source(closing.path)
                check_identity(report)
            except (EvidenceError, OSError) as error:
                _LOG.warning(
                    "outside report not listed as predecessor sop=%s reason=%r",
                    closing.sop_instance_uid,
                    str(error),
                )
                continue
            yield report

    def _kept(
        self,
        job: Job,
        kind: EvidenceKind,
        dataset: Dataset,
        sources: tuple[Dataset, ...],
        earlier: Mapping[str, EvidenceObject] = MappingProxyType({}),
    ) -> EvidenceObject:
        before = earlier.get(str(dataset.SOPInstanceUID))
        if before is not None and not before.is_held:
            return before
        found = problems(dataset, sources)
        if found:
            _LOG.error(
                "evidence held kind=%s sop=%s problems=%r", kind, dataset.SOPInstanceUID, found
            )
        return EvidenceObject(
            sop_instance_uid=str(dataset.SOPInstanceUID),
            sop_class_uid=str(dataset.SOPClassUID),
            series_instance_uid=str(dataset.SeriesInstanceUID),
            kind=kind,
            job_id=job.job_id,
            path=self._archive.keep(dataset),
            problems=found,
        )


def decided_first(
    job: Job, instances: tuple[ReceivedInstance, ...]
) -> tuple[ReceivedInstance, ...]:
    """Put first, of images that name several patients, those of the patient that was decided on.

    Results copy patient and study from the first.
    """
    if (decision := job.decision) is None:
        return instances
    return tuple(sorted(instances, key=lambda each: each.patient.key not in decision.keys))


def _sent(companions: Iterable[_Companion]) -> tuple[Dataset, ...]:
    """Return the objects that a report goes with; one that is held goes nowhere."""
    return tuple(header for kept, header in companions if not kept.is_held)


def _is_added(made: EvidenceObject, earlier: Mapping[str, EvidenceObject]) -> bool:
    """Whether an object may go where nothing of its UID went before."""
    before = earlier.get(made.sop_instance_uid)
    return not made.is_held and (before is None or before.is_held)
