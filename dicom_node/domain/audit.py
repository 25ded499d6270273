"""Who changed what, and when."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change: ``detail`` is what it was changed to, or what was asked; ``before`` what it was.

    ``before`` is None where there was nothing, or nothing that is kept: neither holds a secret.
    """

    at: datetime
    actor: str
    action: str
    subject: str
    detail: Any
    before: Any = None
