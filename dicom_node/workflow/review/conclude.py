"""Concluding: a verdict becomes DICOM objects, which go where the results went."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pydicom import Dataset

from dicom_node.domain.evidence import EvidenceObject, EvidenceSet
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.review.consensus import consensus
from dicom_node.domain.review.review import (
    CtUnderReview,
    FindingUnderReview,
    Reviewer,
    ReviewItem,
    Verdict,
)
from dicom_node.domain.review.verdicts import as_judged
from dicom_node.errors import NodeError, NotFoundError
from dicom_node.workflow.ports import ObjectArchive, ResultStore
from dicom_node.workflow.review.ct_statements import ct_statements_of
from dicom_node.workflow.review.ports import ExternalReportSource, ReviewStore
from dicom_node.workflow.review.statements import statements_of
from sr_templates.context import EvidenceContext
from sr_templates.errors import EvidenceError
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.expert_reading import ExpertReading, Observer
from sr_templates.validation import problems

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A decided item with the reading that counts and everybody who stands behind it."""

    item: ReviewItem
    findings: tuple[FindingUnderReview, ...]
    verdict: Verdict
    reviewers: tuple[Reviewer, ...]
    decided_at: datetime
    ct: CtUnderReview | None = None


class Concluding:
    """Makes the objects of a verdict, checks each at the gate and keeps it."""

    def __init__(
        self,
        *,
        review_queue: ReviewStore,
        external: ExternalReportSource,
        results: ResultStore,
        instances: Callable[[str], Sequence[ReceivedInstance]],
        archive: ObjectArchive,
        context: Callable[[datetime], EvidenceContext],
    ) -> None:
        self._review_queue = review_queue
        self._external = external
        self._results = results
        self._instances = instances
        self._archive = archive
        self._context = context

    def report(self, item_id: str) -> tuple[EvidenceObject, ...]:
        """Return the objects of an item's verdict, each durable in the archive and recorded.

        A verdict that came from another workstation is an object already. The objects' UIDs derive
        from the verdict, so doing this again gives the same ones. What an earlier verdict became
        that was taken back stands in the new report as its predecessor, and counts no more. What
        cannot be built is logged; the verdict itself stays, and goes to the Warehouse.
        """
        if self._external.closing(item_id) is not None:
            return ()
        decision = decision_of(self._review_queue, item_id)
        earlier = self._taken_back(item_id)
        try:
            made = self._made(decision, earlier)
        except (EvidenceError, NodeError, OSError) as error:
            _LOG.error("verdict not reported item=%s reason=%r", item_id, str(error))
            return ()
        before = [each for each in earlier if each.sop_instance_uid != made.sop_instance_uid]
        taken_back = [replace(each, evidence_set=EvidenceSet.TAKEN_BACK) for each in before]
        self._results.keep_evidence([*taken_back, made])
        return (made,)

    def _taken_back(self, item_id: str) -> tuple[EvidenceObject, ...]:
        """Return what earlier verdicts on an item became; none where there was none."""
        if not self._review_queue.item(item_id).reopened:
            return ()
        return tuple(
            each
            for evidence_set in (EvidenceSet.TAKEN_BACK, EvidenceSet.VERDICT)
            for each in self._results.evidence(item_id, evidence_set)
        )

    def _made(self, decision: Decision, earlier: Sequence[EvidenceObject]) -> EvidenceObject:
        # The report writer loads as much as the rest of the node: before the first verdict, nobody
        # needs it.
        from sr_templates.ct.verified_report import build_verified_ct_report  # noqa: PLC0415
        from sr_templates.key_object_selection import build_rejection  # noqa: PLC0415
        from sr_templates.verification import document_uid  # noqa: PLC0415
        from sr_templates.verified_report import build_verified_report  # noqa: PLC0415

        item = decision.item
        results = tuple(
            self._archive.evidence(each.path)
            for each in self._results.evidence(item.item_id)
            if not each.is_held
        )
        context = self._context(decision.decided_at)
        taken_back = {
            each.sop_instance_uid: self._archive.evidence(each.path)
            for each in earlier
            if each.kind is EvidenceKind.SR and not each.is_held
        }
        if decision.verdict.rejected:
            rejected = (*results, *taken_back.values())
            rejection = build_rejection(
                rejected,
                item.model,
                context,
                comment=decision.verdict.comment,
                rejected_by=decision.verdict.reviewer.person_name,
                number=item.reopened + 1,
            )
            return self._kept(item, EvidenceKind.REJECTION, rejection, rejected)
        report = next((each for each in results if each.Modality == "SR"), None)
        if report is None:
            raise NotFoundError(
                f"item {item.item_id} has no report that was sent: nothing to verify"
            )
        sources, reading = self._sources(decision), self._reading(decision)
        # What was made of this very verdict before the node was interrupted is no predecessor.
        taken_back.pop(document_uid(report, reading), None)
        before = tuple(taken_back.values())
        if decision.ct is not None and decision.verdict.ct is not None:
            verified = build_verified_ct_report(
                report,
                sources,
                item.model,
                reading,
                context,
                statements=ct_statements_of(decision.ct, decision.verdict.ct),
                companions=[each for each in results if each.Modality == "SEG"],
                taken_back=before,
            )
            return self._kept(item, EvidenceKind.SR, verified, sources)
        verified = build_verified_report(
            report, sources, item.model, reading, context, taken_back=before
        )
        return self._kept(item, EvidenceKind.SR, verified, sources)

    def _reading(self, decision: Decision) -> ExpertReading:
        history = self._review_queue.history(decision.item.item_id)
        return ExpertReading(
            observers=tuple(
                Observer(
                    name=each.person_name,
                    organisation=each.organisation,
                    may_verify=each.may_verify,
                )
                for each in decision.reviewers
            ),
            decided_at=decision.decided_at,
            statements=statements_of(decision.findings, decision.verdict),
            comment=decision.verdict.comment,
            correction=history[-1].reason if history else "",
        )

    def _sources(self, decision: Decision) -> tuple[Dataset, ...]:
        wanted = {each.image_uid for each in decision.findings}
        if decision.ct is not None:
            wanted = {uid for uid, _ in decision.ct.slices}
        return tuple(
            self._archive.source(each.path)
            for each in self._instances(decision.item.item_id)
            if each.sop_instance_uid in wanted
        )

    def _kept(
        self, item: ReviewItem, kind: EvidenceKind, dataset: Dataset, sources: Sequence[Dataset]
    ) -> EvidenceObject:
        found = problems(dataset, sources)
        if found:
            _LOG.error("verdict held sop=%s problems=%r", dataset.SOPInstanceUID, found)
        return EvidenceObject(
            sop_instance_uid=str(dataset.SOPInstanceUID),
            sop_class_uid=str(dataset.SOPClassUID),
            series_instance_uid=str(dataset.SeriesInstanceUID),
            kind=kind,
            job_id=item.item_id,
            path=self._archive.keep(dataset),
            problems=found,
            evidence_set=EvidenceSet.VERDICT,
        )


def decision_of(review_queue: ReviewStore, item_id: str) -> Decision:
    """Return what was decided on an item, and by whom.

    Of readers who agree, one's words count (see ``consensus``) and all stand behind them; an
    adjudicator stands alone. What was said of the only frame of an image is said of the image.

    Raises
    ------
    NotFoundError
        When the item is not decided.
    """
    item = review_queue.item(item_id)
    readings = review_queue.readings(item_id)
    if not readings or item.decided_at is None:
        raise NotFoundError(f"item {item_id} is not decided: there is no verdict to report")
    counting = tuple(each for each in readings if each.reviewer.user_name in item.decided_by)
    findings = review_queue.findings(item_id)
    return Decision(
        item=item,
        findings=findings,
        verdict=consensus([as_judged(each, findings) for each in counting], findings),
        reviewers=tuple(each.reviewer for each in counting),
        decided_at=item.decided_at,
        ct=review_queue.ct(item_id),
    )
