"""Storage commitment (PS3.4 Annex J): for which instances somebody vouches, and for which not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Protocol

from dicom_node.errors import ConflictError, NodeError


class FailureReason(IntEnum):
    """Why there is no commitment to an instance (PS3.3 Section C.14.1.1)."""

    PROCESSING_FAILURE = 0x0110
    NO_SUCH_INSTANCE = 0x0112
    CLASS_INSTANCE_CONFLICT = 0x0119
    CLASS_NOT_SUPPORTED = 0x0122
    DUPLICATE_TRANSACTION = 0x0131
    RESOURCE_LIMITATION = 0x0213


_REASON_WORDS: Mapping[int, str] = {
    FailureReason.PROCESSING_FAILURE: "processing failure",
    FailureReason.NO_SUCH_INSTANCE: "no such object instance",
    FailureReason.CLASS_INSTANCE_CONFLICT: "class and instance do not fit",
    FailureReason.CLASS_NOT_SUPPORTED: "SOP class not supported",
    FailureReason.DUPLICATE_TRANSACTION: "transaction UID used before",
    FailureReason.RESOURCE_LIMITATION: "resource limitation",
}


class DuplicateTransactionError(ConflictError):
    """A Transaction UID was used before: it names one request for all time."""


class UnknownTransactionError(NodeError):
    """A result names a transaction that the node has not begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A SOP Instance, as a request for commitment refers to it."""

    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitmentRequest:
    """What somebody asks to have committed to."""

    transaction_uid: str
    references: tuple[Reference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An instance without a commitment; ``reason`` may be a number that has no name here."""

    reference: Reference
    reason: int


def reason_words(reason: int) -> str:
    """Return a failure reason in words, with its number."""
    return f"{_REASON_WORDS.get(reason, 'reason unknown')} (0x{reason:04X})"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitmentResult:
    """What became of a request: each instance is committed to, or it is said why not."""

    transaction_uid: str
    committed: tuple[Reference, ...]
    failed: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRequest:
    """A request whose result its requestor has not been told yet."""

    request: CommitmentRequest
    requestor: str
    received_at: datetime
    attempts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedCommitment:
    """What the node has asked a destination to commit to, of one delivery.

    ``failed`` are reasons by SOP Instance UID, once there is an answer.
    """

    transaction_uid: str
    delivery_id: str
    job_id: str
    destination: str
    sop_instance_uids: tuple[str, ...]
    failed: Mapping[str, int] = field(default_factory=dict)


class CommitmentBook(Protocol):
    """Requests for commitment, durable until their results have been told."""

    def record(self, request: CommitmentRequest, *, requestor: str, at: datetime) -> None:
        """Record a request; for a while it is left to whoever recorded it.

        Raises
        ------
        DuplicateTransactionError
            Its Transaction UID was used before.
        """

    def due(self, now: datetime, *, limit: int) -> tuple[OpenRequest, ...]:
        """Return requests whose results are to be told over an association of their own."""

    def release(self, transaction_uid: str) -> None:
        """Leave a request to whoever opens an association for its result."""

    def told(self, transaction_uid: str, *, failed: int, at: datetime) -> None:
        """Take note that the requestor knows the result; ``failed`` instances have none."""

    def untold(self, transaction_uids: Sequence[str], error: str, *, not_before: datetime) -> None:
        """Take note that results could not be told."""

    def give_up(self, transaction_uid: str, error: str, *, at: datetime) -> None:
        """Take note that a result will not be told."""


class CommitmentAnswers(Protocol):
    """Takes the results of commitments that the node has asked for."""

    def answer(self, result: CommitmentResult, *, at: datetime) -> str:
        """Make a result durable; return the AE title that was asked for it.

        Raises
        ------
        UnknownTransactionError
            The node has begun no such transaction, or its results are erased.
        """
