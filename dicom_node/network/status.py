"""Which DIMSE status answers which error: one table (PS3.4 Annex B.2.3, PS3.7 Annex C)."""

from pydicom.dataset import Dataset

from dicom_node.domain.reception import (
    IdentifierMismatchError,
    IdentifierMissingError,
    NotStoredError,
    ObjectTooLargeError,
    OutOfSpaceError,
    UnreadableDatasetError,
    WriteError,
)
from dicom_node.errors import NodeError
from dicom_node.network.errors import ReceptionStoppedError

SUCCESS = 0x0000
PROCESSING_FAILURE = 0x0110
SOP_CLASS_NOT_SUPPORTED = 0x0122  # PS3.7 Annex C.5.6

# From the specific to the general: the first class that fits decides.
STORE_STATUS: tuple[tuple[type[NodeError], int], ...] = (
    # A7xx, Refused: Out of Resources
    (OutOfSpaceError, 0xA700),
    (WriteError, 0xA700),
    (ReceptionStoppedError, 0xA700),
    (ObjectTooLargeError, 0xA701),
    # A9xx, Error: Data Set does not match SOP Class
    (IdentifierMismatchError, 0xA900),
    # Cxxx, Error: Cannot understand
    (IdentifierMissingError, 0xC002),
    (UnreadableDatasetError, 0xC001),
    # PS3.7 Annex C.5.22, Processing failure
    (NotStoredError, PROCESSING_FAILURE),
    (NodeError, PROCESSING_FAILURE),
)

_COMMENT_LENGTH = 64  # Error Comment (0000,0902) is LO


def store_status(error: NodeError) -> int:
    """Return the status of a C-STORE that failed with ``error``."""
    return next(status for kind, status in STORE_STATUS if isinstance(error, kind))


def is_success(status: int) -> bool:
    """Tell whether an object with this C-STORE status was stored, warnings included."""
    return status == SUCCESS or is_warning(status)


def is_warning(status: int) -> bool:
    """Tell whether a C-STORE status says "stored, but" (PS3.4 Table B.2-1, PS3.7 Annex C.4)."""
    return status in (0x0001, 0x0107, 0x0116) or 0xB000 <= status <= 0xBFFF


def is_transient(status: int) -> bool:
    """Tell whether a failure may pass by itself: the peer lacks resources or failed to process."""
    return 0xA700 <= status <= 0xA7FF or status in (PROCESSING_FAILURE, 0x0213)


def response(status: int, comment: str) -> Dataset:
    """Return the status elements of a DIMSE response (PS3.7 Section 9.3.1.2)."""
    elements = Dataset()
    elements.Status = status
    elements.ErrorComment = comment[:_COMMENT_LENGTH]
    return elements
