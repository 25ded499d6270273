"""Which DIMSE status answers which error: one table (PS3.4 Annex B.2.3, PS3.7 Annex C)."""

from collections.abc import Mapping
from types import MappingProxyType

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
NOT_AUTHORIZED = 0x0124  # PS3.7 Annex C.5.7
INVALID_SOP_INSTANCE, NO_SUCH_SOP_CLASS, UNRECOGNIZED_OPERATION = 0x0117, 0x0118, 0x0211
# Of DIMSE-N (PS3.7 Annex C.5)
NO_SUCH_INSTANCE, NO_SUCH_EVENT, INVALID_ARGUMENT = 0x0112, 0x0113, 0x0115
NO_SUCH_ACTION, RESOURCE_LIMITATION = 0x0123, 0x0213
INVALID_ATTRIBUTE_VALUE, MISSING_ATTRIBUTE, MISSING_ATTRIBUTE_VALUE = 0x0106, 0x0120, 0x0121
# Of queries and retrievals (PS3.4 Sections C.4.1.1.4, C.4.2.1.5 and C.4.3.1.4)
CANCELED, PENDING = 0xFE00, 0xFF00
OUT_OF_RESOURCES, QUERY_MISMATCH, UNABLE = 0xA700, 0xA900, 0xC001
SUBOPERATIONS_IMPOSSIBLE, DESTINATION_UNKNOWN, SUBOPERATIONS_FAILED = 0xA702, 0xA801, 0xB000
DUPLICATE_SOP_INSTANCE = 0x0111
NOT_WHOLE = 0xB007
"""Warning, data set does not match SOP Class (PS3.4 Table B.2-1)."""

# Of PS3.7 Annex C.5: invalid SOP Instance, no such SOP Class, class-instance conflict, SOP Class
# not supported. A9xx of PS3.4 Table B.2-1 is "Data Set does not match SOP Class".
REFUSED_FOR_GOOD = frozenset(
    {INVALID_SOP_INSTANCE, NO_SUCH_SOP_CLASS, 0x0119, SOP_CLASS_NOT_SUPPORTED}
)

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

# The same for peers, who know nothing of classes.
STORE_MEANING: Mapping[int, str] = MappingProxyType(
    {
        NOT_WHOLE: "Warning: it is stored as it came, and ends within an element",
        0xA700: "The disk is too full, the object could not be made durable, or the node stops",
        0xA701: "The object is larger than the node takes",
        0xA900: "SOP Class or SOP Instance UID of the data set are not those of the request",
        0xC001: "The bytes are no data set in the transfer syntax that they came in",
        0xC002: "A UID without which an object cannot be filed is absent or empty",
        PROCESSING_FAILURE: "Anything else: the node's log says what",
        NOT_AUTHORIZED: "The AE title may retrieve, and not store",
    }
)

COMMENT_LENGTH = 64  # Error Comment (0000,0902) is LO


def store_status(error: NodeError) -> int:
    """Return the status of a C-STORE that failed with ``error``."""
    return next(status for kind, status in STORE_STATUS if isinstance(error, kind))


def is_success(status: int) -> bool:
    """Tell whether an object with this C-STORE status was stored, warnings included."""
    return status == SUCCESS or is_warning(status)


def is_warning(status: int) -> bool:
    """Tell whether a C-STORE status says "stored, but" (PS3.4 Table B.2-1, PS3.7 Annex C.4)."""
    return status in (0x0001, 0x0107, 0x0116) or 0xB000 <= status <= 0xBFFF


def is_duplicate(status: int) -> bool:
    """Tell whether the peer has the object already (PS3.7 Annex C.5.8)."""
    return status == DUPLICATE_SOP_INSTANCE


def is_final(status: int) -> bool:
    """Tell whether the same object can never be taken: a fault of it, not of the peer's state.

    Anything else may pass, or be put right by who administers the peer: it ran out of resources, it
    failed to process, it does not know the caller yet. 0xC000 is said of all of these.
    """
    return status in REFUSED_FOR_GOOD or 0xA900 <= status <= 0xA9FF


def response(status: int, comment: str) -> Dataset:
    """Return the status elements of a DIMSE response (PS3.7 Section 9.3.1.2)."""
    elements = Dataset()
    elements.Status = status
    elements.ErrorComment = comment[:COMMENT_LENGTH]
    return elements
