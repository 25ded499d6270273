"""Who has read a report, as every report of a person says it (PS3.3 C.17.2, PS3.16 TID 1001)."""

from collections.abc import Iterator, Sequence

from highdicom.sr import (
    CodedConcept,
    ObservationContext,
    ObserverContext,
    PersonObserverIdentifyingAttributes,
)
from pydicom.dataset import Dataset
from pydicom.uid import Comprehensive3DSRStorage
from pydicom.valuerep import DT

from ai_engine.prediction import ModelIdentity
from sr_templates import codes
from sr_templates.context import EvidenceContext
from sr_templates.errors import EvidenceError
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.expert_reading import ExpertReading, Observer
from sr_templates.instance import new_instance
from sr_templates.repair import long_string
from sr_templates.report_document import next_instance_number
from sr_templates.source_attributes import SourceAttributes
from sr_templates.source_image import check_identity, uid_of
from sr_templates.uids import derived_uid

_SERIES = ("SeriesInstanceUID", "SeriesNumber", "SeriesDescription", "Modality")


def require_reading(
    predecessor: Dataset, sources: Sequence[Dataset], reading: ExpertReading
) -> None:
    """Raise EvidenceError where nobody has read, or a source is missing or has no valid UIDs."""
    if not reading.observers:
        raise EvidenceError("nobody has read the report: there is nothing to verify")
    if not sources:
        raise EvidenceError("no source image was given: a result needs a study to belong to")
    for instance in (predecessor, *sources):
        check_identity(instance)


def new_successor(
    predecessor: Dataset,
    model: ModelIdentity,
    reading: ExpertReading,
    attributes: SourceAttributes,
    context: EvidenceContext,
    *,
    taken_back: Sequence[Dataset] = (),
) -> Dataset:
    """Make a person's report on an AI report, in that one's series and without content.

    ``taken_back`` are people's reports on the same one whose place this takes.
    """
    report = new_instance(
        sop_class_uid=Comprehensive3DSRStorage,
        sop_instance_uid=document_uid(predecessor, reading),
        instance_number=next_instance_number(
            [predecessor, *taken_back], uid_of(predecessor, "SeriesInstanceUID")
        ),
        kind=EvidenceKind.SR,
        model=model,
        attributes=attributes,
        context=context,
    )
    for keyword in _SERIES:
        if keyword in predecessor:
            report[keyword] = predecessor[keyword]
    return report


def document_uid(predecessor: Dataset, reading: ExpertReading) -> str:
    """Return the SOP Instance UID of what somebody said of a report: always the same one."""
    names = [each.name for each in reading.observers]
    return derived_uid(
        "verdict",
        uid_of(predecessor, "SOPInstanceUID"),
        reading.decided_at.isoformat(),
        *sorted(names),
    )


def add_verification(report: Dataset, reading: ExpertReading) -> None:
    """Say that the report is final, and who has verified or attested it."""
    report.PreliminaryFlag = "FINAL"
    verifying = [each for each in reading.observers if each.may_verify]
    attesting = [each for each in reading.observers if not each.may_verify]
    if verifying:
        report.VerificationFlag = "VERIFIED"
        report.VerifyingObserverSequence = [_verifying(each, reading) for each in verifying]
    if attesting:
        report.ParticipantSequence = [_attestor(each, reading) for each in attesting]


def _verifying(observer: Observer, reading: ExpertReading) -> Dataset:
    item = Dataset()
    item.VerifyingObserverName = observer.name
    item.VerifyingObserverIdentificationCodeSequence = []
    item.VerifyingOrganization = long_string(observer.organisation or "not stated")
    item.VerificationDateTime = _moment(reading)
    return item


def _attestor(observer: Observer, reading: ExpertReading) -> Dataset:
    """Item of Participant Sequence (0040,A07A) with the person macro of PS3.3 Table C.17-3b."""
    item = Dataset()
    item.ParticipationType = "ATTEST"
    item.ParticipationDateTime = _moment(reading)
    item.ObserverType = "PSN"
    item.PersonName = observer.name
    item.PersonIdentificationCodeSequence = []
    item.InstitutionName = long_string(observer.organisation) or None
    item.InstitutionCodeSequence = []
    return item


def _moment(reading: ExpertReading) -> DT:
    return DT(reading.decided_at.strftime("%Y%m%d%H%M%S.%f%z"))


def person_context(observer: Observer) -> ObservationContext:
    """TID 1001, 1002 and 1003: the observer is a person."""
    return ObservationContext(
        observer_person_context=ObserverContext(
            observer_type=CodedConcept.from_code(codes.PERSON),
            observer_identifying_attributes=PersonObserverIdentifyingAttributes(
                name=observer.name, organization_name=observer.organisation or None
            ),
        )
    )


def remarks(reading: ExpertReading) -> Iterator[str]:
    """Give what is to be said beyond the statements: why there is another reading, and comments."""
    if reading.correction:
        yield f"This reading takes the place of one that was taken back: {reading.correction}"
    if reading.comment:
        yield reading.comment


def who_has_read(reading: ExpertReading) -> str:
    """Say how many have verified and attested, as the beginning of a sentence."""
    verifying = sum(each.may_verify for each in reading.observers)
    attesting = len(reading.observers) - verifying
    if not verifying:
        return f"Attested, not verified, by {_readers(attesting)}"
    if attesting:
        return f"Verified by {_readers(verifying)}, attested by {_readers(attesting)}"
    return f"Verified by {_readers(verifying)}"


def _readers(count: int) -> str:
    return "one reader" if count == 1 else f"{count} readers"
