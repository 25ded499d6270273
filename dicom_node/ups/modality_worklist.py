"""Review items for systems that know only the Modality Worklist (PS3.4 Annex K)."""

from datetime import datetime

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from dicom_node.domain.procedure_step import ProcedureStep, StepState
from dicom_node.ups.presentation import Station, valid

_STUDY_CLASS = "1.2.840.10008.3.1.2.3.1"  # Detached Study Management, as K.6-1 wants it
_PRIORITIES = {"HIGH": "HIGH", "MEDIUM": "MEDIUM", "LOW": "LOW"}
# What an MWL user calls the states (PS3.3 C.4.10, Scheduled Procedure Step Status).
_STATUS = {StepState.SCHEDULED: "SCHEDULED", StepState.IN_PROGRESS: "STARTED"}


def modality_worklist_dataset(
    step: ProcedureStep, ups: Dataset, station: Station
) -> Dataset | None:
    """Return a step as a Modality Worklist item, or None where it waits for nobody.

    The study exists already, so its own Study Instance UID is given: what a reader creates for the
    item lands in the study that was analysed.
    """
    if step.state not in _STATUS or step.item is None:
        return None
    subject = step.subject
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    for keyword in ("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate"):
        dataset[keyword] = ups[keyword]
    dataset.PatientSex = subject.patient_sex
    dataset.AccessionNumber = subject.accession_number
    dataset.ReferringPhysicianName = subject.referring_physician_name
    dataset.AdmissionID = subject.admission_id
    dataset.CurrentPatientLocation = ""
    dataset.RequestingPhysician = ""
    dataset.StudyInstanceUID = step.study_instance_uid
    dataset.StudyDate = valid("DA", subject.study_date)
    dataset.StudyTime = valid("TM", subject.study_time)
    dataset.ReferencedStudySequence = Sequence([_study(step)])
    dataset.ReferencedPatientSequence = Sequence()
    dataset.RequestedProcedureID = subject.study_id or subject.accession_number
    dataset.RequestedProcedureDescription = ups.ProcedureStepLabel
    dataset.RequestedProcedureCodeSequence = Sequence()
    dataset.RequestedProcedurePriority = _PRIORITIES.get(ups.ScheduledProcedureStepPriority, "")
    dataset.PatientTransportArrangements = ""
    dataset.PatientWeight = None
    dataset.ConfidentialityConstraintOnPatientDataDescription = ""
    dataset.PatientState = ""
    dataset.PregnancyStatus = None
    dataset.MedicalAlerts = ""
    dataset.Allergies = ""
    dataset.SpecialNeeds = ""
    dataset.ScheduledProcedureStepSequence = Sequence([_scheduled(step, ups, station)])
    return dataset


def _scheduled(step: ProcedureStep, ups: Dataset, station: Station) -> Dataset:
    start: datetime = step.scheduled_at.astimezone()
    item = Dataset()
    item.ScheduledStationAETitle = station.ae_title
    item.ScheduledProcedureStepStartDate = f"{start:%Y%m%d}"
    item.ScheduledProcedureStepStartTime = f"{start:%H%M%S}"
    item.Modality = step.item.modality if step.item else ""
    item.ScheduledPerformingPhysicianName = _first_performer(ups)
    item.ScheduledProcedureStepDescription = ups.CommentsOnTheScheduledProcedureStep[:64]
    item.ScheduledProtocolCodeSequence = Sequence()
    item.ScheduledProcedureStepID = step.uid[-16:]
    item.ScheduledStationName = ""
    item.ScheduledProcedureStepLocation = ""
    item.RequestedContrastAgent = ""
    item.PreMedication = ""
    item.ScheduledProcedureStepStatus = _STATUS[step.state]
    return item


def _first_performer(ups: Dataset) -> str:
    performers = ups.get("ScheduledHumanPerformersSequence") or ()
    return str(performers[0].get("HumanPerformerName", "")) if performers else ""


def _study(step: ProcedureStep) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = _STUDY_CLASS
    item.ReferencedSOPInstanceUID = step.study_instance_uid
    return item
