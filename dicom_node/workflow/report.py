"""Reporting: a prediction becomes evidence in the archive."""

import logging
from collections.abc import Callable, Iterator
from datetime import datetime

from pydicom import Dataset

from ai_engine.prediction import Prediction
from dicom_node.domain.application_entity import EvidenceKind
from dicom_node.domain.evidence import EvidenceObject
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.job import Job, JobState
from dicom_node.errors import NodeError
from dicom_node.workflow.infer import Analysis, job_instances
from dicom_node.workflow.ports import Clock, Models, ObjectArchive, ResultStore, StudyStore
from sr_templates.context import EvidenceContext
from sr_templates.errors import EvidenceError
from sr_templates.measurement_report import build_measurement_report
from sr_templates.secondary_capture import build_overlays
from sr_templates.validation import problems

_LOG = logging.getLogger(__name__)


class Reporting:
    """Builds the result objects of a job, checks each at the gate and keeps it."""

    def __init__(
        self,
        *,
        index: StudyStore,
        results: ResultStore,
        archive: ObjectArchive,
        models: Models,
        context: Callable[[datetime], EvidenceContext],
        clock: Clock,
    ) -> None:
        self._index = index
        self._results = results
        self._archive = archive
        self._models = models
        self._context = context
        self._clock = clock

    def report(self, analysis: Analysis) -> tuple[EvidenceObject, ...]:
        """Return the evidence of a job, each object durable in the archive and recorded.

        The objects' UIDs derive from the job, so doing this again gives the same objects. A job
        whose evidence cannot be built or kept has failed, and says why.
        """
        job = analysis.job
        try:
            evidence = tuple(self._made(analysis))
        except (EvidenceError, NodeError) as error:
            _LOG.error("job not reported job=%s reason=%r", job.job_id, str(error))
            self._results.finish_job(
                job.job_id, JobState.FAILED, at=self._clock(), reason=str(error)
            )
            return ()
        self._results.keep_evidence(evidence)
        self._results.finish_job(job.job_id, JobState.DONE, at=self._clock())
        return evidence

    def _made(self, analysis: Analysis) -> Iterator[EvidenceObject]:
        instances = job_instances(self._index, analysis.job)
        sources = {each.sop_instance_uid: self._archive.source(each.path) for each in instances}
        context = self._context(analysis.made_at)
        report = build_measurement_report(
            analysis.prediction,
            tuple(sources.values()),
            context,
            predecessors=self._predecessors(analysis.job),
        )
        yield self._kept(analysis.job, EvidenceKind.SR, report, tuple(sources.values()))
        for instance in instances:
            if not _was_analysed(analysis.prediction, instance):
                continue
            source = sources[instance.sop_instance_uid]
            pixels = self._models.display_pixels(instance)
            for overlay in build_overlays(analysis.prediction, source, pixels, context):
                yield self._kept(analysis.job, EvidenceKind.SC, overlay, (source,))

    def _predecessors(self, job: Job) -> tuple[Dataset, ...]:
        previous = self._results.predecessor(job)
        if previous is None:
            return ()
        return tuple(
            self._archive.evidence(each.path)
            for each in self._results.evidence(previous)
            if each.kind is EvidenceKind.SR
        )

    def _kept(
        self, job: Job, kind: EvidenceKind, dataset: Dataset, sources: tuple[Dataset, ...]
    ) -> EvidenceObject:
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


def _was_analysed(prediction: Prediction, instance: ReceivedInstance) -> bool:
    return any(image.sop_instance_uid == instance.sop_instance_uid for image in prediction.images)
