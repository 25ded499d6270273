"""Procedure steps as data sets: the Unified Procedure Step IOD (PS3.3 Section B.26.2)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from dicom_node.domain.procedure_step import (
    ProcedureStep,
    StepKind,
    StepReference,
    StepState,
)
from dicom_node.domain.review.review import Priority, ReviewItem
from dicom_node.domain.subject import Subject
from dicom_node.query.json_model import from_json
from dicom_node.ups.codes import DETECTION, INTERPRETATION, UPS_PUSH, code_sequence
from sr_templates.repair import repaired

_PRIORITIES = {Priority.HIGH: "HIGH", Priority.MEDIUM: "MEDIUM", Priority.LOW: "LOW"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """What steps say about the node: its AE title, its worklist's label, where it serves pixels."""

    ae_title: str
    worklist_label: str = "AI RESULTS"
    wado_rs_url: str = ""


def ups_dataset(
    step: ProcedureStep,
    station: Station,
    inputs: Iterable[StepReference] = (),
    outputs: Iterable[StepReference] = (),
) -> Dataset:
    """Return a step as N-GET and C-FIND give it (PS3.4 Table CC.2.5-3).

    What requesters and performers have set stands over what the node would say. The Transaction
    UID is left out: it is the performer's key.
    """
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = UPS_PUSH
    dataset.SOPInstanceUID = step.uid
    _add_schedule(dataset, step, station)
    _add_subject(dataset, step.subject)
    dataset.InputInformationSequence = references_sequence(inputs, station)
    dataset.ReferencedRequestSequence = Sequence([_request(step.subject)])
    dataset.ReplacedProcedureStepSequence = Sequence()
    dataset.UnifiedProcedureStepPerformedProcedureSequence = Sequence()
    if step.state is StepState.COMPLETED:
        dataset.UnifiedProcedureStepPerformedProcedureSequence = Sequence(
            [_performance(step, station, outputs)]
        )
    dataset.ProcedureStepProgressInformationSequence = Sequence()
    if step.state is StepState.CANCELED:
        dataset.ProcedureStepProgressInformationSequence = Sequence([_cancellation(step)])
    for element in from_json(step.attributes or {}):
        dataset[element.tag] = element
    dataset.ProcedureStepState = str(step.state)
    return dataset


def references_sequence(references: Iterable[StepReference], station: Station) -> Sequence:
    """Return Referenced Instances and Access items (PS3.3 Table 10-3b), one for each series."""
    ordered = sorted(references, key=_series)
    return Sequence([_access(list(group), station) for _, group in groupby(ordered, key=_series)])


def moment(value: datetime) -> str:
    """Return a DT value in UTC, with its offset (PS3.5 Section 6.2)."""
    return f"{value.astimezone(UTC):%Y%m%d%H%M%S}+0000"


def valid(vr: str, text: str) -> str:
    """Return an archive's date or time as a valid value; what is none stays empty."""
    return repaired(vr, text) or ""


def _series(reference: StepReference) -> tuple[str, str]:
    return reference.study_instance_uid, reference.series_instance_uid


def _add_schedule(dataset: Dataset, step: ProcedureStep, station: Station) -> None:
    dataset.ScheduledProcedureStepPriority = (
        _PRIORITIES[step.item.told_priority] if step.item else "MEDIUM"
    )
    dataset.ScheduledProcedureStepModificationDateTime = moment(step.modified_at)
    dataset.ProcedureStepLabel = _label(step)
    dataset.WorklistLabel = station.worklist_label
    dataset.ScheduledProcedureStepStartDateTime = moment(step.scheduled_at)
    dataset.ExpectedCompletionDateTime = ""
    dataset.InputReadinessState = "READY"
    dataset.ScheduledWorkitemCodeSequence = code_sequence(
        INTERPRETATION if step.kind is StepKind.REVIEW else DETECTION
    )
    dataset.ScheduledHumanPerformersSequence = Sequence()
    dataset.ScheduledStationNameCodeSequence = Sequence()
    dataset.ScheduledStationClassCodeSequence = Sequence()
    dataset.ScheduledStationGeographicLocationCodeSequence = Sequence()
    dataset.ScheduledProcessingParametersSequence = Sequence()
    dataset.CommentsOnTheScheduledProcedureStep = _comment(step.item) if step.item else ""


