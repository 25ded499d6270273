"""The Unified Procedure Step service, whatever carries its requests (PS3.4 Annex CC).

Every request ends in a status: returned when it was performed (with a warning, perhaps), raised as
``StepRefusedError`` when it was not. A step's lock and its review item's claim are one: who locks
the step holds the item, so that the node's page and other workstations never work on the same one.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from dicom_node.domain.procedure_step import (
    REQUEST_FOR_STATE,
    ProcedureStep,
    StepKind,
    StepRequest,
    StepState,
    UpsStatus,
    status_of,
    step_number,
)
from dicom_node.domain.review.queue import (
    AlreadyDecidedError,
    AlreadyReadError,
    HeldByOtherError,
    ItemFilter,
    ReviewQueue,
    SupersededError,
)
from dicom_node.domain.review.review import Reviewer, ReviewerRole, ReviewState
from dicom_node.domain.subject import Subject
from dicom_node.errors import ConflictError
from dicom_node.query.errors import QueryTooWideError
from dicom_node.query.json_model import in_json
from dicom_node.query.matching import DatasetEntity, matches
from dicom_node.query.reading import Query
from dicom_node.query.selection import listed, selected
from dicom_node.ups.changes import (
    add_cancellation,
    attributes_of,
    merged,
    replacing,
)
from dicom_node.ups.errors import StepRefusedError
from dicom_node.ups.events import StepEvents
from dicom_node.ups.modality_worklist import modality_worklist_dataset
from dicom_node.ups.narrowing import modality_query, step_query
from dicom_node.ups.ports import Analyses, Ending, StepStore
from dicom_node.ups.presentation import Station, ups_dataset
from dicom_node.ups.requesting import is_uid, kind_of, study_of
from dicom_node.ups.requirements import (
    check_completion,
    check_creation,
    check_update,
    settable,
)
from dicom_node.ups.subscriptions import Receiver

# Steps of one query that its keys leave to be looked at, at half a millisecond each.
MOST_LOOKED_AT = 50_000
Wanted = Callable[[], bool]
"""Tells whether who asked still waits for answers."""

_LOG = logging.getLogger(__name__)
_REFUSED_CLAIMS: tuple[tuple[type[ConflictError], UpsStatus], ...] = (
    (HeldByOtherError, UpsStatus.ALREADY_IN_PROGRESS),
    (AlreadyDecidedError, UpsStatus.NO_LONGER_UPDATABLE),
    (SupersededError, UpsStatus.NO_LONGER_UPDATABLE),
    (AlreadyReadError, UpsStatus.NOT_AUTHORIZED),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """What became of a request to create a step."""

    uid: str
    status: UpsStatus


class ProcedureSteps:
    """The steps of the node; ``performer`` is always the AE title of who asks."""

    def __init__(
        self,
        *,
        store: StepStore,
        review_queue: ReviewQueue,
        analyses: Analyses,
        station: Station,
        clock: Callable[[], datetime],
        lock_time: timedelta = timedelta(hours=8),
        events: StepEvents | None = None,
    ) -> None:
        """Take the parts; without ``events`` nobody may subscribe."""
        self._events = events
        self._store = store
        self._review_queue = review_queue
        self._analyses = analyses
        self._station = station
        self._clock = clock
        self._lock_time = lock_time

    def find(self, query: Query, *, wanted: Wanted = lambda: True) -> Iterator[Dataset]:
        """Yield the steps that match, with what was asked for (PS3.4 Section CC.2.8).

        Raises
        ------
        QueryTooWideError
            More steps than are for one query are looked at, and not all.
        """
        with_references = "InputInformationSequence" in query.asked
        shown = (
            self._dataset(step, references=with_references)
            for step in _looked_at(self._store.steps(step_query(query.keys)), wanted)
        )
        return _matching(shown, query)

    def find_modality_worklist(
        self, query: Query, *, wanted: Wanted = lambda: True
    ) -> Iterator[Dataset]:
        """Yield waiting review items as Modality Worklist items (PS3.4 Section K.4).

        Raises
        ------
        QueryTooWideError
            As for ``find``.
        """
        shown = (
            modality_worklist_dataset(step, self._dataset(step, references=False), self._station)
            for step in _looked_at(self._store.steps(modality_query(query.keys)), wanted)
        )
        return _matching((each for each in shown if each is not None), query)

    def get(self, uid: str, tags: tuple[BaseTag, ...] = ()) -> Dataset:
        """Return a step, or of it the attributes that ``tags`` names (PS3.4 Section CC.2.7).

        Raises
        ------
        StepRefusedError
            There is no such step (C307).
        """
        dataset = self._dataset(self._step(uid), references=True)
        return listed(dataset, tags) if tags else dataset

    def create(self, uid: str, dataset: Dataset, *, requester: str) -> Created:
        """Create a step: put a study up for review, or ask for its analysis (Section CC.2.5).

        Raises
        ------
        StepRefusedError
            The step exists (0111), or lacks what it needs, or the node does not have the study.
        """
        if not is_uid(uid):
            raise StepRefusedError(UpsStatus.INVALID_ATTRIBUTE_VALUE, "the UID is not valid")
        if self._store.step(uid) is not None:
            raise StepRefusedError(UpsStatus.DUPLICATE_SOP_INSTANCE)
        check_creation(dataset)
        study = study_of(dataset)
        accepted = settable(dataset)
        if kind_of(dataset) is StepKind.ANALYSIS:
            self._create_analysis(uid, study, accepted.attributes, requester)
        else:
            self._create_review(uid, study, accepted.attributes, requester)
        self._look()
        _LOG.info("step created step=%s study=%s requester=%s", uid, study, requester)
        changed = bool(accepted.left_out) or bool(dataset.get("TransactionUID"))
        return Created(
            uid=uid, status=UpsStatus.CREATED_WITH_MODIFICATIONS if changed else UpsStatus.SUCCESS
        )

    def update(
        self, uid: str, dataset: Dataset, *, transaction_uid: str, performer: str
    ) -> UpsStatus:
        """Set attributes of a step (PS3.4 Section CC.2.6).

        Raises
        ------
        StepRefusedError
            The step is unknown, final, or in progress under another Transaction UID.
        """
        step = self._step(uid)
        self._check(StepRequest.UPDATE, step, transaction_uid)
        check_update(dataset)
        accepted = settable(dataset)
        attributes = merged(step, accepted.attributes)
        if not self._store.update(step, in_json(attributes), at=self._clock()):
            raise StepRefusedError(
                UpsStatus.PROCESSING_FAILURE, "the step changed meanwhile: read it and try again"
            )
        if step.is_locked:
            self._hold(step)
        if self._events is not None:
            self._events.updated(uid, accepted.attributes)
        _LOG.info("step updated step=%s performer=%s", uid, performer)
        return UpsStatus.ATTRIBUTES_NOT_SUPPORTED if accepted.left_out else UpsStatus.SUCCESS

    def change_state(
        self, uid: str, state: str, *, transaction_uid: str, performer: str
    ) -> UpsStatus:
        """Change the state of a step (PS3.4 Section CC.2.1).

        Raises
        ------
        StepRefusedError
            PS3.4 Table CC.1.1-2 does not allow it; the status says why.
        """
        if state not in set(StepState):
            raise StepRefusedError(UpsStatus.INVALID_ATTRIBUTE_VALUE, "there is no such state")
        step = self._step(uid)
        request = REQUEST_FOR_STATE[StepState(state)]
        status = self._check(request, step, transaction_uid)
        if status is not UpsStatus.SUCCESS:
            return status
        if request is StepRequest.CLAIM:
            self._claim(step, transaction_uid, performer)
        elif request is StepRequest.COMPLETE:
            self._complete(step)
        else:
            self._cancel(step, "")
        self._look()
        _LOG.info("step %s step=%s performer=%s", state.lower(), uid, performer)
        return status

    def request_cancel(self, uid: str, dataset: Dataset, *, requester: str) -> UpsStatus:
        """Cancel a step that this requester asked for, and nobody has begun (Section CC.2.2).

        The performer of one that has begun is told of the request, and decides.

        Raises
        ------
        StepRefusedError
            It is completed (C311); its performer has not subscribed to it (C312); or the node,
            whose step it is, keeps it: a result waits until somebody decides it (C313).
        """
        step = self._step(uid)
        status = self._check(StepRequest.REQUEST_CANCEL, step, "")
        if status is not UpsStatus.SUCCESS:
            return status
        if step.is_locked:
            if self._events and self._events.cancel_requested(step, dataset, requester):
                _LOG.info("cancellation asked for step=%s requester=%s", uid, requester)
                return status
            raise StepRefusedError(UpsStatus.PERFORMER_UNREACHABLE)
        if step.state is not StepState.SCHEDULED or step.requester != requester:
            raise StepRefusedError(UpsStatus.PERFORMER_CHOOSES_NOT_TO_CANCEL)
        self._cancel(step, str(dataset.get("ReasonForCancellation") or ""))
        self._look()
        _LOG.info("step canceled on request step=%s requester=%s", uid, requester)
        return status

    def keep_locks(self) -> None:
        """Hold what performers have locked; end locks that were not used for too long.

        Steps whose review was decided elsewhere, or whose analysis has ended, are marked as over.
        To be called more often than claims expire.
        """
        now = self._clock()
        for step in self._store.locked():
            if now - step.modified_at > self._lock_time:
                _LOG.warning("lock expired step=%s performer=%s", step.uid, step.performer)
                self._cancel(step, "The performer's lock expired")
            else:
                self._hold(step)
        self._look()
        self._store.settle()

    def subscribe(self, uid: str, receiver: Receiver, dataset: Dataset) -> None:
        """Tell a receiver what becomes of a step, or of steps at large (Section CC.2.3).

        Raises
        ------
        StepRefusedError
            Nobody can subscribe here (C315), or as for ``StepEvents.subscribe``.
        """
        lock = str(dataset.get("DeletionLock") or "").upper() == "TRUE"
        self._reporting().subscribe(uid, receiver, dataset, deletion_lock=lock)

    def unsubscribe(self, uid: str, receiver: Receiver) -> None:
        """Tell a receiver no more of a step, or of any.

        Raises
        ------
        StepRefusedError
            As for ``StepEvents.unsubscribe``.
        """
        self._reporting().unsubscribe(uid, receiver)

    def suspend(self, uid: str, receiver: Receiver) -> None:
        """Tell a receiver of all steps of no more new ones.

        Raises
        ------
        StepRefusedError
            As for ``StepEvents.suspend``.
        """
        self._reporting().suspend(uid, receiver)

    def _reporting(self) -> StepEvents:
        if self._events is None:
            raise StepRefusedError(UpsStatus.NO_EVENT_REPORTS)
        return self._events

    def _look(self) -> None:
        if self._events is not None:
            self._events.look()

    def _create_review(self, uid: str, study: str, attributes: Dataset, requester: str) -> None:
        waiting = self._review_queue.items(ItemFilter(study_instance_uid=study)).items
        if not waiting:
            raise StepRefusedError(
                UpsStatus.INVALID_ATTRIBUTE_VALUE, "no result of this study waits for review"
            )
        # A study may wait for several reviews, one for each model's result.
        steps = [self._store.current(each.item_id) for each in waiting]
        idle = [each for each in steps if each is not None and each.state is StepState.SCHEDULED]
        if not idle:
            raise StepRefusedError(
                UpsStatus.PROCESSING_FAILURE, "the result of this study is being reviewed"
            )
        taken = next((each for each in idle if not each.requester), None)
        if taken is None:
            raise StepRefusedError(
                UpsStatus.DUPLICATE_SOP_INSTANCE, "another step asks for this review already"
            )
        successor = replace(
            taken,
            uid=uid,
            round=taken.round + 1,
            requester=requester,
            attributes=in_json(replacing(taken, attributes)),
        )
        self._end(taken, StepState.CANCELED, "Replaced by a request", successor)

    def _create_analysis(self, uid: str, study: str, attributes: Dataset, requester: str) -> None:
        revision = self._analyses.ask(study, requester=requester)
        if revision is None:
            raise StepRefusedError(
                UpsStatus.INVALID_ATTRIBUTE_VALUE, "the node does not have the images of this study"
            )
        now = self._clock()
        step = ProcedureStep(
            uid=uid,
            kind=StepKind.ANALYSIS,
            study_instance_uid=study,
            subject=Subject(study_instance_uid=study),
            state=StepState.IN_PROGRESS,
            scheduled_at=now,
            modified_at=now,
            requester=requester,
            asked_revision=revision,
            attributes=in_json(attributes),
        )
        if not self._store.add(step):
            raise StepRefusedError(UpsStatus.DUPLICATE_SOP_INSTANCE)

    def _claim(self, step: ProcedureStep, transaction_uid: str, performer: str) -> None:
        if not is_uid(transaction_uid):
            raise StepRefusedError(UpsStatus.WRONG_TRANSACTION_UID)
        if step.item is not None:
            try:
                self._review_queue.claim(step.item.item_id, _reviewer(performer))
            except ConflictError as error:
                raise StepRefusedError(_claim_status(error), str(error)) from error
        locked = self._store.lock(
            step, transaction_uid=transaction_uid, performer=performer, at=self._clock()
        )
        if locked:
            return
        now = self._store.step(step.uid)
        if now is None or not now.is_locked or now.performer != performer:
            self._release(replace(step, performer=performer))
        raise StepRefusedError(UpsStatus.ALREADY_IN_PROGRESS)

    def _complete(self, step: ProcedureStep) -> None:
        check_completion(attributes_of(step))
        if step.item is None or not self._has_verdict(step):
            raise StepRefusedError(
                UpsStatus.FINAL_STATE_REQUIREMENTS, "no verified report has been received"
            )
        item = self._review_queue.item(step.item.item_id)
        again = self._next_round(step) if item.is_open else None
        self._end(step, StepState.COMPLETED, "", again)
        self._release(step)

    def _cancel(self, step: ProcedureStep, reason: str) -> None:
        item = self._review_queue.item(step.item.item_id) if step.item else None
        again = self._next_round(step) if item is not None and item.is_open else None
        self._end(step, StepState.CANCELED, reason, again)
        self._release(step)

    def _end(
        self,
        step: ProcedureStep,
        state: StepState,
        reason: str,
        successor: ProcedureStep | None,
    ) -> None:
        attributes = attributes_of(step)
        if state is StepState.CANCELED:
            add_cancellation(attributes, self._clock(), reason)
        ending = Ending(state=state, attributes=in_json(attributes), successor=successor)
        if not self._store.end(step, ending, at=self._clock()):
            raise StepRefusedError(
                UpsStatus.PROCESSING_FAILURE, "the step changed meanwhile: read it and try again"
            )

    def _next_round(self, step: ProcedureStep) -> ProcedureStep:
        assert step.item is not None  # noqa: S101 - only review items have rounds
        number = step.round + 1
        return replace(
            step,
            uid=f"2.25.{step_number(step.item.item_id, number)}",
            round=number,
            state=StepState.SCHEDULED,
            transaction_uid="",
            performer="",
            locked_at=None,
            requester="",
            attributes=in_json(replacing(step, Dataset())),
        )

    def _has_verdict(self, step: ProcedureStep) -> bool:
        """Whether a verdict came while the step was locked: the second reader's is another's."""
        assert step.item is not None  # noqa: S101 - asked of review items only
        if self._review_queue.item(step.item.item_id).state is ReviewState.DECIDED:
            return True
        since = step.locked_at
        return since is not None and any(
            each.decided_at is not None and each.decided_at >= since
            for each in self._review_queue.readings(step.item.item_id)
        )

    def _hold(self, step: ProcedureStep) -> None:
        if step.item is None or not self._review_queue.item(step.item.item_id).is_open:
            return
        try:
            self._review_queue.claim(step.item.item_id, _reviewer(step.performer))
        except ConflictError as error:
            # The performer keeps its lock; what it stores is weighed against the item's state.
            _LOG.warning("claim not held step=%s reason=%s", step.uid, type(error).__name__)

    def _release(self, step: ProcedureStep) -> None:
        if step.item is not None and step.performer:
            self._review_queue.release(step.item.item_id, _reviewer(step.performer))

    def _step(self, uid: str) -> ProcedureStep:
        step = self._store.step(uid)
        if step is None:
            raise StepRefusedError(UpsStatus.UNKNOWN_STEP)
        return step

    def _check(self, request: StepRequest, step: ProcedureStep, transaction_uid: str) -> UpsStatus:
        status = status_of(request, step, transaction_uid)
        if status.is_failure:
            raise StepRefusedError(status)
        return status

    def _dataset(self, step: ProcedureStep, *, references: bool) -> Dataset:
        inputs, outputs = self._store.references(step) if references else ((), ())
        return ups_dataset(step, self._station, inputs, outputs)


def _looked_at(steps: Iterable[ProcedureStep], wanted: Wanted) -> Iterator[ProcedureStep]:
    """Yield steps for as long as somebody waits for an answer, and no more than are for a query."""
    for count, step in enumerate(steps):
        if not wanted():
            return
        if count >= MOST_LOOKED_AT:
            raise QueryTooWideError(f"only {count} steps were looked at: narrow the query")
        yield step


def _matching(datasets: Iterable[Dataset], query: Query) -> Iterator[Dataset]:
    conditions = query.conditions
    return (
        selected(each, query.asked) for each in datasets if matches(DatasetEntity(each), conditions)
    )


def _reviewer(performer: str) -> Reviewer:
    """Return a workstation as a reviewer: it claims, and verifies by the report that it stores."""
    return Reviewer(
        user_name=f"ae:{performer}",
        person_name=performer,
        organisation="",
        role=ReviewerRole.ATTESTOR,
    )


def _claim_status(error: ConflictError) -> UpsStatus:
    fitting = (status for kind, status in _REFUSED_CLAIMS if isinstance(error, kind))
    return next(fitting, UpsStatus.PROCESSING_FAILURE)
