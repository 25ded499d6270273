"""Unified Procedure Steps: review items and analyses as other worklists see them (PS3.4 Annex CC).

A step of kind REVIEW is the DICOM face of a review item. Nothing is kept twice: as long as no
performer has locked the step over DICOM, its state is the item's.

    item WAITING, ADJUDICATING → SCHEDULED      DECIDED    → COMPLETED
    item CLAIMED (on the page) → IN PROGRESS    SUPERSEDED → CANCELED

A performer who locks it with a Transaction UID holds the item's claim, and ends the step itself.
A step of kind ANALYSIS was asked for by somebody else, and is performed by the node.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, IntEnum, StrEnum
from typing import Any

from dicom_node.domain.review.review import ReviewItem, ReviewState
from dicom_node.domain.subject import Subject


class StepState(StrEnum):
    """Procedure Step State (0074,1000)."""

    SCHEDULED = "SCHEDULED"
    IN_PROGRESS = "IN PROGRESS"
    COMPLETED = "COMPLETED"
    CANCELED = "CANCELED"

    @property
    def is_final(self) -> bool:
        """Whether nothing may change any more (PS3.4 Section CC.2.5.1.1)."""
        return self in (StepState.COMPLETED, StepState.CANCELED)


class StepKind(StrEnum):
    """What the step asks for: somebody's review, or another analysis by the node."""

    REVIEW = "review"
    ANALYSIS = "analysis"


class UpsStatus(IntEnum):
    """The DIMSE statuses of the UPS service (PS3.4 Section CC.2, PS3.7 Annex C)."""

    SUCCESS = 0x0000
    ATTRIBUTES_NOT_SUPPORTED = 0x0001
    INVALID_ATTRIBUTE_VALUE = 0x0106
    PROCESSING_FAILURE = 0x0110
    DUPLICATE_SOP_INSTANCE = 0x0111
    MISSING_ATTRIBUTE = 0x0120
    MISSING_ATTRIBUTE_VALUE = 0x0121
    NO_SUCH_ACTION = 0x0123
    NOT_AUTHORIZED = 0x0124
    CREATED_WITH_MODIFICATIONS = 0xB300
    ALREADY_CANCELED = 0xB304
    ALREADY_COMPLETED = 0xB306
    NO_LONGER_UPDATABLE = 0xC300
    WRONG_TRANSACTION_UID = 0xC301
    ALREADY_IN_PROGRESS = 0xC302
    SCHEDULED_BY_CREATION_ONLY = 0xC303
    FINAL_STATE_REQUIREMENTS = 0xC304
    UNKNOWN_STEP = 0xC307
    RECEIVER_UNKNOWN = 0xC308
    NOT_SCHEDULED = 0xC309
    NOT_IN_PROGRESS = 0xC310
    CANCEL_OF_COMPLETED = 0xC311
    PERFORMER_UNREACHABLE = 0xC312
    PERFORMER_CHOOSES_NOT_TO_CANCEL = 0xC313
    ACTION_NOT_APPROPRIATE = 0xC314
    NO_EVENT_REPORTS = 0xC315

    @property
    def is_failure(self) -> bool:
        """Whether the request was refused; success and warnings were performed."""
        return self is not UpsStatus.SUCCESS and self not in _WARNINGS


_WARNINGS = frozenset(
    {
        UpsStatus.ATTRIBUTES_NOT_SUPPORTED,
        UpsStatus.CREATED_WITH_MODIFICATIONS,
        UpsStatus.ALREADY_CANCELED,
        UpsStatus.ALREADY_COMPLETED,
    }
)


class StepRequest(Enum):
    """What may be asked of an existing step."""

    CLAIM = "change state to IN PROGRESS"
    SCHEDULE = "change state to SCHEDULED"
    COMPLETE = "change state to COMPLETED"
    CANCEL = "change state to CANCELED"
    REQUEST_CANCEL = "request cancel"
    UPDATE = "set attributes"


_S, _P, _D, _X = StepState  # scheduled, in progress, done, canceled
_OK = UpsStatus.SUCCESS
_GONE = UpsStatus.NO_LONGER_UPDATABLE
_NO_KEY = UpsStatus.WRONG_TRANSACTION_UID
_NEVER = UpsStatus.SCHEDULED_BY_CREATION_ONLY
_EARLY = UpsStatus.NOT_IN_PROGRESS

