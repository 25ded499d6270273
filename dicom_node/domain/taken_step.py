"""Steps of somebody else's worklist that the node performs (IHE AIW-I, PS3.4 Annex CC)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class TakenState(StrEnum):
    """How far the node is with a step."""

    CLAIMING = "claiming"
    """It is about to be claimed, or was: the manager's answer is not known yet."""
    ANALYSING = "analysing"
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenStep:
    """One step; ``transaction_uid`` is the node's key to it.

    ``asked_revision`` is which revision of the study its analysis is, ``reason`` what went wrong.
    """

    uid: str
    manager: str
    transaction_uid: str
    state: TakenState
    taken_at: datetime
    study_instance_uid: str = ""
    asked_revision: int = 0
    reason: str = ""


class TakenBook(Protocol):
    """Steps that the node performs, durable."""

    def keep(self, step: TakenStep) -> None:
        """Record a step, or how far the node is with it."""

    def forget(self, uid: str) -> None:
        """Forget a step that another performer was faster with."""

    def open(self) -> tuple[TakenStep, ...]:
        """Return the steps that are not over, those taken first first."""

    def known(self, uid: str) -> bool:
        """Whether the node has, or had, a step."""
