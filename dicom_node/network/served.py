"""Which operations a presentation context is for, and what a request is refused with: two tables.

PS3.7 Section 9.3 and 10.3 want the SOP Class of a request to be the one that its context was
negotiated for. The library ends the association of a request that is served by nothing; PS3.7 Annex
C has statuses for it, with which the other requests of the association go on.
"""

from collections.abc import Mapping
from types import MappingProxyType

from dicom_node.network.command_set import (
    C_ECHO,
    C_FIND,
    C_GET,
    C_MOVE,
    C_STORE_RQ,
    N_ACTION,
    N_CREATE,
    N_EVENT_REPORT,
    N_GET,
    N_SET,
    CommandSet,
    Fault,
)
from dicom_node.network.commitment_data import PUSH_MODEL
from dicom_node.network.performed_data import AVAILABILITY, PERFORMED_STEP
from dicom_node.network.query_classes import FIND_MODELS, GET_MODELS, MOVE_MODELS
from dicom_node.network.status import (
    DESTINATION_UNKNOWN,
    INVALID_ARGUMENT,
    INVALID_SOP_INSTANCE,
    NO_SUCH_ACTION,
    NO_SUCH_EVENT,
    NO_SUCH_SOP_CLASS,
    SOP_CLASS_NOT_SUPPORTED,
    UNRECOGNIZED_OPERATION,
)
from dicom_node.ups.codes import (
    MODALITY_WORKLIST,
    UPS_PULL,
    UPS_PUSH,
    UPS_QUERY,
    UPS_WATCH,
    VERIFICATION,
)

# Requests name the Push class whatever the context (PS3.4 Section CC.3.1); many name the context's.
_STEPS = frozenset({UPS_PUSH, UPS_PULL, UPS_WATCH, UPS_QUERY})
_STEP_OPERATIONS = frozenset({C_FIND, N_CREATE, N_GET, N_SET, N_ACTION})
# Contexts of any other class are of storage, and take objects of every class: a modality that
# chose the wrong one loses no image by it.
_STORAGE = frozenset({C_STORE_RQ})
OPERATIONS: Mapping[str, frozenset[int]] = MappingProxyType(
    {
        VERIFICATION: frozenset({C_ECHO}),
        **dict.fromkeys(FIND_MODELS, frozenset({C_FIND})),
        **dict.fromkeys(MOVE_MODELS, frozenset({C_MOVE})),
        **dict.fromkeys(GET_MODELS, frozenset({C_GET})),
        PUSH_MODEL: frozenset({N_ACTION, N_EVENT_REPORT}),
        PERFORMED_STEP: frozenset({N_CREATE, N_SET}),
        AVAILABILITY: frozenset({N_CREATE}),
        MODALITY_WORKLIST: frozenset({C_FIND}),
        **dict.fromkeys(_STEPS, _STEP_OPERATIONS),
    }
)

# Before anybody serves a request, on every port (PS3.7 Annex C.5, PS3.4 Section C.4.2.1.5).
REFUSALS: Mapping[int, str] = MappingProxyType(
    {
        NO_SUCH_EVENT: "N-EVENT-REPORT without an Event Type ID",
        INVALID_ARGUMENT: "A Priority or an Attribute Identifier List that is none",
        INVALID_SOP_INSTANCE: "A SOP Instance UID that is missing or is none",
        NO_SUCH_SOP_CLASS: "DIMSE-N: a SOP Class UID that is missing, is none, or is not the "
        "presentation context's",
        SOP_CLASS_NOT_SUPPORTED: "DIMSE-C: the same, but that contexts of storage take objects of "
        "every SOP Class",
        NO_SUCH_ACTION: "N-ACTION without an Action Type ID",
        UNRECOGNIZED_OPERATION: "An operation that DIMSE or the SOP Class does not have",
        DESTINATION_UNKNOWN: "C-MOVE: a destination that is no AE title",
    }
)


def misplaced(request: CommandSet, abstract_syntax: str) -> Fault | None:
    """Return why a request is not for the context of ``abstract_syntax``, or None where it is."""
    operations = OPERATIONS.get(abstract_syntax, _STORAGE)
    alike = _STEPS if abstract_syntax in _STEPS else {abstract_syntax}
    is_object = request.field == C_STORE_RQ and operations is _STORAGE
    if not is_object and request.sop_class not in alike:
        words = "SOP Class is not the presentation context's"
        return Fault(status=request.status_of_wrong_class, comment=words)
    if request.field not in operations:
        return Fault(status=UNRECOGNIZED_OPERATION, comment="no operation of this SOP Class")
    return None