# PS3.4 Table CC.1.1-2: the answer for each request and state, with the right Transaction UID …
WITH_TRANSACTION_UID: Mapping[StepRequest, Mapping[StepState, UpsStatus]] = {
    StepRequest.CLAIM: {_S: _OK, _P: UpsStatus.ALREADY_IN_PROGRESS, _D: _GONE, _X: _GONE},
    StepRequest.SCHEDULE: {_S: _NEVER, _P: _NEVER, _D: _NEVER, _X: _NEVER},
    StepRequest.COMPLETE: {_S: _EARLY, _P: _OK, _D: UpsStatus.ALREADY_COMPLETED, _X: _GONE},
    StepRequest.CANCEL: {_S: _EARLY, _P: _OK, _D: _GONE, _X: UpsStatus.ALREADY_CANCELED},
    StepRequest.REQUEST_CANCEL: {
        _S: _OK,
        _P: _OK,
        _D: UpsStatus.CANCEL_OF_COMPLETED,
        _X: UpsStatus.ALREADY_CANCELED,
    },
    StepRequest.UPDATE: {_S: _OK, _P: _OK, _D: _GONE, _X: _GONE},
}
# … and without it.
WITHOUT_TRANSACTION_UID: Mapping[StepRequest, Mapping[StepState, UpsStatus]] = {
    StepRequest.CLAIM: dict.fromkeys(StepState, _NO_KEY),
    StepRequest.SCHEDULE: WITH_TRANSACTION_UID[StepRequest.SCHEDULE],
    StepRequest.COMPLETE: dict.fromkeys(StepState, _NO_KEY),
    StepRequest.CANCEL: dict.fromkeys(StepState, _NO_KEY),
    # Whoever asks for a cancellation is not the performer: no key is wanted (Section CC.2.2.1).
    StepRequest.REQUEST_CANCEL: WITH_TRANSACTION_UID[StepRequest.REQUEST_CANCEL],
    StepRequest.UPDATE: {_S: _OK, _P: _NO_KEY, _D: _GONE, _X: _GONE},
}

REQUEST_FOR_STATE: Mapping[StepState, StepRequest] = {
    _S: StepRequest.SCHEDULE,
    _P: StepRequest.CLAIM,
    _D: StepRequest.COMPLETE,
    _X: StepRequest.CANCEL,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReference:
    """One object that a step takes in or gives out."""

    study_instance_uid: str
    series_instance_uid: str
    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcedureStep:
    """One Unified Procedure Step.

    ``round`` counts how often the item was put up: a step that its performer canceled is final,
    and the next round is another step. ``attributes`` is what requesters and performers set, in
    the DICOM JSON model. ``transaction_uid`` is the performer's lock and is never shown.
    """

    uid: str
    kind: StepKind
    study_instance_uid: str
    subject: Subject
    state: StepState
    scheduled_at: datetime
    modified_at: datetime
    item: ReviewItem | None = None
    round: int = 0
    transaction_uid: str = ""
    performer: str = ""
    locked_at: datetime | None = None
    requester: str = ""
    asked_revision: int = 0
    attributes: Mapping[str, Any] | None = None

    @property
    def is_locked(self) -> bool:
        """Whether a performer has locked the step over DICOM."""
        return bool(self.transaction_uid) and self.state is StepState.IN_PROGRESS


STATE_OF_ITEM: Mapping[ReviewState, StepState] = {
    ReviewState.WAITING: StepState.SCHEDULED,
    ReviewState.ADJUDICATING: StepState.SCHEDULED,
    ReviewState.CLAIMED: StepState.IN_PROGRESS,
    ReviewState.DECIDED: StepState.COMPLETED,
    ReviewState.SUPERSEDED: StepState.CANCELED,
}


def status_of(request: StepRequest, step: ProcedureStep, transaction_uid: str) -> UpsStatus:
    """Return the answer to a request for a step, before anything is changed.

    For a claim every Transaction UID is the right one, because its sender has made it; a second
    performer therefore learns that the step is in progress, not that its key is wrong.
    """
    # A step that is performed on the node's page has no key: nobody's fits.
    if request is StepRequest.CLAIM or step.state is StepState.SCHEDULED:
        fits = bool(transaction_uid)
    else:
        fits = bool(step.transaction_uid) and transaction_uid == step.transaction_uid
    table = WITH_TRANSACTION_UID if fits else WITHOUT_TRANSACTION_UID
    return table[request][step.state]


def step_number(item_id: str, round_number: int) -> int:
    """Return the number below 2**128 that names a review item's step of one round.

    It is the item's identifier for the first round, so that the item can be found by it.
    """
    return (int(item_id, 16) + round_number) % 2**128
