"""Comparing: the last result of the patient that a new one is put beside.

Only what this node said itself is compared, of the same model, and what a person has verified of
it. Nothing is waited for: it is all in the Hotbase, or there is none.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import islice
from typing import Protocol

from ai_engine.ct.prediction import CtPrediction
from ai_engine.ct.shares import share_in_words
from ai_engine.prediction import Prediction
from ai_engine.result import Result
from dicom_node.domain.evidence import EvidenceObject, EvidenceSet
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.job import Job
from dicom_node.domain.prior import FoundStudy, PriorRule, candidates
from dicom_node.domain.review.ct import lungs_said
from dicom_node.domain.review.review import ReviewState
from dicom_node.domain.review.verdicts import truths_of
from dicom_node.workflow.review.conclude import Decision, decision_of
from dicom_node.workflow.review.ports import ExternalReportSource, ReviewStore
from dicom_node.workflow.review.statements import statements_of
from sr_templates.earlier_result import EarlierFinding, EarlierReport, EarlierResult
from sr_templates.evidence_kind import EvidenceKind

# Whatever the model says, it says of its own kind of images.
_RULE = PriorRule(number=1, longest=timedelta(days=20 * 365), same_modality=False)
# Earlier studies that are looked through for a result.
_LOOKED_THROUGH = 20


class PatientStudies(Protocol):
    """The patient's studies that the node knows."""

    def subject(self, study_instance_uid: str) -> FoundStudy | None:
        """Return whose a study is, and when it was made."""

    def of_same_patient(self, study_instance_uid: str) -> Sequence[FoundStudy]:
        """Return the studies with the same Patient ID."""


class PastResults(Protocol):
    """What was made of results before."""

    def evidence(
        self, job_id: str, evidence_set: EvidenceSet = EvidenceSet.RESULT
    ) -> tuple[EvidenceObject, ...]:
        """Return the objects of one of a job's evidence sets."""


class ReceivedObjects(Protocol):
    """The index of what was received."""

    def instance(self, sop_instance_uid: str) -> ReceivedInstance | None:
        """Return one instance, or None when it is not in the index."""


class Comparing:
    """Finds the result that a new one is compared with."""

    def __init__(
        self,
        *,
        studies: PatientStudies,
        results: PastResults,
        review_queue: ReviewStore,
        external: ExternalReportSource,
        received: ReceivedObjects,
    ) -> None:
        self._studies = studies
        self._results = results
        self._review_queue = review_queue
        self._external = external
        self._received = received

    def before(self, job: Job, prediction: Result) -> EarlierResult | None:
        """Return the patient's last result of the job's model; None where there is none."""
        new = self._studies.subject(job.study_instance_uid)
        if new is None or not isinstance(prediction, Prediction | CtPrediction):
            return None
        known = self._studies.of_same_patient(job.study_instance_uid)
        earlier = candidates(new, known, _RULE)[:_LOOKED_THROUGH]
        return next(islice(self._verified(job, prediction, earlier), 1), None)

    def _verified(
        self, job: Job, prediction: Prediction | CtPrediction, earlier: Sequence[FoundStudy]
    ) -> Iterator[EarlierResult]:
        """Yield what a person has verified, newest first."""
        calibration = prediction.calibration if isinstance(prediction, Prediction) else None
        for study in earlier:
            for decision in _verified_decisions(self._review_queue, study.study_instance_uid):
                item = decision.item
                report = self._report_on(study, item.item_id)
                if report is None or item.model.name != job.model.name:
                    continue
                yield EarlierResult(
                    report=report,
                    study_date=study.study_date,
                    comparable=item.model.weights_digest == job.model.weights_digest
                    and calibration in (None, item.calibration),
                    findings=_findings(decision),
                    shares=_shares(decision),
                )

    def _report_on(self, study: FoundStudy, item_id: str) -> EarlierReport | None:
        """Return the report of a verdict: the node's own, or another workstation's."""
        closing = self._external.closing(item_id)
        if closing is None:
            return self._made(study, item_id)
        instance = self._received.instance(closing.sop_instance_uid)
        if instance is None:
            return None
        return EarlierReport(
            study_instance_uid=study.study_instance_uid,
            series_instance_uid=instance.series_instance_uid,
            sop_class_uid=instance.sop_class_uid,
            sop_instance_uid=instance.sop_instance_uid,
        )

    def _made(self, study: FoundStudy, item_id: str) -> EarlierReport | None:
        for each in self._results.evidence(item_id, EvidenceSet.VERDICT):
            if each.kind is EvidenceKind.SR and not each.is_held:
                return EarlierReport(
                    study_instance_uid=study.study_instance_uid,
                    series_instance_uid=each.series_instance_uid,
                    sop_class_uid=each.sop_class_uid,
                    sop_instance_uid=each.sop_instance_uid,
                )
        return None


def verified_words(review_queue: ReviewStore, study_instance_uid: str) -> tuple[str, ...]:
    """Say what people have verified of a study's results, one sentence for each."""
    return tuple(
        _sentence(decision) for decision in _verified_decisions(review_queue, study_instance_uid)
    )


def _verified_decisions(review_queue: ReviewStore, study: str) -> Iterator[Decision]:
    """Yield the decisions on a study's results that somebody stands behind who may verify."""
    for item in review_queue.of_study(study):
        if item.state is ReviewState.DECIDED:
            decision = decision_of(review_queue, item.item_id)
            may_verify = any(each.may_verify for each in decision.reviewers)
            if may_verify and not decision.verdict.rejected:
                yield decision


def _sentence(decision: Decision) -> str:
    there = dict.fromkeys(
        each.title for each in statements_of(decision.findings, decision.verdict) if each.present
    )
    shares = [f"{side} {share_in_words(share)}" for side, share in _shares(decision).items()]
    said = ", ".join((*there, *shares)) or "no finding"
    return f"{decision.item.model.title}: {said} (verified {decision.decided_at:%Y-%m-%d})"


def _findings(decision: Decision) -> dict[str, EarlierFinding]:
    """Return what was said of each label, by the model and by the reader, on all images."""
    said: dict[str, set[bool | None]] = {}
    for truth in truths_of(decision.findings, decision.verdict):
        said.setdefault(truth.label, set()).add(truth.value)
    highest: dict[str, float] = {}
    for each in decision.findings:
        highest[each.label] = max(each.probability, highest.get(each.label, 0.0))
    return {
        label: EarlierFinding(probability=probability, present=_present(said.get(label, {None})))
        for label, probability in highest.items()
    }


def _shares(decision: Decision) -> dict[str, float]:
    """Return the shares of a CT's lungs as the reader has them."""
    if decision.ct is None or decision.verdict.ct is None:
        return {}
    return {
        each.side: each.percentage
        for each in lungs_said(decision.ct, decision.verdict.ct)
        if each.percentage is not None
    }


def _present(said: set[bool | None]) -> bool | None:
    """Return whether a finding is on any image; None where that cannot be told."""
    if True in said:
        return True
    return None if None in said else False
