"""How long, and when, others that are away are tried again."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from dicom_node.domain.delivery import RetryPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """A policy of retries, and the clock that it goes by."""

    policy: RetryPolicy
    clock: Callable[[], datetime]

    def is_over(self, attempts: int) -> bool:
        """Whether it has been tried for long enough, after failing once more."""
        return attempts >= self.policy.most_attempts

    def next_try(self, attempts: int) -> datetime:
        """Return when to try again after failing once more; no jitter, as few things wait here."""
        return self.clock() + self.policy.delay(attempts + 1, 0.5)
