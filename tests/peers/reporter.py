"""A modality and an archive that report: performed steps, and which instances there are."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.association import Association

from tests.peers.dcmtk import Peer

PERFORMED_STEP = "1.2.840.10008.3.1.2.3.3"
AVAILABILITY = "1.2.840.10008.5.1.4.33"


@contextmanager
def reporting(node: Peer, ae_title: str) -> Iterator[Association]:
    """Open an association to report over."""
    ae = AE(ae_title=ae_title)
    for uid in (PERFORMED_STEP, AVAILABILITY):
        ae.add_requested_context(uid, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
    association = ae.associate(node.host, node.port, ae_title=node.ae_title)
    yield association
    if association.is_established:
        association.release()


def a_step(*studies: str, **changes: Any) -> Dataset:
    """Return what a radiographic modality says when it begins (PS3.4 Table F.7.2-1)."""
    step = Dataset()
    step.ScheduledStepAttributesSequence = Sequence([_scheduled(study) for study in studies])
    step.PatientName = "Doe^Jane"
    step.PatientID = "4711"
    step.PatientBirthDate = "19700101"
    step.PatientSex = "F"
    step.ReferencedPatientSequence = Sequence()
    step.PerformedProcedureStepID = "P1"
    step.PerformedStationAETitle = "CR1"
    step.PerformedStationName = ""
    step.PerformedLocation = ""
    step.PerformedProcedureStepStartDate = "20260101"
    step.PerformedProcedureStepStartTime = "120000"
    step.PerformedProcedureStepStatus = "IN PROGRESS"
    step.PerformedProcedureStepDescription = ""
    step.PerformedProcedureTypeDescription = ""
    step.ProcedureCodeSequence = Sequence()
    step.PerformedProcedureStepEndDate = ""
    step.PerformedProcedureStepEndTime = ""
    step.Modality = "DX"
    step.StudyID = "S1"
    step.PerformedProtocolCodeSequence = Sequence()
    step.PerformedSeriesSequence = Sequence()
    for keyword, value in changes.items():
        if value is None:
            delattr(step, keyword)
        else:
            setattr(step, keyword, value)
    return step


def an_end(series: str, sop_class: str, *uids: str, state: str = "COMPLETED") -> Dataset:
    """Return what it says when it has ended, with the dose of a radiograph."""
    step = Dataset()
    step.PerformedProcedureStepStatus = state
    step.PerformedProcedureStepEndDate = "20260101"
    step.PerformedProcedureStepEndTime = "120100"
    step.TotalNumberOfExposures = len(uids)
    step.ImageAndFluoroscopyAreaDoseProduct = "12.5"
    performed = Dataset()
    performed.PerformingPhysicianName = ""
    performed.ProtocolName = "CHEST PA"
    performed.OperatorsName = ""
    performed.SeriesInstanceUID = series
    performed.SeriesDescription = ""
    performed.RetrieveAETitle = ""
    performed.ReferencedImageSequence = Sequence([reference(sop_class, uid) for uid in uids])
    performed.ReferencedNonImageCompositeSOPInstanceSequence = Sequence()
    step.PerformedSeriesSequence = Sequence([performed])
    return step


def an_availability(study: str, series: str, sop_class: str, *uids: str) -> Dataset:
    """Return what an archive says that has instances (PS3.4 Table R.3.2-1)."""
    told = Dataset()
    told.ReferencedPerformedProcedureStepSequence = Sequence()
    told.StudyInstanceUID = study
    of_series = Dataset()
    of_series.SeriesInstanceUID = series
    items = []
    for uid in uids:
        item = reference(sop_class, uid)
        item.InstanceAvailability = "ONLINE"
        item.RetrieveAETitle = "PACS"
        items.append(item)
    of_series.ReferencedSOPSequence = Sequence(items)
    told.ReferencedSeriesSequence = Sequence([of_series])
    return told


def reference(sop_class: str, uid: str) -> Dataset:
    """Return an item that refers to an instance."""
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class
    item.ReferencedSOPInstanceUID = uid
    return item


def _scheduled(study: str) -> Dataset:
    item = Dataset()
    item.StudyInstanceUID = study
    item.ReferencedStudySequence = Sequence()
    item.AccessionNumber = "A4711"
    item.RequestedProcedureID = "R1"
    item.RequestedProcedureDescription = ""
    item.ScheduledProcedureStepID = "S1"
    item.ScheduledProcedureStepDescription = ""
    item.ScheduledProtocolCodeSequence = Sequence()
    return item
