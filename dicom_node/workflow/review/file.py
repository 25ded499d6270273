"""Filing: a decided item leaves the Hotbase for the Warehouse, with its lineage."""

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence

from ai_engine.prediction import Region
from dicom_node.domain.evidence import EvidenceSet
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.review.review import (
    OTHER_LABEL,
    FindingUnderReview,
    FindingVerdict,
    Judgement,
    ReviewItem,
)
from dicom_node.domain.review.verdicts import Truth, place_of, truths_of
from dicom_node.domain.review.vocabulary import vocabulary_of
from dicom_node.domain.warehouse import (
    SOURCE_WEIGHTS,
    Change,
    LabelledBox,
    LabelTruth,
    TruthSource,
    Verification,
    Warehouse,
    WarehouseImage,
    WarehouseRecord,
)
from dicom_node.workflow.ports import Clock, ObjectArchive, ResultStore
from dicom_node.workflow.review.conclude import Decision, decision_of
from dicom_node.workflow.review.ct_figures import figures_of
from dicom_node.workflow.review.ports import ExternalReportSource, ReviewStore, WarehouseFiles
from sr_templates.evidence_kind import EvidenceKind

_LOG = logging.getLogger(__name__)


class Filing:
    """Makes Warehouse records of decided items."""

    def __init__(
        self,
        *,
        review_queue: ReviewStore,
        external: ExternalReportSource,
        results: ResultStore,
        instances: Callable[[str], Sequence[ReceivedInstance]],
        archive: ObjectArchive,
        files: WarehouseFiles,
        warehouse: Warehouse,
        clock: Clock,
    ) -> None:
        self._review_queue = review_queue
        self._external = external
        self._results = results
        self._instances = instances
        self._archive = archive
        self._files = files
        self._warehouse = warehouse
        self._clock = clock

    def file(self, item_id: str) -> None:
        """Keep what was decided, and note that nothing is left to do for the item.

        Doing this again changes nothing. An image whose file is gone is named in the record, with
        where it had been; the verdict is kept all the same.
        """
        decision = decision_of(self._review_queue, item_id)
        item = decision.item
        images = tuple(self._image(item, each) for each in self._instances(item_id))
        self._warehouse.file(self._record(decision, images))
        self._review_queue.conclude(item_id, at=self._clock())
        missing = sum(image.is_missing for image in images)
        _LOG.info(
            "filed record=%s device=%s images=%d missing=%d",
            item_id,
            item.device.device_id,
            len(images),
            missing,
        )

    def _image(self, item: ReviewItem, instance: ReceivedInstance) -> WarehouseImage:
        path = self._files.keep(item.device, instance)
        if not path:
            _LOG.warning(
                "image file is gone record=%s sop=%s: the record is kept without it; send the "
                "study again to have it",
                item.item_id,
                instance.sop_instance_uid,
            )
        return WarehouseImage(
            sop_instance_uid=instance.sop_instance_uid,
            series_instance_uid=instance.series_instance_uid,
            path=path,
            archived_path=instance.path,
            digest=instance.digest,
            modality=instance.header.modality or "",
            view_position=instance.header.view_position or "",
        )

    def _record(self, decision: Decision, images: tuple[WarehouseImage, ...]) -> WarehouseRecord:
        item, verdict = decision.item, decision.verdict
        patient_key = self._patient_key(item)
        verification, object_uid = self._verification(decision)
        return WarehouseRecord(
            record_id=item.item_id,
            study_instance_uid=item.study_instance_uid,
            device=item.device,
            patient_key=patient_key,
            modality=item.modality,
            body_part=item.body_part,
            route=item.route,
            model=item.model,
            calibration=item.calibration,
            ai_report_uid=self._uid_of(item.item_id, EvidenceKind.SR, EvidenceSet.RESULT),
            verdict_object_uid=object_uid,
            verification=verification,
            reviewers=decision.reviewers,
            decided_at=decision.decided_at,
            filed_at=self._clock(),
            images=images,
            truths=tuple(_truths(decision, patient_key, external=verification is _EXTERNAL)),
            # Whether a report of others leaves the model's outlines as they are is not known.
            boxes=() if verification is _EXTERNAL else tuple(_boxes(decision)),
            changes=tuple(_changes(decision)),
            concepts=vocabulary_of(decision.findings) if decision.ct is None else (),
            figures=tuple(figures_of(decision.ct, verdict.ct))
            if decision.ct is not None and verdict.ct is not None
            else (),
            comment=verdict.comment,
        )

    def _verification(self, decision: Decision) -> tuple[Verification, str]:
        item_id = decision.item.item_id
        if (report := self._external.closing(item_id)) is not None:
            return _EXTERNAL, report.sop_instance_uid
        if decision.verdict.rejected:
            uid = self._uid_of(item_id, EvidenceKind.REJECTION, EvidenceSet.VERDICT)
            return Verification.REJECTED, uid
        verified = any(each.may_verify for each in decision.reviewers)
        uid = self._uid_of(item_id, EvidenceKind.SR, EvidenceSet.VERDICT)
        return (Verification.VERIFIED if verified else Verification.ATTESTED), uid

    def _uid_of(self, item_id: str, kind: EvidenceKind, evidence_set: EvidenceSet) -> str:
        found = self._results.evidence(item_id, evidence_set)
        return next((each.sop_instance_uid for each in found if each.kind is kind), "")

    def _patient_key(self, item: ReviewItem) -> str:
        """Name the patient by a digest; by the study where the files do not say who it is."""
        known = ""
        for each in self._instances(item.item_id):
            try:
                source = self._archive.source(each.path)
            except OSError:  # said where the file is filed
                continue
            known = f"{source.get('IssuerOfPatientID') or ''}\n{source.get('PatientID') or ''}"
            break
        identity = known if known.strip() else item.study_instance_uid
        return hashlib.sha256(identity.encode()).hexdigest()[:32]


