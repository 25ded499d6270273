"""Results that break a rule of the Standard and were held back, not sent: another chance."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from dicom_node.administration.studies import Trail
from dicom_node.domain.evidence import EvidenceObject
from sr_templates.evidence_kind import EvidenceKind


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenAgain:
    """How many held objects pass now, how many jobs make theirs anew, and how many stay held."""

    released: int
    reopened: int
    kept: int


class HeldBook(Protocol):
    """What is held."""

    def held(
        self, study_instance_uid: str = "", limit: int = 1000
    ) -> tuple[tuple[EvidenceObject, str], ...]:
        """Return held objects with their studies."""

    def held_counts(self) -> dict[EvidenceKind, int]:
        """Return how many objects are held, by kind."""


class HeldResults:
    """Counts and lists what is held, and has it checked again."""

    def __init__(
        self,
        book: HeldBook,
        *,
        look_again: Callable[[str], SeenAgain],
        trail: Trail,
        clock: Callable[[], datetime],
    ) -> None:
        """Keep the parts; ``look_again`` checks what is held of a study, or of all."""
        self._book = book
        self._look_again = look_again
        self._trail = trail
        self._clock = clock

    def count(self) -> int:
        """Return how many objects are held."""
        return sum(self._book.held_counts().values())

    def first(self, limit: int) -> tuple[tuple[EvidenceObject, str], ...]:
        """Return the objects that are held for longest, each with its study."""
        return self._book.held(limit=limit)

    def look_again(self, *, actor: str, study_instance_uid: str = "") -> SeenAgain:
        """Check what is held again: what passes is sent, the rest is made anew where it can be."""
        seen = self._look_again(study_instance_uid)
        detail = {"released": seen.released, "reopened": seen.reopened, "kept": seen.kept}
        self._trail.note(
            "evidence retry",
            study_instance_uid or "held results",
            detail,
            actor=actor,
            at=self._clock(),
        )
        return seen
