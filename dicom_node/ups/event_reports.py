"""The events of procedure steps as data sets (PS3.4 Table CC.2.4-1)."""

from enum import IntEnum

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence


class EventType(IntEnum):
    """Event Type ID (0000,1002)."""

    STATE_REPORT = 1
    CANCEL_REQUESTED = 2
    PROGRESS_REPORT = 3
    SCP_STATUS_CHANGE = 4
    ASSIGNED = 5


_PROGRESS = "ProcedureStepProgressInformationSequence"
_OF_CANCELLATION = ("ReasonForCancellation", "ProcedureStepDiscontinuationReasonCodeSequence")
_OF_REQUEST = (*_OF_CANCELLATION, "ContactURI", "ContactDisplayName")
ASSIGNMENT = ("ScheduledStationNameCodeSequence", "ScheduledHumanPerformersSequence")


def state_report(step: Dataset) -> Dataset:
    """Return what is told when a step comes to be, or changes its state."""
    told = Dataset()
    told.ProcedureStepState = step.ProcedureStepState
    told.InputReadinessState = step.get("InputReadinessState") or "READY"
    for item in (step.get(_PROGRESS) or ())[:1]:
        _copy(item, told, _OF_CANCELLATION)
    return told


def cancel_requested(wanted: Dataset, requester: str) -> Dataset:
    """Return what the performer is told of a request to cancel its step."""
    told = Dataset()
    told.RequestingAE = requester
    _copy(wanted, told, _OF_REQUEST)
    return told


def progress_report(step: Dataset) -> Dataset:
    """Return what is told when the performer says how far it is."""
    told = Dataset()
    told.ProcedureStepProgressInformationSequence = Sequence(step.get(_PROGRESS) or ())
    return told


def assigned(step: Dataset) -> Dataset:
    """Return what is told when a step is given to somebody."""
    told = Dataset()
    _copy(step, told, ASSIGNMENT)
    return told


def restarted() -> Dataset:
    """Return what is told when the node is there again; nothing was lost meanwhile."""
    told = Dataset()
    told.SCPStatus = "RESTARTED"
    told.SubscriptionListStatus = "WARM START"
    told.UnifiedProcedureStepListStatus = "WARM START"
    return told


def _copy(source: Dataset, target: Dataset, keywords: tuple[str, ...]) -> None:
    for keyword in keywords:
        if keyword in source:
            target[keyword] = source[keyword]
