"""Procedure steps on the Hotbase: review items, and what requesters and performers made of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import MAXYEAR, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from dicom_node.domain.evidence import EvidenceSet
from dicom_node.domain.procedure_step import (
    STATE_OF_ITEM,
    ProcedureStep,
    StepKind,
    StepReference,
    StepState,
)
from dicom_node.domain.review.queue import ItemFilter, Page, ReviewQueue, Sort
from dicom_node.domain.review.review import OPEN_STATES, ReviewItem, ReviewState
from dicom_node.persistence.corridor.attribute_tables import STUDY_ATTRIBUTES
from dicom_node.persistence.corridor.subjects import subjects_of
from dicom_node.persistence.corridor.tables import (
    INSTANCES,
    JOBS,
    STUDIES,
)
from dicom_node.persistence.corridor.wanted_tables import WANTED_STUDIES
from dicom_node.persistence.review.rows import item_of
from dicom_node.persistence.review.tables import IS_OPEN, REVIEW_ITEMS
from dicom_node.persistence.ups.references import image_references, result_references
from dicom_node.persistence.ups.rows import (
    first_uid,
    item_id_of,
    shown_state,
    step_of_item,
    step_of_row,
    step_row,
)
from dicom_node.persistence.ups.settling import NOT_OVER, coming_of, settle, state_of_analysis
from dicom_node.persistence.ups.tables import PROCEDURE_STEPS
from dicom_node.query.sql import condition
from dicom_node.ups.ports import EVERY_STEP, Ending, StepQuery, StepStanding

_ITEMS, _STEPS, _STUDIES = REVIEW_ITEMS.c, PROCEDURE_STEPS.c, STUDY_ATTRIBUTES.c
_WANTED = WANTED_STUDIES.c
_PAGE = 200
# More studies than this match a patient's attributes: then the items are walked instead.
_FEW_STUDIES = 2000
_CHUNK = 500
_FINAL = tuple(state.value for state in StepState if state.is_final)
_ITEM_STATES: Mapping[StepState, frozenset[ReviewState]] = {
    # An expired claim counts as none, and only the clock knows which have expired.
    StepState.SCHEDULED: OPEN_STATES,
    StepState.IN_PROGRESS: frozenset({ReviewState.CLAIMED}),
    StepState.COMPLETED: frozenset({ReviewState.DECIDED}),
    StepState.CANCELED: frozenset({ReviewState.SUPERSEDED}),
}


class _ChangedMeanwhileError(Exception):
    """Somebody else has changed the step: what was begun is rolled back."""


class HotbaseSteps:
    """Procedure steps in the Hotbase; safe from several threads and processes."""

    def __init__(
        self,
        engine: sa.Engine,
        *,
        review_queue: ReviewQueue,
        clock: Callable[[], datetime],
    ) -> None:
        """Take what a store of steps needs.

        Parameters
        ----------
        review_queue
            The review items, page by page.
        """
        self._engine = engine
        self._review_queue = review_queue
        self._clock = clock

    def steps(self, wanted: StepQuery = EVERY_STEP) -> Iterator[ProcedureStep]:
        """Yield steps: what somebody asked for or holds, what waits by triage, and what is over."""
        if wanted.uids:
            found = (self.step(uid) for uid in wanted.uids)
            yield from (step for step in found if step is not None)
            return
        studies = self._studies(wanted)
        states = wanted.states or frozenset(StepState)
        yield from self._rows(NOT_OVER, studies)
        items = frozenset[ReviewState]().union(*(_ITEM_STATES[state] for state in states))
        for group in (items & OPEN_STATES, items - OPEN_STATES):
            if group and studies is None:
                yield from self._walked(group, wanted)
            elif group:
                yield from self._of_studies(group, studies or ())
        if finals := [state.value for state in states if state.is_final]:
            yield from self._rows(_STEPS.state.in_(finals), studies)

    def step(self, uid: str) -> ProcedureStep | None:
        """Return one step."""
        with self._read() as connection:
            row = _one(connection, sa.select(PROCEDURE_STEPS).where(_STEPS.uid == uid))
            if row is not None:
                return self._stored(connection, [row])[0]
            item_id = item_id_of(uid)
            return self._first(connection, item_id) if item_id else None

    def current(self, item_id: str) -> ProcedureStep | None:
        """Return the step that stands for a review item now."""
        query = sa.select(PROCEDURE_STEPS).where(
            _STEPS.item_id == item_id, _STEPS.is_current.is_(sa.true())
        )
        with self._read() as connection:
            row = _one(connection, query)
            if row is not None:
                return self._stored(connection, [row])[0]
            return self._first(connection, item_id)

    def references(
        self, step: ProcedureStep
    ) -> tuple[tuple[StepReference, ...], tuple[StepReference, ...]]:
        """Return the images and the model's results, and what came of the step."""
        with self._read() as connection:
            if step.item is None:
                images = INSTANCES.c.study_instance_uid == step.study_instance_uid
                return image_references(connection, images), result_references(
                    connection, _study_jobs(step)
                )
            job = JOBS.c.job_id == step.item.item_id
            uids = connection.scalar(sa.select(JOBS.c.sop_instance_uids).where(job)) or []
            inputs: list[StepReference] = []
            for start in range(0, len(uids), _CHUNK):
                some = INSTANCES.c.sop_instance_uid.in_(uids[start : start + _CHUNK])
                inputs += image_references(connection, some)
            inputs += result_references(connection, job, EvidenceSet.RESULT)
            return tuple(inputs), result_references(connection, job, EvidenceSet.VERDICT)

    def analysis(self, study_instance_uid: str, asked_revision: int) -> StepState:
        """Return how far the analysis of a study is, as one that was asked for."""
        row = {"state": StepState.IN_PROGRESS, "asked_revision": asked_revision}
        with self._read() as connection:
            study = _study_rows(connection, {study_instance_uid}).get(study_instance_uid)
            is_coming = bool(coming_of(connection, {study_instance_uid}))
        return state_of_analysis(row, study, is_coming=is_coming)

    def reason(self, study_instance_uid: str) -> str:
        """Return why nothing came of a study."""
        with self._read() as connection:
            study = _study_rows(connection, {study_instance_uid}).get(study_instance_uid)
        return str(study["reason"]) if study is not None else ""

    def results(self, study_instance_uid: str) -> tuple[StepReference, ...]:
        """Return the results of a study's analyses."""
        jobs = JOBS.c.study_instance_uid == study_instance_uid
        with self._read() as connection:
            return result_references(connection, jobs, EvidenceSet.RESULT)

    def add(self, step: ProcedureStep) -> bool:
        """Keep a new step that stands for no review item."""
        with self._engine.begin() as connection:
            return _inserted(connection, step, is_current=False)

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
        with self._engine.begin() as connection:
            return _written(connection, step, locked, is_current=True)

    def update(self, step: ProcedureStep, attributes: Mapping[str, Any], *, at: datetime) -> bool:
        """Set what a step says."""
        # The state of a step that nobody has locked is its item's, and none of the row.
        state = step.state if step.is_locked else StepState.SCHEDULED
        changed = replace(step, state=state, attributes=attributes, modified_at=at)
        with self._engine.begin() as connection:
            return _written(connection, step, changed, is_current=True)

    def end(self, step: ProcedureStep, ending: Ending, *, at: datetime) -> bool:
        """End a step, and put its successor in its place, in one transaction."""
        ended = replace(step, state=ending.state, attributes=ending.attributes, modified_at=at)
        try:
            with self._engine.begin() as connection:
                self._replace(connection, step, ended, ending.successor, at)
        except _ChangedMeanwhileError:
            return False
        return True

    def locked(self) -> tuple[ProcedureStep, ...]:
        """Return the steps that performers have locked."""
        query = sa.select(PROCEDURE_STEPS).where(
            _STEPS.state == StepState.IN_PROGRESS.value, _STEPS.transaction_uid != ""
        )
        with self._read() as connection:
            rows = [dict(each) for each in connection.execute(query).mappings()]
            return tuple(self._stored(connection, rows))

    def standing(self) -> Mapping[str, StepStanding]:
        """Return how all steps stand that are not over, or have just been, by their UIDs."""
        stored = {step.uid: _standing(step) for step in self._rows(NOT_OVER, None)}
        now = self._clock()
        touched = sa.exists().where(_STEPS.item_id == _ITEMS.item_id)
        query = sa.select(
            _ITEMS.item_id, _ITEMS.study_instance_uid, _ITEMS.state, _ITEMS.claimed_until
        ).where(IS_OPEN, ~touched)
        with self._read() as connection:
            untouched = [_standing_of_item(row, now) for row in connection.execute(query)]
        return {**{each.uid: each for each in untouched}, **stored}

    def settle(self) -> int:
        """Write down which steps are over, because their items or studies are; return how many.

        Their rows say so from then on, and no query need read them to find out.
        """
        with self._engine.begin() as connection:
            return settle(connection)

    def _replace(
        self,
        connection: sa.Connection,
        before: ProcedureStep,
        after: ProcedureStep,
        successor: ProcedureStep | None,
        at: datetime,
    ) -> None:
        if not _written(connection, before, after, is_current=successor is None):
            raise _ChangedMeanwhileError
        if successor is not None:
            placed = replace(successor, modified_at=at)
            if not _inserted(connection, placed, is_current=True):
                raise _ChangedMeanwhileError

    def _studies(self, wanted: StepQuery) -> tuple[str, ...] | None:
        """Return the studies that a query is about, or None where it may be about any."""
        if not wanted.subject:
            return wanted.study_instance_uids or None
        dialect = self._engine.dialect.name
        conditions = [
            condition(key, name, _STUDIES, dialect) for name, key in wanted.subject.items()
        ]
        query = sa.select(_STUDIES.study_instance_uid).where(*conditions).limit(_FEW_STUDIES + 1)
        if wanted.study_instance_uids:
            query = query.where(_STUDIES.study_instance_uid.in_(wanted.study_instance_uids))
        with self._read() as connection:
            found = tuple(connection.scalars(query))
        return found if len(found) <= _FEW_STUDIES else None

    def _walked(self, states: frozenset[ReviewState], wanted: StepQuery) -> Iterator[ProcedureStep]:
        """Yield page by page: whoever stops early has paid for little."""
        filtered = ItemFilter(
            states=states,
            received_from=wanted.scheduled_from,
            received_until=_second_later(wanted.scheduled_until),
        )
        after = ""
        while True:
            page = self._review_queue.items(filtered, Sort.TRIAGE, Page(size=_PAGE, after=after))
            yield from self._untouched(page.items)
            if not page.next:
                return
            after = page.next

    def _of_studies(
        self, states: frozenset[ReviewState], studies: tuple[str, ...]
    ) -> Iterator[ProcedureStep]:
        items: list[ReviewItem] = []
        with self._read() as connection:
            for start in range(0, len(studies), _CHUNK):
                query = sa.select(REVIEW_ITEMS).where(
                    _ITEMS.study_instance_uid.in_(studies[start : start + _CHUNK])
                )
                items += map(item_of, connection.execute(query).mappings())
        wanted = [item for item in items if item.state in states]
        yield from self._untouched(
            sorted(wanted, key=lambda item: (item.rank, item.received_at, item.item_id))
        )

    def _untouched(self, items: Sequence[ReviewItem]) -> list[ProcedureStep]:
        """Return the steps of those items that have no row of their own."""
        now = self._clock()
        with self._read() as connection:
            subjects = subjects_of(connection, {each.study_instance_uid for each in items})
            touched = _touched(connection, [each.item_id for each in items])
        return [
            step_of_item(item, subjects[item.study_instance_uid], now)
            for item in items
            if item.item_id not in touched
        ]

    def _rows(
        self, condition: sa.ColumnElement[bool], studies: tuple[str, ...] | None
    ) -> Iterator[ProcedureStep]:
        """Yield steps that have a row, newest request first, page by page."""
        query = sa.select(PROCEDURE_STEPS).where(condition)
        if studies is not None:
            query = query.where(_STEPS.study_instance_uid.in_(studies))
        query = query.order_by(_STEPS.scheduled_at.desc(), _STEPS.uid).limit(_CHUNK)
        page = query
        while True:
            with self._read() as connection:
                rows = [dict(each) for each in connection.execute(page).mappings()]
                steps = self._stored(connection, rows)
            yield from steps
            if len(rows) < _CHUNK:
                return
            page = query.where(_behind(rows[-1]))

    def _stored(
        self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]
    ) -> list[ProcedureStep]:
        """Return the steps of rows: one query for each of the tables that they rest on."""
        now = self._clock()
        subjects = subjects_of(connection, {row["study_instance_uid"] for row in rows})
        items = _items(connection, {row["item_id"] for row in rows if row["item_id"]})
        analyses = [row for row in rows if row["kind"] == StepKind.ANALYSIS.value]
        studies = _study_rows(connection, {row["study_instance_uid"] for row in analyses})
        coming = coming_of(connection, {row["study_instance_uid"] for row in analyses})
        steps = []
        for row in rows:
            study, item = row["study_instance_uid"], items.get(row["item_id"])
            is_analysis = row["kind"] == StepKind.ANALYSIS.value
            if is_analysis:
                state = state_of_analysis(row, studies.get(study), is_coming=study in coming)
            else:
                state = shown_state(row, item, now)
            steps.append(step_of_row(row, item, subjects[study], state))
        return steps

    def _first(self, connection: sa.Connection, item_id: str) -> ProcedureStep | None:
        item = _items(connection, {item_id}).get(item_id)
        if item is None:
            return None
        study = item.study_instance_uid
        return step_of_item(item, subjects_of(connection, {study})[study], self._clock())

    def _read(self) -> sa.Connection:
        return self._engine.connect().execution_options(read_only=True)