def _label(step: ProcedureStep) -> str:
    if step.item is None:
        return "Analyse the study again"
    task = "Adjudicate" if step.item.disputed else "Review"
    return f"{task} result of {step.item.model.name} {step.item.model.version}"[:64]


def _comment(item: ReviewItem) -> str:
    if item.is_kept:  # a worklist is read by those who must see for themselves first
        return f"{item.modality} {item.body_part}".strip()
    found = ", ".join(item.positive_labels) or "nothing above its threshold"
    return f"{item.modality} {item.body_part}: {found}".strip()


def _add_subject(dataset: Dataset, subject: Subject) -> None:
    dataset.StudyInstanceUID = subject.study_instance_uid
    dataset.PatientName = subject.patient_name
    dataset.PatientID = subject.patient_id
    dataset.IssuerOfPatientID = subject.issuer_of_patient_id
    dataset.PatientBirthDate = valid("DA", subject.patient_birth_date)
    dataset.PatientSex = subject.patient_sex
    dataset.AdmissionID = subject.admission_id
    dataset.IssuerOfAdmissionIDSequence = Sequence()
    dataset.AdmittingDiagnosesDescription = ""
    dataset.AdmittingDiagnosesCodeSequence = Sequence()


def _request(subject: Subject) -> Dataset:
    item = Dataset()
    item.StudyInstanceUID = subject.study_instance_uid
    item.AccessionNumber = subject.accession_number
    item.IssuerOfAccessionNumberSequence = Sequence()
    item.PlacerOrderNumberImagingServiceRequest = ""
    item.FillerOrderNumberImagingServiceRequest = ""
    item.RequestedProcedureID = subject.study_id
    item.RequestedProcedureDescription = subject.study_description
    item.RequestedProcedureCodeSequence = Sequence()
    item.RequestingService = ""
    item.ReferringPhysicianName = subject.referring_physician_name
    return item


def _access(references: list[StepReference], station: Station) -> Dataset:
    first = references[0]
    item = Dataset()
    item.TypeOfInstances = "DICOM"
    item.StudyInstanceUID = first.study_instance_uid
    item.SeriesInstanceUID = first.series_instance_uid
    item.ReferencedSOPSequence = Sequence([_sop(each) for each in references])
    if station.wado_rs_url:
        where = Dataset()
        where.RetrieveURL = (
            f"{station.wado_rs_url}/studies/{first.study_instance_uid}"
            f"/series/{first.series_instance_uid}"
        )
        item.WADORSRetrievalSequence = Sequence([where])
    retrieval = Dataset()
    retrieval.RetrieveAETitle = station.ae_title
    item.DICOMRetrievalSequence = Sequence([retrieval])
    return item


def _sop(reference: StepReference) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = reference.sop_class_uid
    item.ReferencedSOPInstanceUID = reference.sop_instance_uid
    return item


def _performance(
    step: ProcedureStep, station: Station, outputs: Iterable[StepReference]
) -> Dataset:
    """Return what the node says of a step that was performed on its own page, or by itself."""
    item = Dataset()
    ended = (step.item.decided_at if step.item else None) or step.modified_at
    item.ActualHumanPerformersSequence = Sequence(
        [_performer(name) for name in (step.item.decided_by if step.item else ())]
    )
    item.PerformedStationNameCodeSequence = code_sequence((station.ae_title, "L", station.ae_title))
    item.PerformedProcedureStepStartDateTime = moment(min(step.scheduled_at, ended))
    item.PerformedWorkitemCodeSequence = code_sequence(
        INTERPRETATION if step.kind is StepKind.REVIEW else DETECTION
    )
    item.PerformedProcedureStepEndDateTime = moment(ended)
    item.OutputInformationSequence = references_sequence(outputs, station)
    return item


def _performer(user_name: str) -> Dataset:
    item = Dataset()
    item.HumanPerformerCodeSequence = code_sequence((user_name[:16], "L", user_name[:64]))
    item.HumanPerformerName = user_name[:64]
    item.HumanPerformerOrganization = ""
    return item


def _cancellation(step: ProcedureStep) -> Dataset:
    item = Dataset()
    item.ProcedureStepCancellationDateTime = moment(step.modified_at)
    item.ReasonForCancellation = (
        "A later result of the study took its place" if step.item else "The analysis did not end"
    )
    return item
