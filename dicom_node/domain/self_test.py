"""A node's test of itself: a synthetic study round the corridor, and how long each stage took."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTime:
    """How long one stage took, in seconds."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTestResult:
    """How a self-test ended: ``problem`` says why it did not, and is empty where it did."""

    at: datetime
    seconds: float
    stages: tuple[StageTime, ...] = ()
    problem: str = ""

    @property
    def passed(self) -> bool:
        """Whether a result came back."""
        return not self.problem
