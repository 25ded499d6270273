"""Data sets that requesters and performers send."""

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from dicom_node.ups.codes import code_sequence

KEY = "2.25.4711"


def a_request(study: str, **changes: object) -> Dataset:
    """Return a request to put a study up for review, complete and correct."""
    made = Dataset()
    made.ProcedureStepState = "SCHEDULED"
    made.ScheduledProcedureStepPriority = "HIGH"
    made.ProcedureStepLabel = "Second look"
    made.WorklistLabel = "WARD 7"
    made.ScheduledProcedureStepStartDateTime = "20260102030405+0000"
    made.InputReadinessState = "READY"
    made.StudyInstanceUID = study
    made.ScheduledWorkitemCodeSequence = code_sequence(("110005", "DCM", "Interpretation"))
    performer = Dataset()
    performer.HumanPerformerName = "Reader^First"
    performer.HumanPerformerCodeSequence = code_sequence(("R1", "L", "First reader"))
    made.ScheduledHumanPerformersSequence = Sequence([performer])
    for keyword, value in changes.items():
        if value is None:
            delattr(made, keyword)
        else:
            setattr(made, keyword, value)
    return made


def a_performance() -> Dataset:
    """Return what a performer sets before it completes a step."""
    item = Dataset()
    item.PerformedStationNameCodeSequence = code_sequence(("WS1", "L", "Workstation 1"))
    item.PerformedProcedureStepStartDateTime = "20260102030405"
    item.PerformedProcedureStepEndDateTime = "20260102030505"
    item.PerformedWorkitemCodeSequence = code_sequence(("110005", "DCM", "Interpretation"))
    item.OutputInformationSequence = Sequence()
    made = Dataset()
    made.UnifiedProcedureStepPerformedProcedureSequence = Sequence([item])
    return made