def _standing(step: ProcedureStep) -> StepStanding:
    return StepStanding(uid=step.uid, study_instance_uid=step.study_instance_uid, state=step.state)


def _standing_of_item(row: Any, now: datetime) -> StepStanding:
    """Return how a review item stands that nobody has touched over DICOM."""
    is_free = row.claimed_until is None or row.claimed_until <= now
    state = STATE_OF_ITEM[ReviewState(row.state)]
    return StepStanding(
        uid=first_uid(row.item_id),
        study_instance_uid=row.study_instance_uid,
        state=StepState.SCHEDULED if is_free else state,
    )


def _second_later(end: datetime | None) -> datetime | None:
    """Return an end with a margin: values on the wire have no fractions; None in the last year."""
    return end + timedelta(seconds=1) if end and end.year < MAXYEAR else None


def _one(connection: sa.Connection, query: sa.Select[Any]) -> Mapping[str, Any] | None:
    row = connection.execute(query).mappings().first()
    return dict(row) if row is not None else None


def _behind(row: Mapping[str, Any]) -> sa.ColumnElement[bool]:
    """Select what comes after a row where the newest request is first."""
    at = row["scheduled_at"]
    return sa.and_(
        _STEPS.scheduled_at <= at, sa.or_(_STEPS.scheduled_at < at, _STEPS.uid > row["uid"])
    )


