"""What steps say of themselves, changed: attributes as data sets, from and to the JSON Model."""

from datetime import datetime

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from dicom_node.domain.procedure_step import ProcedureStep
from dicom_node.query.json_model import from_json
from dicom_node.ups.codes import UPS_PUSH
from dicom_node.ups.presentation import moment


def attributes_of(step: ProcedureStep) -> Dataset:
    """Return what requesters and performers have set."""
    return from_json(step.attributes or {})


def merged(step: ProcedureStep, changes: Dataset) -> Dataset:
    """Return what a step says after these changes."""
    attributes = attributes_of(step)
    attributes.update(changes)
    return attributes


def replacing(step: ProcedureStep, attributes: Dataset) -> Dataset:
    """Return ``attributes`` with a reference to the step that is replaced (PS3.3 C.30.2)."""
    replaced = Dataset()
    replaced.ReferencedSOPClassUID = UPS_PUSH
    replaced.ReferencedSOPInstanceUID = step.uid
    attributes.ReplacedProcedureStepSequence = Sequence([replaced])
    return attributes


def add_cancellation(attributes: Dataset, at: datetime, reason: str) -> None:
    """Say when and why a step ended, where its performer has not (code X of Table CC.2.5-3)."""
    sequence = attributes.get("ProcedureStepProgressInformationSequence") or Sequence([Dataset()])
    progress = sequence[0]
    if not progress.get("ProcedureStepCancellationDateTime"):
        progress.ProcedureStepCancellationDateTime = moment(at)
    if reason and not progress.get("ReasonForCancellation"):
        progress.ReasonForCancellation = reason
    attributes.ProcedureStepProgressInformationSequence = sequence
