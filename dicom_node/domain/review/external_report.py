"""Reports of other workstations that speak of the node's results."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalReport:
    """A received report on a review item, and what came of it: ``message`` says why not closed."""

    sop_instance_uid: str
    item_id: str
    study_instance_uid: str
    path: str
    closed: bool
    message: str
    seen_at: datetime

    @property
    def outcome(self) -> str:
        """Which report it is, and what came of it."""
        came_of_it = "closed the item" if self.closed else self.message
        return f"{self.sop_instance_uid}: {came_of_it}"