def _items(connection: sa.Connection, item_ids: set[str]) -> dict[str, ReviewItem]:
    if not item_ids:
        return {}
    query = sa.select(REVIEW_ITEMS).where(_ITEMS.item_id.in_(item_ids))
    return {row["item_id"]: item_of(row) for row in connection.execute(query).mappings()}


def _study_rows(connection: sa.Connection, uids: set[str]) -> dict[str, Mapping[str, Any]]:
    if not uids:
        return {}
    query = sa.select(STUDIES).where(STUDIES.c.study_instance_uid.in_(uids))
    return {row["study_instance_uid"]: dict(row) for row in connection.execute(query).mappings()}


def _touched(connection: sa.Connection, item_ids: list[str]) -> set[str]:
    """Return which of the items have a row that stands for them."""
    query = sa.select(_STEPS.item_id).where(
        _STEPS.item_id.in_(item_ids), _STEPS.is_current.is_(sa.true())
    )
    return set(connection.scalars(query))


def _study_jobs(step: ProcedureStep) -> sa.ColumnElement[bool]:
    return JOBS.c.study_instance_uid == step.study_instance_uid


def _written(
    connection: sa.Connection, before: ProcedureStep, after: ProcedureStep, *, is_current: bool
) -> bool:
    """Write a step where it is still as it was read; the database decides who was first."""
    row = step_row(after, is_current=is_current)
    changed = connection.execute(
        sa.update(PROCEDURE_STEPS)
        .where(
            _STEPS.uid == before.uid,
            _STEPS.transaction_uid == before.transaction_uid,
            _STEPS.modified_at == before.modified_at,
            _STEPS.state.not_in(_FINAL),
        )
        .values(row)
    )
    return changed.rowcount == 1 or _inserted(connection, after, is_current=is_current)


def _inserted(connection: sa.Connection, step: ProcedureStep, *, is_current: bool) -> bool:
    """Insert a step; False where its UID is taken, or another stands for its item already."""
    try:
        with connection.begin_nested():
            connection.execute(
                sa.insert(PROCEDURE_STEPS).values(step_row(step, is_current=is_current))
            )
    except sa.exc.IntegrityError:
        return False
    return True
