"""What goes through the node: what arrived, what waits, what failed; by sender and destination."""

from dataclasses import dataclass
from datetime import datetime

from dicom_node.domain.study import StudyState


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderTraffic:
    """What one sender has brought within a period; ``states`` counts its studies by state."""

    sender: str
    states: dict[StudyState, int]
    images: int
    last_received_at: datetime

    @property
    def studies(self) -> int:
        """How many studies."""
        return sum(self.states.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationTraffic:
    """What goes to one destination.

    ``delivered`` are the deliveries of the period that are done, ``unproven`` those of any time
    that it took without having shown that it keeps them, ``waiting`` those of any time that
    are not, the oldest since ``waiting_since``, ``failed`` those that were given up.
    ``last_error`` is what the destination, or the way to it, said last.
    """

    destination: str
    delivered: int = 0
    unproven: int = 0
    waiting: int = 0
    waiting_since: datetime | None = None
    failed: int = 0
    last_error: str = ""
