"""Outside verdicts: a report that another workstation made of a result closes its item.

A report speaks of a result when it names the node's report as predecessor or evidence, or lies in
its series. It closes the item when it is final, verified or in the place of the node's report, and
when all of its findings are labels of the model; otherwise it is stored, and a message says why
the item stays open.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydicom import Dataset

from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.outside import OutsideReport
from dicom_node.domain.review import (
    FindingUnderReview,
    FindingVerdict,
    Judgement,
    Reviewer,
    ReviewerRole,
    ReviewItem,
    Verdict,
)
from dicom_node.domain.study import StoredStudy
from dicom_node.errors import ConflictError, NodeError, NotFoundError
from dicom_node.workflow.ports import Clock, ObjectArchive, StudyStore
from dicom_node.workflow.review_ports import OutsideStore, OwnObjects, ReviewStore
from sr_templates.report_reading import (
    UNREADABLE,
    ReportedFinding,
    evidence_of,
    predecessors_of,
    reported_findings,
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


class OutsideVerdicts:
    """Takes verdicts from the reports that a study has received."""

    def __init__(
        self,
        *,
        index: StudyStore,
        own: OwnObjects,
        worklist: ReviewStore,
        outside: OutsideStore,
        archive: ObjectArchive,
        clock: Clock,
    ) -> None:
        self._index = index
        self._own = own
        self._worklist = worklist
        self._outside = outside
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
            if each.sop_instance_uid in own or self._outside.known(each.sop_instance_uid):
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
        item_id = self._item_of(about)
        if item_id is None:
            return None
        seen = OutsideReport(
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
            self._worklist.decide_outside(self._verdict(item_id, report, instance), seen)
        except NodeError as error:
            self._outside.keep(replace(seen, closed=False, message=str(error)))
            _LOG.warning(
                "outside report does not close item=%s report=%s reason=%r",
                item_id,
                instance.sop_instance_uid,
                str(error),
            )
            return None
        _LOG.info("decided outside item=%s report=%s", item_id, instance.sop_instance_uid)
        return item_id

    def _item_of(self, about: _About) -> str | None:
        """Return the item that a report speaks of, where it is one that can decide."""
        replaced = self._own.own_objects(about.replaces)
        drafts = self._outside.items_of(about.replaces)
        found = next(iter((replaced | drafts).values()), None)
        if found is None and about.is_verified:
            used = self._own.own_objects(about.uses)
            found = next(iter(used.values()), None) or self._own.own_series(about.series_uid)
        return found

    def _verdict(self, item_id: str, report: Dataset, instance: ReceivedInstance) -> Verdict:
        item = self._worklist.item(item_id)
        findings = self._worklist.findings(item_id)
        said, reader = _read(report, instance)
        return Verdict(
            item_id=item_id,
            reviewer=reader,
            findings=_judged(item, findings, said),
            comment=f"Report {instance.sop_instance_uid} of another workstation",
        )


def _about(report: Dataset) -> _About:
    return _About(
        series_uid=_plain(report.get("SeriesInstanceUID")),
        replaces=tuple(map(_plain, predecessors_of(report))),
        uses=tuple(map(_plain, evidence_of(report))),
        is_verified=report.get("VerificationFlag") == "VERIFIED",
        is_complete=report.get("CompletionFlag") == "COMPLETE",
        is_preliminary=report.get("PreliminaryFlag") == "PRELIMINARY",
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


def _read(
    report: Dataset, instance: ReceivedInstance
) -> tuple[tuple[ReportedFinding, ...], Reviewer]:
    """Return what a report says, and who says it.

    Raises
    ------
    NotFoundError
        When its content is not formed as the Standard wants it.
    """
    try:
        return reported_findings(report), _reader_of(report, instance)
    except UNREADABLE as error:
        raise NotFoundError(
            f"the report's content cannot be read ({type(error).__name__}): it is stored, and the "
            "item stays open for a reader"
        ) from error


def _reader_of(report: Dataset, instance: ReceivedInstance) -> Reviewer:
    """Return who verified a report; its user name is the AE title that sent it."""
    observers = report.get("VerifyingObserverSequence") or []
    last = observers[-1] if observers else Dataset()
    verified = report.get("VerificationFlag") == "VERIFIED"
    return Reviewer(
        user_name=instance.calling_ae.strip(),
        person_name=_plain(last.get("VerifyingObserverName")),
        organisation=_plain(last.get("VerifyingOrganization")),
        role=ReviewerRole.VERIFIER if verified else ReviewerRole.ATTESTOR,
    )


def _plain(value: object) -> str:
    """Return a text of others without what a database may refuse."""
    return "".join(letter for letter in str(value or "") if letter.isprintable())


def _judged(
    item: ReviewItem, findings: Sequence[FindingUnderReview], said: Sequence[ReportedFinding]
) -> tuple[FindingVerdict, ...]:
    """Translate a report's findings into a verdict on each of the model's.

    A positive finding of the model that the report does not name is not there: the report replaces
    the node's, and says what is.

    Raises
    ------
    NotFoundError
        When the report names a finding that the model does not know, or none that can be read.
    """
    codes = {(each.code.value, each.code.scheme) for each in findings}
    images = {each.image_uid for each in findings}
    unknown = sorted(
        {_plain(each.meaning) for each in said if each.present and each.code not in codes}
    )
    if unknown:
        raise NotFoundError(
            f"the report names findings that model {item.model.name} does not know "
            f"({'; '.join(unknown)}): it is stored, and the item stays open for a reader"
        )
    if not any(each.code in codes for each in said):
        raise NotFoundError(
            "no finding of the model could be read from the report: it is stored, and the item "
            "stays open for a reader"
        )
    # A statement without an image is about the study's only one, where there is only one.
    only = next(iter(images)) if len(images) == 1 else ""
    present: dict[tuple[str, tuple[str, str]], bool | None] = {}
    for each in said:
        present.setdefault((each.image_uid or only, each.code), each.present)
    judged = []
    for finding in findings:
        place = (finding.image_uid, (finding.code.value, finding.code.scheme))
        judgement = _judgement(finding, present.get(place, False))
        if judgement is not None:
            judged.append(
                FindingVerdict(
                    image_uid=finding.image_uid,
                    frame_number=finding.frame_number,
                    label=finding.label,
                    judgement=judgement,
                )
            )
    return tuple(judged)


def _judgement(finding: FindingUnderReview, present: bool | None) -> Judgement | None:
    if present is None:
        return Judgement.UNSURE
    if finding.is_positive:
        return Judgement.CONFIRMED if present else Judgement.REJECTED
    return Judgement.ADDED if present else None
