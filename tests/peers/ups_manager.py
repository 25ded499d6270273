"""A worklist manager that keeps steps by the letter of PS3.4 Annex CC, for performers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.events import Event

UPS_PUSH, UPS_PULL = "1.2.840.10008.5.1.4.34.6.1", "1.2.840.10008.5.1.4.34.6.3"
# Of the Performed Procedure Sequence, before COMPLETED (PS3.4 Table CC.2.5-3, code P).
_PERFORMED = (
    "PerformedStationNameCodeSequence",
    "PerformedProcedureStepStartDateTime",
    "PerformedProcedureStepEndDateTime",
    "PerformedWorkitemCodeSequence",
    "OutputInformationSequence",
)
# Of the progress, before CANCELED (code X).
_CANCELED = (
    "ProcedureStepCancellationDateTime",
    "ProcedureStepDiscontinuationReasonCodeSequence",
)
Answer = tuple[int, Dataset | None]


@dataclass(slots=True)
class Manager:
    """Steps by UID, and the key of each that is in progress; ``lost`` claims are not answered."""

    steps: dict[str, Dataset] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    lost: int = 0

    def schedule(self, uid: str, study: str, *, code: str = "110004", **changes: Any) -> None:
        """Schedule a step."""
        step = Dataset()
        step.SOPClassUID, step.SOPInstanceUID = UPS_PUSH, uid
        step.ProcedureStepState = "SCHEDULED"
        step.InputReadinessState = "READY"
        step.ScheduledProcedureStepPriority = "MEDIUM"
        step.ScheduledProcedureStepStartDateTime = "20260101120000"
        step.WorklistLabel = "CHEST AI"
        step.ProcedureStepLabel = "Chest CAD"
        step.ScheduledStationNameCodeSequence = Sequence()
        work = Dataset()
        work.CodeValue, work.CodingSchemeDesignator, work.CodeMeaning = code, "DCM", "CAD"
        step.ScheduledWorkitemCodeSequence = Sequence([work])
        access = Dataset()
        access.TypeOfInstances = "DICOM"
        access.StudyInstanceUID = study
        retrieval = Dataset()
        retrieval.RetrieveAETitle = "ORTHANC"
        access.DICOMRetrievalSequence = Sequence([retrieval])
        step.InputInformationSequence = Sequence([access])
        for keyword, value in changes.items():
            setattr(step, keyword, value)
        self.steps[uid] = step

    def state(self, uid: str) -> str:
        """Return the state of a step."""
        return str(self.steps[uid].ProcedureStepState)

    def find(self, event: Event) -> Iterator[Answer]:
        """Answer a query by the keys that performers use."""
        keys = event.identifier
        for step in list(self.steps.values()):
            wanted = ("ProcedureStepState", "InputReadinessState", "WorklistLabel")
            if all(not keys.get(each) or keys.get(each) == step.get(each) for each in wanted):
                yield 0xFF00, step

    def get(self, event: Event) -> Answer:
        """Return a step."""
        step = self.steps.get(str(cast("Any", event.request).RequestedSOPInstanceUID))
        return (0xC307, None) if step is None else (0x0000, step)

    def set(self, event: Event) -> Answer:
        """Set attributes of a step by its key."""
        uid = str(cast("Any", event.request).RequestedSOPInstanceUID)
        changes = event.modification_list
        if uid not in self.steps:
            return 0xC307, None
        if self.state(uid) in ("COMPLETED", "CANCELED"):
            return 0xC300, None
        if self.keys.get(uid) != changes.get("TransactionUID"):
            return 0xC301, None
        del changes.TransactionUID
        self.steps[uid].update(changes)
        return 0x0000, None

    def act(self, event: Event) -> Answer:
        """Change a state (PS3.4 Table CC.1.1-2)."""
        uid = str(cast("Any", event.request).RequestedSOPInstanceUID)
        wanted = event.action_information
        if uid not in self.steps:
            return 0xC307, None
        before, after = self.state(uid), str(wanted.ProcedureStepState)
        status = self._answer(uid, before, after, str(wanted.TransactionUID))
        if status:
            return status, None
        if after == "IN PROGRESS":
            self.keys[uid] = str(wanted.TransactionUID)
        self.steps[uid].ProcedureStepState = after
        if after == "IN PROGRESS" and self.lost:
            self.lost -= 1
            event.assoc.abort(block=False)
        return 0x0000, None

    def _answer(self, uid: str, before: str, after: str, key: str) -> int:
        """Return why a change is refused, 0 where it is not."""
        is_over = before in ("COMPLETED", "CANCELED")
        begins, runs = after == "IN PROGRESS", before == "IN PROGRESS"
        refusals = (
            (is_over and after == before == "CANCELED", 0xB304),
            (is_over, 0xC300),
            (begins and runs, 0xC302),
            (not begins and not runs, 0xC310),
            (not begins and self.keys.get(uid) != key, 0xC301),
            (after == "COMPLETED" and not self._may_end(uid), 0xC304),
            (after == "CANCELED" and not self._may_cancel(uid), 0xC304),
        )
        return next((status for holds, status in refusals if holds), 0)

    def _may_end(self, uid: str) -> bool:
        (performed,) = self.steps[uid].get("UnifiedProcedureStepPerformedProcedureSequence") or [
            Dataset()
        ]
        return all(keyword in performed for keyword in _PERFORMED)

    def _may_cancel(self, uid: str) -> bool:
        (progress,) = self.steps[uid].get("ProcedureStepProgressInformationSequence") or [Dataset()]
        return all(progress.get(keyword) for keyword in _CANCELED)


@contextmanager
def managing(manager: Manager, ae_title: str = "TASKS") -> Iterator[int]:
    """Serve a manager's steps; yields the port."""
    ae = AE(ae_title=ae_title)
    ae.require_called_aet = True
    ae.add_supported_context(UPS_PULL, ExplicitVRLittleEndian)
    handlers = [
        (evt.EVT_C_FIND, manager.find),
        (evt.EVT_N_GET, manager.get),
        (evt.EVT_N_SET, manager.set),
        (evt.EVT_N_ACTION, manager.act),
    ]
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    assert server is not None
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
