"""The worklist SCU: what is scheduled, asked by C-FIND (PS3.4 Section K.4.1)."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import build_context
from pynetdicom.association import Association

from dicom_node.domain.imaging_order import WorklistItem
from dicom_node.network.associations import Destination, ScuTimeouts, end, open_association
from dicom_node.network.errors import AnswerError, AssociationError
from dicom_node.network.query_scu import PENDING, said
from dicom_node.network.status import SUCCESS
from dicom_node.query.reading import UNREADABLE
from dicom_node.ups.codes import MODALITY_WORKLIST
from sr_templates.requested_procedure import RequestedProcedure

_PLAIN: list[str | UID] = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
_MOST = 200
_SECONDS = 30.0
# Three component groups of a name, and what is between them (PS3.5 Table 6.2-1).
_LONGEST_NAME = 3 * 64 + 2
# Return keys (PS3.4 Table K.6-1) that say which order it is.
_KEYS = (
    "AccessionNumber",
    "PatientName",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "RequestedProcedureID",
    "RequestedProcedureDescription",
    "PlacerOrderNumberImagingServiceRequest",
    "FillerOrderNumberImagingServiceRequest",
)
_STEP_KEYS = ("ScheduledProcedureStepID", "ScheduledStationAETitle")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorklistScu:
    """Asks one Modality Worklist as this node's AE title."""

    address: Callable[[], Destination]
    calling_ae: str
    timeouts: ScuTimeouts

    def of_study(self, study_instance_uid: str) -> tuple[WorklistItem, ...]:
        """Return what is scheduled under a Study Instance UID.

        Raises
        ------
        NodeError
            The worklist cannot be asked, or answers nonsense.
        """
        return self._asked(worklist_query(study=study_instance_uid))

    def of_patient(self, patient_id: str, modality: str, day: str) -> tuple[WorklistItem, ...]:
        """Return what is scheduled for a patient on a day (YYYYMMDD).

        Raises
        ------
        NodeError
            As for ``of_study``.
        """
        return self._asked(worklist_query(patient_id=patient_id, modality=modality, day=day))

    def _asked(self, identifier: Dataset) -> tuple[WorklistItem, ...]:
        peer = self.address()
        contexts = [build_context(MODALITY_WORKLIST, _PLAIN)]
        with open_association(peer, contexts, self.calling_ae, self.timeouts) as association:
            if not association.is_established:
                raise AssociationError(f"{peer.ae_title} offers no Modality Worklist")
            return tuple(_answers(association, identifier))


def worklist_query(
    *, study: str = "", patient_id: str = "", modality: str = "", day: str = ""
) -> Dataset:
    """Return the identifier of a query; empty keys match everything."""
    identifier = Dataset()
    if not patient_id.isascii():
        identifier.SpecificCharacterSet = "ISO_IR 192"
    for keyword in _KEYS:
        setattr(identifier, keyword, "")
    identifier.PatientID = patient_id
    identifier.StudyInstanceUID = study
    step = Dataset()
    for keyword in _STEP_KEYS:
        setattr(step, keyword, "")
    step.Modality = modality
    step.ScheduledProcedureStepStartDate = day
    step.ScheduledProcedureStepStartTime = ""
    identifier.ScheduledProcedureStepSequence = Sequence([step])
    return identifier


def _answers(association: Association, identifier: Dataset) -> Iterator[WorklistItem]:
    until = time.monotonic() + _SECONDS
    answers = enumerate(association.send_c_find(identifier, MODALITY_WORKLIST), start=1)
    for count, (status, answer) in answers:
        if status.get("Status") not in PENDING:
            break
        if count > _MOST or time.monotonic() > until:
            end(association, association.abort)
            raise AnswerError("the worklist answers with more than can be one patient's")
        if answer is not None and (item := _item(answer)) is not None:
            yield item
    if status.get("Status") != SUCCESS:
        raise AssociationError(f"the worklist answered a query with {said(status)}")


def _item(answer: Dataset) -> WorklistItem | None:
    """Return an answer; None for one that cannot be read."""
    try:
        steps = answer.get("ScheduledProcedureStepSequence") or [Dataset()]
        return WorklistItem(
            study_instance_uid=_text(answer, "StudyInstanceUID"),
            patient_id=_text(answer, "PatientID"),
            issuer_of_patient_id=_text(answer, "IssuerOfPatientID"),
            patient_name=_text(answer, "PatientName", _LONGEST_NAME),
            patient_birth_date=_text(answer, "PatientBirthDate"),
            modality=_text(steps[0], "Modality"),
            start_date=_text(steps[0], "ScheduledProcedureStepStartDate"),
            procedure=RequestedProcedure(
                accession_number=_text(answer, "AccessionNumber", 16),
                requested_procedure_id=_text(answer, "RequestedProcedureID", 16),
                requested_procedure_description=_text(answer, "RequestedProcedureDescription", 64),
                placer_order_number=_text(answer, "PlacerOrderNumberImagingServiceRequest", 64),
                filler_order_number=_text(answer, "FillerOrderNumberImagingServiceRequest", 64),
            ),
        )
    except UNREADABLE:
        return None


def _text(dataset: Dataset, keyword: str, longest: int = 64) -> str:
    """Return a value; several, or one that is too long for its VR, name something else: none."""
    value = dataset.get(keyword) or ""
    text = "" if isinstance(value, MultiValue) else str(value).strip(" \0")
    return text if len(text) <= longest and text.isprintable() and "\\" not in text else ""
