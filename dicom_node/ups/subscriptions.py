"""Who is told what becomes of procedure steps (PS3.4 Section CC.2.3).

Subscriptions are to one step, to all there are and will be, or to those that match a filter. Of one
receiver the one to the step itself decides; it may also say that there is none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dicom_node.domain.peer_message import Channel, PeerMessage
from dicom_node.ups.ports import StepStanding

# Well-known SOP Instances (PS3.4 Section CC.2.3.1).
GLOBAL = "1.2.840.10008.5.1.4.34.5"
FILTERED = "1.2.840.10008.5.1.4.34.5.1"
WELL_KNOWN = (GLOBAL, FILTERED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Who is told, and over what."""

    title: str
    channel: Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One receiver's word on one step, or on steps at large.

    ``scope`` is the step's UID or one of ``WELL_KNOWN``, with the step's study or none. ``active``
    is false where a receiver of all steps does not want this one. ``keys`` are the filter in the
    DICOM JSON Model.
    """

    receiver: Receiver
    scope: str
    study_instance_uid: str = ""
    active: bool = True
    deletion_lock: bool = False
    keys: Mapping[str, Any] | None = None


class SubscriptionBook(Protocol):
    """Subscriptions and what was told, durable."""

    def is_empty(self) -> bool:
        """Whether nobody wants to be told."""
        ...

    def about(self, uid: str) -> tuple[Subscription, ...]:
        """Return the subscriptions to one step and those to steps at large."""
        ...

    def put(self, subscription: Subscription) -> None:
        """Keep a subscription, in the place of the receiver's former one of the same scope."""
        ...

    def suspend(self, receiver: Receiver, standing: Sequence[StepStanding]) -> None:
        """Have a receiver's subscription to all steps be one to each of those there are."""
        ...

    def remove(self, receiver: Receiver) -> None:
        """Forget all subscriptions of a receiver."""
        ...

    def forget(self, uid: str) -> None:
        """Forget a step that is over, and the subscriptions to it alone."""
        ...

    def told(self) -> Mapping[str, StepStanding]:
        """Return the steps of which states were told, and are not over."""
        ...

    def tell(self, states: Sequence[StepStanding]) -> None:
        """Take note of states that are being told."""
        ...


class Outbox(Protocol):
    """Takes messages to others."""

    def add(self, messages: Sequence[PeerMessage]) -> None:
        """Keep new messages."""
        ...
