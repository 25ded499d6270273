"""Who may do what: asked in a receiver process at every association request."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from dicom_node.domain.application_entity import Operation

__all__ = [
    "AccessFactory",
    "AccessPolicy",
    "AssociationRequest",
    "Operation",
    "Refusal",
    "StaticAccess",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationRequest:
    """Who asks for an association, as said in the A-ASSOCIATE-RQ, and from where.

    ``certificate`` is the SHA-256 of the one that was shown over TLS; empty without one.
    """

    calling_ae: str
    called_ae: str
    peer_address: str
    certificate: str = ""


# ``None`` stands for a calling AE title that the node does not know. Raises CallerRefusedError
# where it knows the title, and another calls by it.
AccessPolicy = Callable[[AssociationRequest], frozenset[Operation] | None]
# Called once in each receiver process, so it must be picklable: a module's function, or a
# functools.partial of one.
AccessFactory = Callable[[], AccessPolicy]


class Refusal(Enum):
    """Why an association was refused: result, source and reason of PS3.8 Table 9-21."""

    CALLED_AE_UNKNOWN = (1, 1, 7)
    CALLING_AE_UNKNOWN = (1, 1, 3)
    OPERATION_NOT_PERMITTED = (1, 1, 1)
    APPLICATION_CONTEXT_UNKNOWN = (1, 1, 2)
    REQUEST_UNUSABLE = (1, 2, 1)
    PROTOCOL_VERSION_UNKNOWN = (1, 2, 2)
    TOO_MANY_ASSOCIATIONS = (2, 3, 2)
    ACCESS_UNDECIDED = (2, 3, 1)


@dataclass(frozen=True, slots=True)
class StaticAccess:
    """A policy that never changes; ``functools.partial(StaticAccess, table)`` is its factory."""

    permitted: Mapping[str, frozenset[Operation]]

    def __call__(self, request: AssociationRequest) -> frozenset[Operation] | None:
        """Look the calling AE title up."""
        return self.permitted.get(request.calling_ae)