_EXTERNAL = Verification.EXTERNAL


def _truths(decision: Decision, patient_key: str, *, external: bool) -> Iterator[LabelTruth]:
    item = decision.item
    findings = {place_of(each): each for each in decision.findings}
    said = {place_of(each): each for each in decision.verdict.findings}
    for truth in truths_of(decision.findings, decision.verdict):
        place = (truth.image_uid, truth.frame_number, truth.label)
        finding, one = findings.get(place), said.get(place)
        source = _source(decision, truth, external=external)
        yield LabelTruth(
            record_id=item.item_id,
            device_id=item.device.device_id,
            model_name=item.model.name,
            model_version=item.model.version,
            weights_digest=item.model.weights_digest,
            patient_key=patient_key,
            sop_instance_uid=truth.image_uid,
            frame_number=truth.frame_number,
            label=truth.label,
            value=truth.value,
            source=source,
            weight=SOURCE_WEIGHTS[source],
            decided_at=decision.decided_at,
            probability=finding.probability if finding else None,
            threshold=finding.threshold if finding else None,
            score=finding.score if finding else None,
            judgement=one.judgement if one else None,
        )


def _source(decision: Decision, truth: Truth, *, external: bool) -> TruthSource:
    if external:
        return TruthSource.EXTERNAL if truth.explicit else TruthSource.PASSED_OVER
    if decision.item.disputed:
        return TruthSource.ADJUDICATION
    if len(decision.reviewers) > 1:
        return TruthSource.CONSENSUS
    return TruthSource.EXPERT if truth.explicit else TruthSource.PASSED_OVER


def _boxes(decision: Decision) -> Iterator[LabelledBox]:
    """Give where everything is that is there: the expert's box, else those of the model."""
    findings = {place_of(each): each for each in decision.findings}
    if decision.verdict.rejected:
        return
    for each in decision.verdict.findings:
        if each.judgement in (Judgement.REJECTED, Judgement.UNSURE):
            continue
        finding = findings.get(place_of(each))
        outlined = finding.boxes if finding is not None and finding.is_positive else ()
        drawn = each.box is not None
        for box in (each.box,) if each.box is not None else outlined:
            yield _labelled(decision, each, box, drawn=drawn)


def _labelled(decision: Decision, said: FindingVerdict, box: Region, *, drawn: bool) -> LabelledBox:
    return LabelledBox(
        record_id=decision.item.item_id,
        sop_instance_uid=said.image_uid,
        frame_number=said.frame_number,
        label=said.changed_to or said.label,
        box=box,
        drawn=drawn,
    )


def _changes(decision: Decision) -> Iterator[Change]:
    """Give every difference between what the model said and what the expert says."""
    findings = {place_of(each): each for each in decision.findings}
    for each in decision.verdict.findings:
        if each.judgement is Judgement.CONFIRMED and each.laterality is None and not each.box:
            continue
        yield Change(
            image_uid=each.image_uid,
            frame_number=each.frame_number,
            label=each.label,
            judgement=each.judgement,
            by_model=_by_model(findings.get(place_of(each))),
            by_expert=_by_expert(each),
            changed_to=each.changed_to,
            laterality=each.laterality,
            comment=each.comment,
        )


def _by_model(finding: FindingUnderReview | None) -> str:
    if finding is None:
        return "not judged"
    verdict = "positive" if finding.is_positive else "negative"
    return f"{verdict} ({finding.probability:.4f}, threshold {finding.threshold:.4f})"


def _by_expert(said: FindingVerdict) -> str:
    what = "other finding" if OTHER_LABEL in (said.label, said.changed_to) else ""
    where = "box drawn" if said.box else ""
    return ", ".join(part for part in (said.judgement.value, said.changed_to, what, where) if part)
