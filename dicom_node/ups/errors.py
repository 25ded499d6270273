"""Errors of the DICOM worklist.

NodeError
└── StepRefusedError       a request was refused; ``status`` says why (PS3.4 Annex CC)
"""

from dicom_node.domain.procedure_step import UpsStatus
from dicom_node.errors import NodeError


class StepRefusedError(NodeError):
    """A request for a procedure step was refused."""

    def __init__(self, status: UpsStatus, message: str = "") -> None:
        """Refuse with ``status``; without a message its own words are used."""
        super().__init__(message or REASONS[status])
        self.status = status


# The Standard's words for each status (PS3.4 Sections CC.2.1.4 to CC.2.8.4).
REASONS: dict[UpsStatus, str] = {
    UpsStatus.SUCCESS: "Success",
    UpsStatus.ATTRIBUTES_NOT_SUPPORTED: "Requested optional Attributes are not supported",
    UpsStatus.INVALID_ATTRIBUTE_VALUE: "Invalid attribute value",
    UpsStatus.PROCESSING_FAILURE: "Processing failure",
    UpsStatus.DUPLICATE_SOP_INSTANCE: "The UPS exists already",
    UpsStatus.MISSING_ATTRIBUTE: "Missing attribute",
    UpsStatus.MISSING_ATTRIBUTE_VALUE: "Missing attribute value",
    UpsStatus.NO_SUCH_ACTION: "No such action",
    UpsStatus.NOT_AUTHORIZED: "Not authorized",
    UpsStatus.CREATED_WITH_MODIFICATIONS: "The UPS was created with modifications",
    UpsStatus.ALREADY_CANCELED: "The UPS is already in the requested state of CANCELED",
    UpsStatus.ALREADY_COMPLETED: "The UPS is already in the requested state of COMPLETED",
    UpsStatus.NO_LONGER_UPDATABLE: "The UPS may no longer be updated",
    UpsStatus.WRONG_TRANSACTION_UID: "The correct Transaction UID was not provided",
    UpsStatus.ALREADY_IN_PROGRESS: "The UPS is already IN PROGRESS",
    UpsStatus.SCHEDULED_BY_CREATION_ONLY: "The UPS may only become SCHEDULED via N-CREATE",
    UpsStatus.FINAL_STATE_REQUIREMENTS: "The UPS has not met final state requirements",
    UpsStatus.UNKNOWN_STEP: "Specified SOP Instance UID does not exist",
    UpsStatus.RECEIVER_UNKNOWN: "Receiving AE-TITLE is unknown to this SCP",
    UpsStatus.NOT_SCHEDULED: "The provided value of UPS State was not SCHEDULED",
    UpsStatus.NOT_IN_PROGRESS: "The UPS is not yet in the IN PROGRESS state",
    UpsStatus.CANCEL_OF_COMPLETED: "The UPS is already COMPLETED",
    UpsStatus.PERFORMER_UNREACHABLE: "The performer cannot be contacted",
    UpsStatus.PERFORMER_CHOOSES_NOT_TO_CANCEL: "Performer chooses not to cancel",
    UpsStatus.ACTION_NOT_APPROPRIATE: "Specified action not appropriate for specified instance",
    UpsStatus.NO_EVENT_REPORTS: "SCP does not support Event Reports",
}
