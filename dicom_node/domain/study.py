"""Studies as the node sees them: what arrived, and whether more is expected."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from dicom_node.domain.reception import AssociationEnd


class StudyState(StrEnum):
    """Where a study stands; ``STUDY_TRANSITIONS`` says what may follow what."""

    RECEIVING = "receiving"
    COMPLETE = "complete"
    ANALYSED = "analysed"
    NOT_ROUTED = "not routed"
    UNDECIDED = "undecided"
    """It names several patients: a person has to say whose it is."""
    FAILED = "failed"
    PRIOR = "prior"
    """It was fetched to be looked at beside another study, and is not analysed."""


# A late instance reopens a study from any state: whatever was, is being received again.
STUDY_TRANSITIONS: dict[StudyState, frozenset[StudyState]] = {
    StudyState.RECEIVING: frozenset({StudyState.RECEIVING, StudyState.COMPLETE}),
    StudyState.COMPLETE: frozenset(
        {
            StudyState.RECEIVING,
            StudyState.ANALYSED,
            StudyState.NOT_ROUTED,
            StudyState.UNDECIDED,
            StudyState.FAILED,
        }
    ),
    StudyState.ANALYSED: frozenset({StudyState.RECEIVING}),
    StudyState.NOT_ROUTED: frozenset({StudyState.RECEIVING}),
    StudyState.UNDECIDED: frozenset({StudyState.RECEIVING}),
    StudyState.FAILED: frozenset({StudyState.RECEIVING}),
    StudyState.PRIOR: frozenset({StudyState.RECEIVING}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRecord:
    """The index row of a study. ``revision`` counts how often it has been complete.

    ``interruption`` says how the transfer of it broke off, where its sender has not come back;
    ``is_under_way`` that its modality has reported a procedure step that is in progress.
    """

    study_instance_uid: str
    state: StudyState
    sender: str
    revision: int
    instance_count: int
    first_received_at: datetime
    last_received_at: datetime
    reason: str = ""
    interruption: AssociationEnd | None = None
    is_under_way: bool = False

    @property
    def waits_for(self) -> str:
        """What a study waits for that is not done, in words; empty for one that is."""
        if self.state is StudyState.COMPLETE:
            return "for its analysis"
        if self.state is not StudyState.RECEIVING:
            return ""
        if self.interruption is not None:
            return f"for its sender's retry: the transfer broke off ({self.interruption.words})"
        if self.is_under_way:
            return "for its modality, which reports the procedure step as in progress"
        return "for more images: it is complete when its sender has been quiet"

    def is_quiet(self, now: datetime, period: float) -> bool:
        """Whether nothing has arrived for ``period`` seconds."""
        return now - self.last_received_at >= timedelta(seconds=period)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredStudy:
    """A complete study: one revision of it, and the instances that the revision consists of.

    With an ``interruption`` it is what came before its transfer broke off, and the rest was waited
    for in vain.
    """

    study_instance_uid: str
    revision: int
    sender: str
    completed_at: datetime
    sop_instance_uids: tuple[str, ...]
    interruption: AssociationEnd | None = None
