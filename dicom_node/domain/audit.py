"""Who changed what, and when."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One entry of the audit trail: ``detail`` is what it was changed to, or what was asked."""

    at: datetime
    actor: str
    action: str
    subject: str
    detail: Any
