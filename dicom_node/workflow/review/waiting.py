"""Review: a reported analysis becomes an item that waits for an expert."""

import logging
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from ai_engine.ct.prediction import CtPrediction
from ai_engine.ct.results import CtAnalysis
from ai_engine.prediction import Prediction, Region
from dicom_node.domain.device import device_of
from dicom_node.domain.evidence import EvidenceObject
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.job import Job
from dicom_node.domain.review.ct import uncertainty_of as uncertainty_of_ct
from dicom_node.domain.review.ranking import (
    abnormality_of,
    leading_label_of,
    priority_of,
    uncertainty_of,
)
from dicom_node.domain.review.review import (
    CtUnderReview,
    FindingUnderReview,
    Priority,
    ReviewItem,
)
from dicom_node.domain.route import Route
from dicom_node.workflow.analysis.infer import Analysis, job_instances
from dicom_node.workflow.ports import Clock, ObjectArchive, StudyStore
from dicom_node.workflow.review.ct_waiting import contours_of, figures_of
from dicom_node.workflow.review.ports import ReviewStore
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.report_reading import ReportedRegion, reported_regions

_LOG = logging.getLogger(__name__)


class Reviewing:
    """Puts what models said on the worklist."""

    def __init__(
        self,
        *,
        index: StudyStore,
        review_queue: ReviewStore,
        archive: ObjectArchive,
        routes: Callable[[], tuple[Route, ...]],
        clock: Clock,
    ) -> None:
        self._index = index
        self._review_queue = review_queue
        self._archive = archive
        self._routes = routes
        self._clock = clock

    def enqueue(self, analysis: Analysis, evidence: Sequence[EvidenceObject]) -> None:
        """Let an analysis wait for an expert; one that judged no image has nothing to review.

        What the same model said for the same route before is superseded by it. Doing this again
        changes nothing.
        """
        prediction = analysis.prediction
        if isinstance(prediction, CtPrediction):
            if evidence and prediction.analysis is not None:
                self._enqueue_ct(analysis.job, prediction.analysis, prediction.analysed)
            return
        if evidence and isinstance(prediction, Prediction) and prediction.images:
            self._enqueue_findings(analysis.job, prediction, evidence)

    def _enqueue_findings(
        self, job: Job, prediction: Prediction, evidence: Sequence[EvidenceObject]
    ) -> None:
        instances = job_instances(self._index, job)
        findings = under_review(prediction, self._outlined(evidence))
        first = _first_analysed({each.sop_instance_uid for each in prediction.images}, instances)
        positive = sorted(
            (each for each in findings if each.is_positive), key=lambda each: -each.probability
        )
        item = replace(
            self._item(job, first, instances),
            calibration=prediction.calibration[:128],
            priority=priority_of(findings, urgent=job.urgent, triage=job.triage),
            abnormality=abnormality_of(findings, job.triage),
            uncertainty=uncertainty_of(findings),
            positive_labels=tuple(dict.fromkeys(each.label for each in positive)),
            leading_label=leading_label_of(findings),
        )
        self._add(item, findings)

    def _enqueue_ct(self, job: Job, analysis: CtAnalysis, analysed: AbstractSet[str]) -> None:
        """Put a CT's figures on the worklist: lungs and patterns stand in the place of labels."""
        instances = job_instances(self._index, job)
        figures = figures_of(analysis)
        patterns = tuple(each.pattern for each in figures.patterns)
        item = replace(
            self._item(job, _first_analysed(analysed, instances), instances),
            priority=priority_of((), urgent=job.urgent, is_positive=bool(patterns)),
            uncertainty=uncertainty_of_ct(figures),
            positive_labels=patterns,
            leading_label=patterns[0] if patterns else "",
        )
        self._add(item, (), (figures, contours_of(analysis)))

    def _item(
        self, job: Job, first: ReceivedInstance, instances: Sequence[ReceivedInstance]
    ) -> ReviewItem:
        """Return an item of what a job's images are, without what the model says of them.

        A route that is gone wants what it did when the job was made.
        """
        route = next((each for each in self._routes() if each.name == job.route), None)
        return ReviewItem(
            item_id=job.job_id,
            study_instance_uid=job.study_instance_uid,
            device=device_of(first),
            modality=(first.header.modality or "")[:16],
            body_part=(first.header.body_part_examined or "")[:64],
            route=job.route,
            model=job.model,
            calibration="",
            received_at=min(each.received_at for each in instances),
            created_at=self._clock(),
            priority=Priority.LOW,
            uncertainty=0.0,
            image_count=len(instances),
            readers=max(job.readers, route.readers if route is not None else 1),
            reads_first=job.reads_first or (route is not None and route.reads_first),
        )

    def _add(
        self,
        item: ReviewItem,
        findings: Sequence[FindingUnderReview],
        ct: tuple[CtUnderReview, bytes] | None = None,
    ) -> None:
        self._review_queue.add(item, findings, ct)
        _LOG.info("review item waits item=%s priority=%s", item.item_id, item.priority.name)

    def _outlined(self, evidence: Sequence[EvidenceObject]) -> tuple[ReportedRegion, ...]:
        return tuple(
            region
            for each in evidence
            if each.kind is EvidenceKind.SR
            for region in reported_regions(self._archive.evidence(each.path))
        )


def under_review(
    prediction: Prediction, outlined: Sequence[ReportedRegion]
) -> tuple[FindingUnderReview, ...]:
    """Return each verdict of the model, with boxes around what its report outlines."""
    return tuple(
        FindingUnderReview(
            image_uid=image.sop_instance_uid,
            frame_number=image.frame_number,
            label=finding.label,
            title=finding.title,
            code=finding.code,
            site=finding.site,
            probability=finding.probability,
            threshold=finding.threshold,
            score=finding.own_probability,
            boxes=tuple(
                _box(each)
                for each in outlined
                if each.image_uid == image.sop_instance_uid
                and each.code == (finding.code.value, finding.code.scheme)
                and image.frame_number in (None, each.frame_number)
                and len(each.points)
            ),
            heat_map=finding.heat_map,
        )
        for image in prediction.images
        for finding in image.findings
    )


def _box(region: ReportedRegion) -> Region:
    (left, top), (right, bottom) = region.points.min(axis=0), region.points.max(axis=0)
    return Region(left=float(left), top=float(top), right=float(right), bottom=float(bottom))


def _first_analysed(
    analysed: AbstractSet[str], instances: Sequence[ReceivedInstance]
) -> ReceivedInstance:
    return next((each for each in instances if each.sop_instance_uid in analysed), instances[0])
