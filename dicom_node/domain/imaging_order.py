"""Orders that a worklist has for studies whose images name none (PS3.4 Annex K)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from dicom_node.domain.subject import Subject
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
    source: WorklistSource, worklist: str, subject: Subject, modality: str
) -> ImagingOrder | None:
    """Ask a worklist for the order of a study; None where it has none, or several that may be it.

    Raises
    ------
    NodeError
        The worklist cannot be asked.
    """
    study = subject.study_instance_uid
    # A worklist may ignore a key that it need not match: what it answers is compared again.
    same = [each for each in source.of_study(study) if each.study_instance_uid == study]
    if (procedure := _one(same)) is not None:
        return ImagingOrder(
            study_instance_uid=study, worklist=worklist, match=Match.STUDY, procedure=procedure
        )
    if same or not (subject.patient_id and subject.study_date and modality):
        return None
    fitting = [
        each
        for each in source.of_patient(subject.patient_id, modality, subject.study_date)
        if _fits(each, subject, modality)
    ]
    procedure = _one(fitting)
    if procedure is None:
        return None
    return ImagingOrder(
        study_instance_uid=study, worklist=worklist, match=Match.PATIENT, procedure=procedure
    )


def _one(items: Sequence[WorklistItem]) -> RequestedProcedure | None:
    """Return the one order of these items; several steps may be of one."""
    found = {each.procedure for each in items if each.procedure.accession_number}
    if len({each.accession_number for each in found}) != 1:
        return None
    return min(found, key=lambda each: each.requested_procedure_id)


def _fits(item: WorklistItem, subject: Subject, modality: str) -> bool:
    born = {item.patient_birth_date, subject.patient_birth_date} - {""}
    return (
        item.patient_id == subject.patient_id
        and item.modality == modality
        and item.start_date == subject.study_date
        and len(born) <= 1
    )
