"""Deliveries: getting one job's evidence to one destination."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from dicom_node.domain.evidence import EvidenceSet


class DeliveryState(StrEnum):
    """Where a delivery stands; ``DELIVERY_TRANSITIONS`` says what may follow what."""

    PENDING = "pending"
    RETRYING = "retrying"
    SENT = "sent"  # all of it; that it is kept is to be shown yet
    DELIVERED = "delivered"
    FAILED = "failed"


class Proven(StrEnum):
    """What a destination has shown of what it was sent."""

    NOTHING = ""
    COMMITTED = "committed"
    FOUND = "found"
    NOT_COMMITTED = "not committed"
    NOT_FOUND = "not found"


_LACKING = (Proven.NOT_COMMITTED, Proven.NOT_FOUND)

DELIVERY_TRANSITIONS: dict[DeliveryState, frozenset[DeliveryState]] = {
    DeliveryState.PENDING: frozenset(
        {
            DeliveryState.RETRYING,
            DeliveryState.SENT,
            DeliveryState.DELIVERED,
            DeliveryState.FAILED,
        }
    ),
    DeliveryState.RETRYING: frozenset(
        {
            DeliveryState.RETRYING,
            DeliveryState.SENT,
            DeliveryState.DELIVERED,
            DeliveryState.FAILED,
        }
    ),
    DeliveryState.SENT: frozenset(
        {
            DeliveryState.PENDING,
            DeliveryState.RETRYING,
            DeliveryState.SENT,
            DeliveryState.DELIVERED,
            DeliveryState.FAILED,
        }
    ),
    # A commitment may come after it was given up waiting for.
    DeliveryState.FAILED: frozenset({DeliveryState.PENDING, DeliveryState.DELIVERED}),
    # Something is added to what was delivered: an object that the gate had held back.
    DeliveryState.DELIVERED: frozenset({DeliveryState.PENDING}),
}


def standing_of(state: DeliveryState, proven: Proven) -> str:
    """Return where a delivery stands, in a word for people: what is delivered was sent at least."""
    if state is DeliveryState.DELIVERED:
        return proven.value or DeliveryState.SENT.value
    if state is not DeliveryState.SENT and proven in _LACKING:
        return proven.value
    return state.value


# States in which there is something to be sent.
WAITING = (DeliveryState.PENDING, DeliveryState.RETRYING)
# States in which the destination has taken everything.
ARRIVED = (DeliveryState.SENT, DeliveryState.DELIVERED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The sending of one evidence set of a job's evidence to one destination.

    ``stored`` are the SOP Instance UIDs that the destination has: they are not sent again.
    ``proven`` is what it has shown of them, and ``disproofs`` how often it showed the contrary.
    """

    delivery_id: str
    job_id: str
    destination: str
    state: DeliveryState
    attempts: int
    created_at: datetime
    last_error: str = ""
    evidence_set: EvidenceSet = EvidenceSet.RESULT
    urgent: bool = False
    stored: tuple[str, ...] = ()
    next_try_at: datetime | None = None
    proven: Proven = Proven.NOTHING
    disproofs: int = 0

    @property
    def standing(self) -> str:
        """Where it stands, in a word for people: sent, committed, not committed…"""
        return standing_of(self.state, self.proven)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A destination that is down: since when, why, and how many deliveries wait for it."""

    destination: str
    since: datetime
    error: str
    waiting: int

    @property
    def words(self) -> str:
        """What waits, and what the destination said."""
        waiting = "1 delivery waits" if self.waiting == 1 else f"{self.waiting} deliveries wait"
        return f"{waiting}: {self.error}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Exponential back-off with jitter, for as long as ``give_up_after`` allows."""

    first_delay: timedelta = timedelta(seconds=5)
    factor: float = 2.0
    longest_delay: timedelta = timedelta(minutes=10)
    jitter: float = 0.2
    give_up_after: timedelta = timedelta(days=3)

    @property
    def most_attempts(self) -> int:
        """After how many failures ``give_up_after`` has passed; no clock is asked."""
        attempts, waited = 0, timedelta()
        while waited < self.give_up_after:
            attempts += 1
            waited += self.delay(attempts, 0.5)
        return attempts

    def delay(self, attempts: int, chance: float) -> timedelta:
        """Return how long to wait after ``attempts`` failures.

        ``chance``, 0 to 1, is the caller's random draw: it spreads retries by ``jitter`` on either
        side, so that destinations that come back are not met by everything at once.
        """
        # 2**40 times any first delay is beyond any longest delay: no need to compute more.
        growth = self.factor ** min(attempts - 1, 40)
        plain = min(self.first_delay * growth, self.longest_delay)
        return plain * (1 + self.jitter * (2 * chance - 1))


def deliveries(count: int) -> str:
    """Return a number of deliveries as people read it."""
    return f"{count} {'delivery' if count == 1 else 'deliveries'}"
