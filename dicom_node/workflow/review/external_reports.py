"""External verdicts: a report that another workstation made of a result closes its item.

A report speaks of a result when it names the node's report as predecessor or evidence, or lies in
its series. It closes the item when it is final, verified or in the place of the node's report, and
when it says of the model's findings beyond doubt whether they are there (``external_judgement``);
otherwise it is stored, and a message says why the item stays open.
"""

import logging
from collections.abc import Collection
from dataclasses import dataclass, replace

from pydicom import Dataset

from ai_engine.preprocessing.header_values import word
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.review.external_report import ExternalReport
from dicom_node.domain.review.review import (
    Reviewer,
    ReviewerRole,
    Verdict,
)
from dicom_node.domain.study import StoredStudy
from dicom_node.errors import ConflictError, NodeError
from dicom_node.workflow.ports import Clock, ObjectArchive, StudyStore
from dicom_node.workflow.review.external_judgement import coded, judged, plain, unreadable
from dicom_node.workflow.review.ports import ExternalReportSource, OwnObjects, ReviewStore
from sr_templates.report_reading import (
    UNREADABLE,
    Coded,
    ReportedFinding,
    evidence_of,
    predecessors_of,
    reported_findings,
    unread_findings,
)

_LOG = logging.getLogger(__name__)
# Enhanced, Comprehensive and Comprehensive 3D SR (PS3.4 B.5): those that hold coded findings.
_REPORTS = frozenset({"1.2.840.10008.5.1.4.1.1.88.22", "1.2.840.10008.5.1.4.1.1.88.33",
                      "1.2.840.10008.5.1.4.1.1.88.34"})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _About:
    """What a report says of itself: its series, what it replaces and uses, who stands by it."""

    series_uid: str
    replaces: tuple[str, ...]
    uses: tuple[str, ...]
    is_verified: bool
    is_complete: bool
    is_preliminary: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    """What a report says of findings, what it leaves in doubt, and who says it."""

    said: tuple[ReportedFinding, ...]
    unread: tuple[str, ...]
    reader: Reviewer


class ExternalVerdicts:
    """Takes verdicts from the reports that a study has received."""

    def __init__(
        self,
        *,
        index: StudyStore,
        own: OwnObjects,
        review_queue: ReviewStore,
        external: ExternalReportSource,
        archive: ObjectArchive,
        clock: Clock,
    ) -> None:
        self._index = index
        self._own = own
        self._review_queue = review_queue
        self._external = external
        self._archive = archive
        self._clock = clock

    def take(self, study: StoredStudy) -> tuple[str, ...]:
        """Look at the study's reports that are new; return the items that they have decided.

        Doing this again after a crash decides nothing twice and returns the same items.
        """
        reports = [
            each
            for each in self._index.instances(study.study_instance_uid)
            if each.sop_class_uid in _REPORTS
        ]
        own = self._own.own_objects([each.sop_instance_uid for each in reports])
        decided = []
        for each in reports:
            if each.sop_instance_uid in own or self._external.known(each.sop_instance_uid):
                continue
            if (item_id := self._taken(each)) is not None:
                decided.append(item_id)
        return tuple(decided)

    def _taken(self, instance: ReceivedInstance) -> str | None:
        try:
            report = self._archive.source(instance.path)
            about = _about(report)
        except UNREADABLE as error:
            _LOG.warning(
                "report not read sop=%s reason=%s",
                instance.sop_instance_uid,
                type(error).__name__,
            )
            return None
        item_id, replaces = self._item_of(about)
        if item_id is None:
            return None
        seen = ExternalReport(
            sop_instance_uid=instance.sop_instance_uid,
            item_id=item_id,
            study_instance_uid=instance.study_instance_uid,
            path=instance.path,
            closed=True,
            message="",
            seen_at=self._clock(),
        )
        try:
            _check_final(about)
            verdict = self._verdict(item_id, report, instance, replaces=replaces)
            self._review_queue.decide_externally(verdict, seen)
        except NodeError as error:
            self._external.keep(replace(seen, closed=False, message=str(error)))
            _LOG.warning(
                "outside report does not close item=%s report=%s reason=%r",
                item_id,
                instance.sop_instance_uid,
                str(error),
            )
            return None
        _LOG.info("decided outside item=%s report=%s", item_id, instance.sop_instance_uid)
        return item_id

    def _item_of(self, about: _About) -> tuple[str | None, bool]:
        """Return the item on which a report can decide, and whether it replaces its report."""
        replaced = self._own.own_objects(about.replaces)
        if replaced:
            return next(iter(replaced.values())), True
        found = next(iter(self._external.items_of(about.replaces).values()), None)
        if found is None and about.is_verified:
            used = self._own.own_objects(about.uses)
            found = next(iter(used.values()), None) or self._own.own_series(about.series_uid)
        return found, False

    def _verdict(
        self, item_id: str, report: Dataset, instance: ReceivedInstance, *, replaces: bool
    ) -> Verdict:
        item = self._review_queue.item(item_id)
        findings = self._review_queue.findings(item_id)
        content = _read(report, instance, {coded(each) for each in findings})
        return Verdict(
            item_id=item_id,
            reviewer=content.reader,
            findings=judged(
                item,
                findings,
                content.said,
                content.unread,
                replaces=replaces,
                frame_counts={
                    each.sop_instance_uid: each.header.number_of_frames or 1
                    for each in self._index.instances(item.study_instance_uid)
                },
            ),
            comment=f"Report {instance.sop_instance_uid} of another workstation",
        )


def _about(report: Dataset) -> _About:
    return _About(
        series_uid=plain(report.get("SeriesInstanceUID")),
        replaces=tuple(map(plain, predecessors_of(report))),
        uses=tuple(map(plain, evidence_of(report))),
        is_verified=word(report, "VerificationFlag") == "VERIFIED",
        is_complete=word(report, "CompletionFlag") == "COMPLETE",
        is_preliminary=word(report, "PreliminaryFlag") == "PRELIMINARY",
    )


def _check_final(about: _About) -> None:
    """Refuse a draft (PS3.3 C.17.2): what will be written next may say the contrary.

    Raises
    ------
    ConflictError
        When more is to come.
    """
    draft = "PRELIMINARY" if about.is_preliminary else "" if about.is_complete else "not COMPLETE"
    if draft:
        raise ConflictError(
            f"the report is {draft}: it is stored, and the item stays open until its final form "
            "comes or a reader decides"
        )


def _read(report: Dataset, instance: ReceivedInstance, known: Collection[Coded]) -> _Content:
    """Return what a report says, what it leaves in doubt, and who says it.

    Raises
    ------
    NotFoundError
        When its content is not formed as the Standard wants it.
    """
    try:
        return _Content(
            said=reported_findings(report),
            unread=unread_findings(report, known),
            reader=_reader_of(report, instance),
        )
    except UNREADABLE as error:
        reason = f"the report's content cannot be read ({type(error).__name__})"
        raise unreadable(reason) from error


def _reader_of(report: Dataset, instance: ReceivedInstance) -> Reviewer:
    """Return who verified a report; its user name is the AE title that sent it."""
    observers = report.get("VerifyingObserverSequence") or []
    last = observers[-1] if observers else Dataset()
    verified = word(report, "VerificationFlag") == "VERIFIED"
    return Reviewer(
        user_name=instance.calling_ae.strip(),
        person_name=plain(last.get("VerifyingObserverName")),
        organisation=plain(last.get("VerifyingOrganization")),
        role=ReviewerRole.VERIFIER if verified else ReviewerRole.ATTESTOR,
    )
