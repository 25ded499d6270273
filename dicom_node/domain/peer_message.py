"""Messages that the node sends others of itself: which results there are, what became of steps.

N-CREATE of an Instance Availability Notification (PS3.4 Annex R) and N-EVENT-REPORT of a Unified
Procedure Step (PS3.4 Section CC.2.4), durable until their receiver has taken them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from dicom_node.domain.performed_step import AnnouncedInstance


class MessageKind(StrEnum):
    """What a message is."""

    AVAILABILITY = "availability"
    STEP_EVENT = "step event"


class Channel(StrEnum):
    """How a receiver is told: over associations that the node opens, or over its WebSocket."""

    DIMSE = "dimse"
    WEB = "web"


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerMessage:
    """One message; ``attributes`` in the DICOM JSON Model.

    ``about`` names what it tells of, a delivery, so that it is told once; it is empty for events.
    ``event_type`` is 0 for what is none. ``number`` is its place in the order, 0 until it is kept.
    """

    receiver: str
    channel: Channel = Channel.DIMSE
    kind: MessageKind
    sop_instance_uid: str
    event_type: int = 0
    attributes: Mapping[str, Any]
    study_instance_uid: str
    about: str = ""
    made_at: datetime
    number: int = 0
    attempts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What of a job a destination was given, by what it has of it."""

    delivery_id: str
    destination: str
    delivered_at: datetime
    study_instance_uid: str
    instances: tuple[AnnouncedInstance, ...]


class MessageBook(Protocol):
    """Messages until their receivers have taken them, each receiver's in the order of making."""

    def add(self, messages: Sequence[PeerMessage]) -> None:
        """Keep new messages."""

    def due(
        self, now: datetime, *, channel: Channel, receiver: str = "", limit: int
    ) -> tuple[PeerMessage, ...]:
        """Return messages that are to be sent now, of one receiver or of all, oldest first."""

    def taken(self, numbers: Sequence[int], *, at: datetime) -> None:
        """Take note that a receiver has taken messages."""

    def untaken(self, receiver: str, error: str, *, not_before: datetime) -> None:
        """Take note that a receiver took nothing: all that waits for it is postponed."""

    def give_up(self, numbers: Sequence[int], error: str, *, at: datetime) -> None:
        """Take note that messages will not be sent."""
