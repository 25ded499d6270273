"""What became of an object that was sent by C-STORE."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from dicom_node.network.status import SOP_CLASS_NOT_SUPPORTED, is_final


class OutcomeKind(Enum):
    """What became of one object."""

    STORED = "stored"
    STORED_WITH_WARNING = "stored with a warning"
    STORED_BEFORE = "was there before"
    REFUSED = "refused"
    NO_CONTEXT = "no presentation context accepted"
    NOT_SENT = "not sent"  # the association, or the file, was lost before the response
    NOT_ENCODED = "not encoded"  # in the transfer syntax that the peer accepts
    UNREADABLE = "unreadable"


_STORED = (OutcomeKind.STORED, OutcomeKind.STORED_WITH_WARNING, OutcomeKind.STORED_BEFORE)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreOutcome:
    """What became of one object; ``status`` is the peer's DIMSE status where there was one."""

    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    kind: OutcomeKind
    status: int | None = None
    comment: str = ""

    @property
    def stored(self) -> bool:
        """Whether the peer has the object."""
        return self.kind in _STORED

    @property
    def is_of_refused_class(self) -> bool:
        """Whether the peer takes no object of this SOP Class."""
        refused = self.kind is OutcomeKind.REFUSED and self.status == SOP_CLASS_NOT_SUPPORTED
        return refused or self.kind is OutcomeKind.NO_CONTEXT

    @property
    def retryable(self) -> bool:
        """Whether sending the same object again can help."""
        if self.kind is OutcomeKind.REFUSED and self.status is not None:
            return not is_final(self.status)
        return self.kind in (OutcomeKind.NOT_SENT, OutcomeKind.UNREADABLE)
