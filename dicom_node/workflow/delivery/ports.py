"""What takes objects to a destination, and shows that they are kept, as the couriers see it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

from dicom_node.domain.application_entity import ApplicationEntity
from dicom_node.domain.commitment import AskedCommitment, CommitmentRequest
from dicom_node.domain.delivery import Delivery, DeliveryState, Proven
from dicom_node.errors import NodeError


class DestinationAwayError(NodeError):
    """A destination cannot be reached, or takes no association for now."""


class Outcome(Enum):
    """What became of one object at its destination."""

    STORED = "stored"  # or there before
    REFUSED = "refused"  # for now
    NEVER = "never"  # the same object will not be taken, however often it is sent
    UNREADABLE = "unreadable"  # here, for now
    LOST = "lost"  # the association ended before the answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What became of one object, and why where it was not stored.

    ``remark`` is what a destination says of what it stored: that it is not as it was sent.
    ``refused_class`` is its SOP Class where the destination takes no object of that.
    """

    path: str
    outcome: Outcome
    words: str = ""
    refused_class: str = ""
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What became of one delivery at one try: how many objects were stored, of how many."""

    job_id: str
    destination: ApplicationEntity
    classes: Mapping[str, int]
    """How many objects of each SOP Class were stored."""
    error: str


class Line(Protocol):
    """An association with a destination, over which many deliveries go."""

    def carries(self, paths: Sequence[str]) -> bool:
        """Whether these objects may go over it: their presentation contexts were proposed."""

    def send(self, paths: Sequence[str]) -> tuple[Sent, ...]:
        """Send objects, and return what became of each, in their order."""


class Sender(Protocol):
    """Opens associations with destinations."""

    def verify(self, destination: ApplicationEntity) -> None:
        """Probe a destination by C-ECHO.

        Raises
        ------
        DestinationAwayError
            When it does not answer. One that accepts the association and does not offer
            verification has answered.
        """

    def connect(
        self, destination: ApplicationEntity, paths: Sequence[str]
    ) -> AbstractContextManager[Line]:
        """Open an association for these objects, and others of their kinds.

        Raises
        ------
        DestinationAwayError
            When there is none.
        """


class Prover(Protocol):
    """Asks destinations whether they keep what they took."""

    def ask(
        self,
        destination: ApplicationEntity,
        requests: Sequence[CommitmentRequest],
        asked: Callable[[CommitmentRequest], None],
    ) -> None:
        """Ask for commitment; ``asked`` is told of each request before it is made.

        Raises
        ------
        DestinationAwayError
            It cannot be asked, or refused a request; those after it were not made.
        """

    def found(
        self, destination: ApplicationEntity, study: str, series: Sequence[str]
    ) -> frozenset[str]:
        """Return the SOP Instance UIDs that a destination finds in some series of a study.

        Raises
        ------
        DestinationAwayError
            It cannot be asked, or does not answer.
        """


class Proofs(Protocol):
    """Deliveries that destinations have taken."""

    def sent(self, destination: str, limit: int) -> tuple[Delivery, ...]:
        """Return what a destination took and did not prove, and is not being asked about."""

    def has_sent(self, destination: str) -> bool:
        """Whether a destination took something that it has not proven."""

    def prove(
        self,
        delivery: Delivery,
        state: DeliveryState,
        proven: Proven,
        *,
        stored: Sequence[str] | None = None,
        error: str = "",
        not_before: datetime | None = None,
    ) -> bool:
        """Record what a destination has shown; ``False`` where it has changed meanwhile."""

    def remark(self, destination: str, error: str) -> None:
        """Say of everything that a destination has not proven why that is."""


class Commitments(Protocol):
    """What destinations were asked to commit to."""

    def asked(self, commitment: AskedCommitment, *, at: datetime) -> None:
        """Record what a destination is about to be asked."""

    def answered(self, destination: str, limit: int = 100) -> tuple[AskedCommitment, ...]:
        """Return what a destination has answered and nobody has acted upon."""

    def settled(self, transaction_uid: str) -> None:
        """Take note that an answer has been acted upon."""

    def unanswered(self, transaction_uid: str) -> None:
        """Wait no longer for an answer; should it come, it counts."""

    def destinations(self) -> tuple[str, ...]:
        """Return the destinations whose answers nobody has acted upon."""

    def age(self, destination: str, seconds: float) -> None:
        """Add to the time for which answers of a destination have been waited for."""

    def overdue(self, destination: str, longest: float) -> tuple[AskedCommitment, ...]:
        """Return what a destination has not answered for longer than so many seconds."""
