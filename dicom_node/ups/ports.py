"""What the DICOM worklist needs from the rest of the node."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from dicom_node.domain.procedure_step import ProcedureStep, StepReference, StepState
from dicom_node.query.matching import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class StepQuery:
    """What a store narrows a search by; empty holds for all.

    A store may return more than asked for, never less: the rest is matched on the data sets.
    ``subject`` is what is asked of the study that a step is about, by the columns of
    ``dicom_node.query.keys``.
    """

    uids: tuple[str, ...] = ()
    study_instance_uids: tuple[str, ...] = ()
    states: frozenset[StepState] = frozenset()
    subject: Mapping[str, Key] = field(default_factory=dict)
    scheduled_from: datetime | None = None
    scheduled_until: datetime | None = None


EVERY_STEP = StepQuery()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStanding:
    """The state of a step, and of which study it is."""

    uid: str
    study_instance_uid: str
    state: StepState


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a step ends: its state, what it says then, and the step that takes its place, if any."""

    state: StepState
    attributes: Mapping[str, Any]
    successor: ProcedureStep | None = None


class StepStore(Protocol):
    """Procedure steps; every change is conditional on the step being as it was read."""

    def steps(self, wanted: StepQuery = EVERY_STEP) -> Iterator[ProcedureStep]:
        """Yield steps, most urgent first, then oldest first."""
        ...

    def step(self, uid: str) -> ProcedureStep | None:
        """Return one step."""
        ...

    def current(self, item_id: str) -> ProcedureStep | None:
        """Return the step that stands for a review item now."""
        ...

    def references(
        self, step: ProcedureStep
    ) -> tuple[tuple[StepReference, ...], tuple[StepReference, ...]]:
        """Return the objects that a step takes in, and those that came of it."""
        ...

    def add(self, step: ProcedureStep) -> bool:
        """Keep a new step that stands for no review item; False when its UID is taken."""
        ...

    def lock(
        self, step: ProcedureStep, *, transaction_uid: str, performer: str, at: datetime
    ) -> bool:
        """Lock a scheduled step; False when somebody else was faster."""
        ...

    def update(self, step: ProcedureStep, attributes: Mapping[str, Any], *, at: datetime) -> bool:
        """Set what a step says; False when it changed meanwhile."""
        ...

    def end(self, step: ProcedureStep, ending: Ending, *, at: datetime) -> bool:
        """End a step, and put its successor in its place; False when it changed meanwhile."""
        ...

    def locked(self) -> tuple[ProcedureStep, ...]:
        """Return the steps that performers have locked."""
        ...

    def standing(self) -> Mapping[str, StepStanding]:
        """Return how all steps stand that are not over, or have just been, by their UIDs."""
        ...

    def settle(self) -> int:
        """Write down which steps are over, because what they follow is; return how many."""
        ...


class Analyses(Protocol):
    """Lets a study be analysed again."""

    def ask(self, study_instance_uid: str, *, requester: str) -> int | None:
        """Open a study for another analysis; return which revision it will be.

        A study that only the archive has is fetched first, as one of the requester's. None when
        the node does not have the study and asks no archive for it.
        """
        ...
