"""Studies that somebody wants analysed and only an archive has: fetched, then received as any."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class WantedState(StrEnum):
    """Where the fetching of a study stands."""

    WAITING = "waiting"
    FETCHED = "fetched"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedStudy:
    """A study to be fetched; ``sender`` is whose study it is then, and ``archive`` who has it."""

    study_instance_uid: str
    archive: str
    sender: str
    state: WantedState = WantedState.WAITING
    attempts: int = 0
    reason: str = ""


class WantedBook(Protocol):
    """Studies to be fetched, durable."""

    def want(self, wanted: WantedStudy, *, at: datetime) -> None:
        """Record that a study is wanted, again too."""

    def wanted(self, study_instance_uid: str) -> WantedStudy | None:
        """Return what became of a study that was wanted."""

    def due(self, now: datetime) -> tuple[WantedStudy, ...]:
        """Return the studies to be fetched now, those wanted first first."""

    def settle(self, study_instance_uid: str, state: WantedState, reason: str = "") -> None:
        """Record how the fetching of a study ended."""

    def postpone(self, study_instance_uid: str, reason: str, *, not_before: datetime) -> None:
        """Take note that a study could not be fetched for now."""
