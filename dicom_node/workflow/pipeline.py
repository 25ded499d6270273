"""The whole corridor on one screen.

A modality's association brings instances (``receive``). When a study is complete (``complete``),
routes turn it into jobs (``route``), or a report says that none wants it. A model makes a
prediction for each job (``infer``); the prediction becomes evidence (``report``); it is planned
where the evidence goes (``plan``), and couriers take it there (``delivery``).

    Association → ReceivedInstance → StoredStudy → Job → Analysis → Evidence → Delivery

What was reported waits for an expert (``review``). The verdict becomes evidence too (``conclude``),
which goes where the result went, and a record in the Warehouse (``file``).

    Analysis → ReviewItem → Verdict → Evidence → Delivery
                               └────→ WarehouseRecord

Every arrow is a committed row or a durable step, so whatever stops the node, each step is done
once and the corridor goes on where it was.
"""

import logging
from dataclasses import dataclass

from dicom_node.domain.evidence import EvidenceObject
from dicom_node.domain.job import Job
from dicom_node.domain.study import StoredStudy
from dicom_node.errors import NodeError
from dicom_node.workflow.analysis.complete import Completion
from dicom_node.workflow.analysis.giving_up import GivingUp
from dicom_node.workflow.analysis.infer import Inference, Inferred
from dicom_node.workflow.analysis.report import Reporting
from dicom_node.workflow.analysis.route import Routing
from dicom_node.workflow.analysis.slots import Slots
from dicom_node.workflow.delivery.plan import Planning
from dicom_node.workflow.ports import DurableSteps
from dicom_node.workflow.review.stages import ReviewStages

_LOG = logging.getLogger(__name__)

_Made = tuple[Inferred, tuple[EvidenceObject, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Corridor:
    """The stages between a quiet study and its results in the PACS."""

    completion: Completion
    routing: Routing
    inference: Inference
    reporting: Reporting
    planning: Planning
    review: ReviewStages
    slots: Slots

    @property
    def giving_up(self) -> GivingUp:
        """How a study ends whose analysis nobody goes on with."""
        return GivingUp(
            completion=self.completion,
            routing=self.routing,
            reporting=self.reporting,
            planning=self.planning,
        )

    def analyse(self, study_instance_uid: str, steps: DurableSteps) -> None:
        """Take one study from its last image to the planning of every delivery."""
        study = steps.run("complete", self.completion.claim, study_instance_uid, steps.workflow_id)
        if study is None:
            return
        for item_id in steps.run("external verdicts", self.review.external.take, study):
            steps.conclude(item_id)
        routed = steps.run("route", self.routing.route, study)
        for job in routed.done_before:
            steps.run("plan deliveries", self.planning.plan, job)
        for job in routed.new_jobs:
            self._work(job, steps)
        for job in routed.untold:
            self._tell_unanswered(study, job, routed.told, steps)
            steps.run("plan deliveries", self.planning.plan, job)
        steps.run("finish", self.completion.finish, study, routed)

    def _work(self, job: Job, steps: DurableSteps) -> None:
        with self.slots.one(urgent=job.urgent, abnormal=job.abnormality):
            try:
                made = self._made(job, steps)
            except NodeError as failure:
                # What goes wrong with one job must not hold back what the others have found.
                steps.run("fail", self.inference.fail, job, str(failure))
                made = None
            if made is None:
                self._tell_failure(job, steps)
        # It leaves at once: whoever reviews it reads it where it goes.
        steps.run("plan deliveries", self.planning.plan, job)
        if made is not None:
            self._await_review(job, made, steps)

    def _made(self, job: Job, steps: DurableSteps) -> _Made | None:
        """Make a job's evidence; None where its model said nothing."""
        inferred = steps.run("infer", self.inference.analyse, job)
        if inferred is None:
            return None
        self.planning.expect(job)
        return inferred, steps.run("report", self._report, job, inferred)

    def _await_review(self, job: Job, made: _Made, steps: DurableSteps) -> None:
        try:
            steps.run("await review", self._enqueue, job, *made)
        except NodeError as failure:
            steps.run("fail", self.inference.fail, job, str(failure))

    def _report(self, job: Job, inferred: Inferred) -> tuple[EvidenceObject, ...]:
        return self.reporting.report(self.inference.recall(job, inferred))

    def _enqueue(self, job: Job, inferred: Inferred, evidence: tuple[EvidenceObject, ...]) -> None:
        self.review.reviewing.enqueue(self.inference.recall(job, inferred), evidence)

    def _tell_failure(self, job: Job, steps: DurableSteps) -> None:
        try:
            steps.run("report failure", self.reporting.report_failure, job)
        except NodeError as failure:
            _LOG.error("failure not reported job=%s reason=%r", job.job_id, str(failure))

    def _tell_unanswered(
        self, study: StoredStudy, job: Job, told: str, steps: DurableSteps
    ) -> None:
        try:
            steps.run("report not routed", self.reporting.report_unanswered, study, job, told)
        except NodeError as failure:
            _LOG.error(
                "not said in the PACS study=%s reason=%r", study.study_instance_uid, str(failure)
            )

    def conclude(self, item_id: str, steps: DurableSteps) -> None:
        """Make a verdict known: as DICOM objects, and as a record in the Warehouse."""
        steps.run("report verdict", self.review.concluding.report, item_id)
        steps.run("plan deliveries of verdict", self.planning.plan_verdict, item_id)
        steps.run("file", self.review.filing.file, item_id)
