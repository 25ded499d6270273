"""What takes objects to a destination, as the couriers see it."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from dicom_node.domain.application_entity import ApplicationEntity
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

    ``refused_class`` is its SOP Class where the destination takes no object of that.
    """

    path: str
    outcome: Outcome
    words: str = ""
    refused_class: str = ""


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
