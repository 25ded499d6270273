"""What receiving an object can end in: it is stored, or there is a reason why not.

    NotStoredError
    ├── UnreadableDatasetError      the bytes are not a data set in the syntax they came in
    │   └── IdentifierMissingError  a data set without one of the UIDs that file it
    ├── IdentifierMismatchError     the data set is not the SOP Instance that was announced
    ├── ObjectTooLargeError         larger than the node takes
    ├── OutOfSpaceError             the disk is, or would be, too full
    └── WriteError                  the operating system could not make the object durable
        └── ArchiveAwayError        the archive cannot be reached or written at present

Too little room and an archive that is away are waited for by whoever can: both are ``AwayError``.

Messages name attributes and sizes, never values: they go into logs and DIMSE error comments.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from types import MappingProxyType
from typing import Protocol

from dicom_node.domain.instance import ReceivedInstance
from dicom_node.errors import AwayError, NodeError

# Who the node says it is, in associations (PS3.7 Annex D.3.3.2) and in files (PS3.10 Section 7.1).
# UUID-derived (PS3.5 Annex B.2) and fixed for all time.
IMPLEMENTATION_CLASS_UID = "2.25.25334653991536687132262642035451797206"
IMPLEMENTATION_VERSION_NAME = "DICOM_NODE_1"


class NotStoredError(NodeError):
    """Base of every reason why an object was not stored."""


class UnreadableDatasetError(NotStoredError):
    """The bytes are not a data set in the transfer syntax they came in."""


class IdentifierMissingError(UnreadableDatasetError):
    """A UID without which an object cannot be filed is absent or empty."""


class IdentifierMismatchError(NotStoredError):
    """SOP Class or SOP Instance UID of the data set differ from those that were announced."""


class ObjectTooLargeError(NotStoredError):
    """The object is larger than the node takes."""


class OutOfSpaceError(NotStoredError, AwayError):
    """The disk is too full to take an object."""


class WriteError(NotStoredError):
    """The object could not be made durable."""


class ArchiveAwayError(WriteError, AwayError):
    """The archive cannot be reached or written: a share is not mounted, a disk is read-only."""


class AssociationEnd(Enum):
    """How an association ended, as its acceptor saw it (PS3.8 Sections 7.2 to 7.4)."""

    RELEASED = "released"
    """The peer asked for the release: it has sent what it meant to send."""
    ABORTED = "aborted"
    """The peer sent an A-ABORT."""
    TIMED_OUT = "timed_out"
    """The peer fell silent, and the node aborted."""
    CONNECTION_LOST = "connection_lost"
    """The connection broke, or was closed without a release."""
    PROTOCOL_ERROR = "protocol_error"
    """The peer broke the protocol, and the node aborted."""
    NODE_STOPPED = "node_stopped"
    """The node stopped before the peer had finished."""
    RECEIVER_LOST = "receiver_lost"
    """The receiver process ended, and its associations with it."""

    @property
    def orderly(self) -> bool:
        """Whether the sender said that it had finished; otherwise more may have been to come."""
        return self is AssociationEnd.RELEASED

    @property
    def words(self) -> str:
        """Say it in a sentence's words."""
        return _WORDS[self]


_WORDS: Mapping[AssociationEnd, str] = MappingProxyType(
    {
        AssociationEnd.RELEASED: "the sender finished",
        AssociationEnd.ABORTED: "the sender aborted it",
        AssociationEnd.TIMED_OUT: "the sender fell silent",
        AssociationEnd.CONNECTION_LOST: "the connection was lost",
        AssociationEnd.PROTOCOL_ERROR: "the sender broke the protocol",
        AssociationEnd.NODE_STOPPED: "the node was stopped",
        AssociationEnd.RECEIVER_LOST: "the node lost its receiver",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationEnded:
    """That an association ended, how and when, and which application entity it was with."""

    association_id: str
    calling_ae: str
    end: AssociationEnd
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """What is known of an object before its data set has been looked at."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    calling_ae: str
    called_ae: str
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """An object that is durable; ``duplicate`` when the very same bytes lay there before.

    One that is not ``is_whole`` lies there as it came, and ends within an element.
    """

    instance: ReceivedInstance
    duplicate: bool
    is_whole: bool = True


class IncomingObject(Protocol):
    """An object that comes in pieces, and of which nothing stays unless it is stored or refused."""

    def write(self, piece: memoryview) -> None:
        """Take the next piece; it may change afterwards.

        Raises
        ------
        NotStoredError
            It was not taken; the subclass says why.
        """
        ...

    def store(self, announced: Announcement) -> StoredObject:
        """Make it durable; return only when it is.

        Raises
        ------
        NotStoredError
            The object was not stored; the subclass says why.
        """
        ...

    def refuse(self, announced: Announcement, *, status: int, reason: str) -> str | None:
        """Keep it and the reason, as ``InstanceStore.refuse`` does."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class InstanceStore(Protocol):
    """Where a receiver puts objects."""

    def begin(self, announced: Announcement) -> IncomingObject:
        """Begin an object that comes in pieces; of ``announced`` only the time may change.

        Raises
        ------
        NotStoredError
            No object can be taken; the subclass says why.
        """
        ...

    def store(self, dataset: bytes | memoryview, announced: Announcement) -> StoredObject:
        """Make an object durable; return only when it is.

        Raises
        ------
        NotStoredError
            The object was not stored; the subclass says why.
        """
        ...

    def refuse(
        self, dataset: bytes | memoryview, announced: Announcement, *, status: int, reason: str
    ) -> str | None:
        """Keep a refused object's bytes and the reason; return where, or ``None`` if it could not.

        Never raises on account of the disk: refusing must not fail.
        """
        ...
