"""Orders that a worklist has for studies whose images name none (PS3.4 Annex K)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Protocol

from dicom_node.domain.subject import Subject, is_of_same_patient, is_other_patient
from sr_templates.requested_procedure import RequestedProcedure


class Match(StrEnum):
    """By what an order was found to be that of a study."""

    STUDY = "its Study Instance UID"
    PATIENT = "patient, modality and day"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorklistItem:
    """One scheduled procedure step, with the request that it is of."""

    study_instance_uid: str
    patient_id: str
    issuer_of_patient_id: str = ""
    patient_name: str = ""
    patient_birth_date: str
    modality: str
    start_date: str
    procedure: RequestedProcedure


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagingOrder:
    """The order of a study, who has it, and by what it was found."""

    study_instance_uid: str
    worklist: str
    match: Match
    procedure: RequestedProcedure


class WorklistSource(Protocol):
    """A Modality Worklist that can be asked."""

    def of_study(self, study_instance_uid: str) -> Sequence[WorklistItem]:
        """Return what is scheduled under a Study Instance UID."""

    def of_patient(self, patient_id: str, modality: str, day: str) -> Sequence[WorklistItem]:
        """Return what is scheduled for a patient on a day (YYYYMMDD)."""


def found_order(
    source: WorklistSource,
    worklist: str,
    subject: Subject,
    modality: str,
    *,
    knows: Callable[[str], bool],
) -> ImagingOrder | None:
    """Ask a worklist for the order of a study; None where it has none, or several that may be it.

    ``knows`` says of a Study Instance UID whether images of it are here: what is scheduled under
    one of these is that study's order, and no other's.

    Raises
    ------
    NodeError
        The worklist cannot be asked.
    """
    study = subject.study_instance_uid
    # A worklist may ignore a key that it need not match: what it answers is compared again.
    same = [each for each in source.of_study(study) if each.study_instance_uid == study]
    if same:
        return _order(same, worklist, Match.STUDY) if _all_of(same, subject) else None
    if not (subject.patient_id and subject.study_date and modality):
        return None
    fitting = [
        each
        for each in source.of_patient(subject.patient_id, modality, subject.study_date)
        if _fits(each, subject, modality) and not knows(each.study_instance_uid)
    ]
    return _order(fitting, worklist, Match.PATIENT, study)


def _order(
    items: Sequence[WorklistItem], worklist: str, match: Match, study: str = ""
) -> ImagingOrder | None:
    """Return the one order of these items; several steps may be of one."""
    if len({each.procedure.accession_number for each in items}) != 1:
        return None
    procedure = _common([each.procedure for each in items])
    if not procedure.accession_number:
        return None
    return ImagingOrder(
        study_instance_uid=study or items[0].study_instance_uid,
        worklist=worklist,
        match=match,
        procedure=procedure,
    )


def _common(procedures: Sequence[RequestedProcedure]) -> RequestedProcedure:
    """Return what procedures have in common: which of several it was, nobody knows."""
    said = {
        each.name: {getattr(procedure, each.name) for procedure in procedures}
        for each in fields(RequestedProcedure)
    }
    return RequestedProcedure(
        **{name: values.pop() if len(values) == 1 else "" for name, values in said.items()}
    )


def _all_of(items: Sequence[WorklistItem], subject: Subject) -> bool:
    """Whether nothing says that these are of another patient than the study with their UID."""
    return not any(is_other_patient(_subject(each), subject) for each in items)


def _fits(item: WorklistItem, subject: Subject, modality: str) -> bool:
    return (
        item.modality == modality
        and item.start_date == subject.study_date
        and is_of_same_patient(_subject(item), subject)
    )


def _subject(item: WorklistItem) -> Subject:
    return Subject(
        study_instance_uid=item.study_instance_uid,
        patient_id=item.patient_id,
        issuer_of_patient_id=item.issuer_of_patient_id,
        patient_name=item.patient_name,
        patient_birth_date=item.patient_birth_date,
    )
