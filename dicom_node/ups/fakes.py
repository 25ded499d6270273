"""Working stand-ins for the ports, in memory, for tests and trials."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import Lock
from typing import Any

from dicom_node.domain.procedure_step import (
    STATE_OF_ITEM,
    ProcedureStep,
    StepKind,
    StepReference,
    StepState,
    step_number,
)
from dicom_node.domain.review.queue import ItemFilter, ReviewQueue
from dicom_node.domain.review.review import ReviewItem, ReviewState
from dicom_node.domain.subject import Subject
from dicom_node.ups.ports import EVERY_STEP, Ending, StepQuery, StepStanding


@dataclass(slots=True)
class FakeSteps:
    """A store of steps over a worklist; ``subjects`` says by study who it is of."""

    review_queue: ReviewQueue
    subjects: dict[str, Subject] = field(default_factory=dict)
    rows: dict[str, ProcedureStep] = field(default_factory=dict)
    now_current: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, tuple[StepReference, ...]] = field(default_factory=dict)
    _one_at_a_time: Lock = field(default_factory=Lock)

    def steps(self, wanted: StepQuery = EVERY_STEP) -> Iterator[ProcedureStep]:
        """Yield every step: narrowing is for stores that have indexes."""
        every = ItemFilter(states=frozenset(ReviewState))
        for item in self.review_queue.items(every).items:
            found = self.current(item.item_id)
            if found is not None:
                yield found
        for row in tuple(self.rows.values()):
            if row.uid not in self.now_current.values():
                yield self._shown(row)

    def step(self, uid: str) -> ProcedureStep | None:
        """Return one step."""
        if uid in self.rows:
            return self._shown(self.rows[uid])
        return next((each for each in self.steps() if each.uid == uid), None)

    def current(self, item_id: str) -> ProcedureStep | None:
        """Return the step that stands for a review item now."""
        if item_id in self.now_current:
            return self._shown(self.rows[self.now_current[item_id]])
        return self._first(self.review_queue.item(item_id))

    def references(
        self, step: ProcedureStep
    ) -> tuple[tuple[StepReference, ...], tuple[StepReference, ...]]:
        """Return the objects that a step takes in; nothing came of it."""
        return self.inputs.get(step.study_instance_uid, ()), ()

    def add(self, step: ProcedureStep) -> bool:
        """Keep a new step."""
        with self._one_at_a_time:
            return self.rows.setdefault(step.uid, step) is step

    def lock(
        self, step: ProcedureStep, *, transaction_uid: str, performer: str, at: datetime
    ) -> bool:
        """Lock a scheduled step."""
        locked = replace(
            step,
            state=StepState.IN_PROGRESS,
            transaction_uid=transaction_uid,
            performer=performer,
            locked_at=at,
            modified_at=at,
        )
        return self._keep(step, locked)

    def update(self, step: ProcedureStep, attributes: Mapping[str, Any], *, at: datetime) -> bool:
        """Set what a step says."""
        return self._keep(step, replace(step, attributes=attributes, modified_at=at))

    def end(self, step: ProcedureStep, ending: Ending, *, at: datetime) -> bool:
        """End a step, and put its successor in its place."""
        ended = replace(step, state=ending.state, attributes=ending.attributes, modified_at=at)
        if not self._keep(step, ended):
            return False
        if ending.successor is not None and ending.successor.item is not None:
            self.rows[ending.successor.uid] = ending.successor
            self.now_current[ending.successor.item.item_id] = ending.successor.uid
        return True

    def locked(self) -> tuple[ProcedureStep, ...]:
        """Return the steps that performers have locked."""
        return tuple(each for each in map(self._shown, self.rows.values()) if each.is_locked)

    def standing(self) -> Mapping[str, StepStanding]:
        """Return how all steps stand that are not over."""
        return {
            each.uid: StepStanding(
                uid=each.uid, study_instance_uid=each.study_instance_uid, state=each.state
            )
            for each in self.steps()
            if not each.state.is_final
        }

    def settle(self) -> int:
        """Write down which steps are over."""
        shown = {uid: self._shown(row) for uid, row in self.rows.items()}
        over = {uid: each for uid, each in shown.items() if each.state.is_final}
        settled = [uid for uid in over if not self.rows[uid].state.is_final]
        self.rows |= over
        return len(settled)

    def _keep(self, before: ProcedureStep, after: ProcedureStep) -> bool:
        with self._one_at_a_time:
            kept = self.rows.get(before.uid)
            unchanged = kept is None or (
                kept.transaction_uid == before.transaction_uid
                and kept.modified_at == before.modified_at
            )
            if kept is None and before.item is not None:
                unchanged = before.item.item_id not in self.now_current
            if unchanged:
                self.rows[after.uid] = after
                if after.item is not None:
                    self.now_current.setdefault(after.item.item_id, after.uid)
            return unchanged

    def _first(self, item: ReviewItem) -> ProcedureStep:
        study = item.study_instance_uid
        return ProcedureStep(
            uid=f"2.25.{step_number(item.item_id, 0)}",
            kind=StepKind.REVIEW,
            study_instance_uid=study,
            subject=self.subjects.get(study, Subject(study_instance_uid=study)),
            state=STATE_OF_ITEM[item.state],
            scheduled_at=item.received_at,
            modified_at=item.created_at,
            item=item,
        )

    def _shown(self, row: ProcedureStep) -> ProcedureStep:
        if row.item is None or row.transaction_uid or row.state.is_final:
            return row
        item = self.review_queue.item(row.item.item_id)
        return replace(row, item=item, state=STATE_OF_ITEM[item.state])


@dataclass(slots=True)
class FakeAnalyses:
    """Remembers which studies were asked for; ``known`` are those that the node has."""

    known: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def ask(self, study_instance_uid: str, *, requester: str) -> int | None:
        """Note that a study is wanted again."""
        del requester
        if study_instance_uid not in self.known:
            return None
        self.asked.append(study_instance_uid)
        self.known[study_instance_uid] += 1
        return self.known[study_instance_uid]
