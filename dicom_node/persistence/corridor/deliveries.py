"""Deliveries: what is to be sent where, what has been stored there, and what was given up.

The rows are the queue. Nothing here counts or reads what grows with the archive, but ``counts``.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from dicom_node.domain.delivery import (
    ARRIVED,
    DELIVERY_TRANSITIONS,
    WAITING,
    Delivery,
    DeliveryState,
    Outage,
    Proven,
    standing_of,
)
from dicom_node.domain.evidence import EvidenceSet
from dicom_node.errors import ConflictError, NotFoundError
from dicom_node.persistence.corridor.tables import DELIVERIES, EVIDENCE, IS_REMOVED, OUTAGES
from dicom_node.persistence.upsert import insert_one_or_ignore, insert_or_ignore

_ROW = DELIVERIES.c


class DeliveryStore:
    """The deliveries of all jobs to all destinations."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def plan(
        self,
        job_id: str,
        destination: str,
        *,
        at: datetime,
        urgent: bool = False,
        evidence_set: EvidenceSet = EvidenceSet.RESULT,
    ) -> Delivery:
        """Record that an evidence set of a job goes to ``destination``; at most once."""
        named = (
            (job_id, destination)
            if evidence_set is EvidenceSet.RESULT
            else (job_id, destination, evidence_set)
        )
        identity = hashlib.sha256("\n".join(named).encode()).hexdigest()[:32]
        row = {
            "delivery_id": identity,
            "job_id": job_id,
            "destination": destination,
            "state": DeliveryState.PENDING,
            "attempts": 0,
            "created_at": at,
            "delivered_at": None,
            "last_error": "",
            "evidence_set": evidence_set,
            "urgent": urgent,
            "stored": [],
            "waited": 0.0,
            "not_before": None,
            "proven": Proven.NOTHING,
            "disproofs": 0,
        }
        with self._engine.begin() as connection:
            if insert_one_or_ignore(connection, DELIVERIES, row):
                return delivery_of(row)
            if urgent:  # another route may have wanted the same, and been in no hurry
                connection.execute(
                    sa.update(DELIVERIES).where(_ROW.delivery_id == identity).values(urgent=True)
                )
        return self.get(identity)

    def get(self, delivery_id: str) -> Delivery:
        """Return one delivery.

        Raises
        ------
        NotFoundError
            When there is no such delivery.
        """
        for found in self._select(sa.select(DELIVERIES).where(_ROW.delivery_id == delivery_id)):
            return found
        raise NotFoundError(f"delivery {delivery_id} does not exist")

    def of_job(self, job_id: str) -> tuple[Delivery, ...]:
        """Return the deliveries of one job, oldest first."""
        query = sa.select(DELIVERIES).where(_ROW.job_id == job_id)
        return self._select(query.order_by(_ROW.created_at, _ROW.delivery_id))

    def destinations(self) -> tuple[str, ...]:
        """Return the destinations for which something waits, to be sent or to be proven."""
        query = sa.select(_ROW.destination).where(_ROW.state.in_(UNDONE)).distinct()
        with self._read() as connection:
            return tuple(connection.scalars(query.order_by(_ROW.destination)))

    def due(
        self, destination: str, now: datetime, *, longest_wait: timedelta, limit: int
    ) -> tuple[Delivery, ...]:
        """Return what is to be sent to a destination now: urgent first, then oldest first.

        A next try that lies further ahead than any wait is long was set by a clock that has been
        put back since: it is due.
        """
        query = (
            sa.select(DELIVERIES)
            .where(
                _of(destination),
                sa.or_(
                    _ROW.not_before.is_(None),
                    _ROW.not_before <= now,
                    _ROW.not_before > now + longest_wait,
                ),
            )
            .order_by(_ROW.urgent.desc(), _ROW.created_at, _ROW.delivery_id)
            .limit(limit)
        )
        return self._select(query)

    def next_due(self, destination: str) -> datetime | None:
        """Return when the next try is due of what waits for a destination; None: nothing waits."""
        query = sa.select(sa.func.min(_ROW.not_before)).where(_of(destination))
        with self._read() as connection:
            found: datetime | None = connection.scalar(query)
            return found

    def move(
        self,
        delivery_id: str,
        state: DeliveryState,
        *,
        at: datetime,
        stored: Sequence[str] = (),
        error: str = "",
        not_before: datetime | None = None,
    ) -> None:
        """Record the outcome of one try, and what the destination has by now.

        Raises
        ------
        ConflictError
            When the delivery's state cannot be followed by ``state``.
        """
        values: dict[str, Any] = {
            "state": state,
            "stored": list(stored),
            "last_error": error,
            "not_before": not_before,
        }
        if state in ARRIVED:
            values["delivered_at"] = at
        if state is DeliveryState.SENT:  # how long it takes to be proven is counted anew
            values["waited"] = 0.0
        with self._engine.begin() as connection:
            changed = connection.execute(
                sa.update(DELIVERIES)
                .where(_ROW.delivery_id == delivery_id, _ROW.state.in_(_before(state)))
                .values(**values, attempts=_ROW.attempts + 1)
            )
        if changed.rowcount != 1:
            raise ConflictError(f"delivery {delivery_id} cannot become {state}")

    def standings(self) -> dict[tuple[str, str], int]:
        """Return how many deliveries there are for each destination and standing."""
        columns = (_ROW.destination, _ROW.state, _ROW.proven)
        query = sa.select(*columns, sa.func.count()).group_by(*columns)
        counted: dict[tuple[str, str], int] = {}
        with self._read() as connection:
            for destination, state, proven, count in connection.execute(query):
                key = (destination, standing_of(DeliveryState(state), Proven(proven)))
                counted[key] = counted.get(key, 0) + count
        return dict(sorted(counted.items()))

    def hold(self, destination: str, error: str, *, at: datetime) -> int:
        """Note that a destination is down since ``at``, and why; return how many wait for it."""
        outage = {"destination": destination, "since": at, "error": error}
        with self._engine.begin() as connection:
            insert_or_ignore(connection, OUTAGES, [outage])
            connection.execute(
                sa.update(OUTAGES).where(OUTAGES.c.destination == destination).values(error=error)
            )
            return connection.execute(
                sa.update(DELIVERIES)
                .where(_of(destination))
                .values(state=DeliveryState.RETRYING, last_error=error)
            ).rowcount

    def back(self, destination: str) -> None:
        """Note that a destination is no longer down: everything that waits for it is due."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(OUTAGES).where(OUTAGES.c.destination == destination))
            connection.execute(
                sa.update(DELIVERIES)
                .where(_of(destination), _ROW.not_before.is_not(None))
                .values(not_before=None)
            )

    def outages(self) -> tuple[Outage, ...]:
        """Return which destinations are down, each with how many deliveries wait for it."""
        waiting = (
            sa.select(sa.func.count())
            .select_from(DELIVERIES)
            .where(_ROW.state.in_(WAITING), _ROW.destination == OUTAGES.c.destination)
            .scalar_subquery()
        )
        query = sa.select(OUTAGES, waiting.label("waiting")).order_by(OUTAGES.c.since)
        with self._read() as connection:
            return tuple(Outage(**row) for row in connection.execute(query).mappings())

    def age(self, destination: str, seconds: float, *, give_up_after: timedelta) -> int:
        """Add to the time for which deliveries to a destination have been tried.

        What has been tried for long enough is given up; returns how many.
        """
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(DELIVERIES)
                .where(_ROW.state.in_(UNDONE), _ROW.destination == destination)
                .values(waited=_ROW.waited + seconds)
            )
            unproven = connection.execute(
                sa.update(DELIVERIES)
                .where(
                    _ROW.state == DeliveryState.SENT,
                    _ROW.destination == destination,
                    _ROW.waited >= give_up_after.total_seconds(),
                )
                .values(state=DeliveryState.FAILED, proven=Proven.NOT_COMMITTED)
            )
            changed = connection.execute(
                sa.update(DELIVERIES)
                .where(
                    _of(destination),
                    _ROW.state == DeliveryState.RETRYING,
                    _ROW.waited >= give_up_after.total_seconds(),
                )
                .values(state=DeliveryState.FAILED)
            )
        return changed.rowcount + unproven.rowcount

    def reopen(self, job_id: str, evidence_set: EvidenceSet) -> None:
        """Let an evidence set be sent once more, because an object was added to it."""
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(DELIVERIES)
                .where(
                    _ROW.job_id == job_id,
                    _ROW.evidence_set == evidence_set,
                    _ROW.state.in_(_before(DeliveryState.PENDING)),
                )
                .values(**_ANEW, delivered_at=None)
            )

    def resend(self, job_id: str) -> None:
        """Let everything of a job be sent once more, also what its destinations have.

        What was removed here since it arrived there stays noted as theirs.
        """
        removed = sa.select(EVIDENCE.c.sop_instance_uid).where(
            EVIDENCE.c.job_id == job_id, IS_REMOVED
        )
        deliveries = sa.select(_ROW.delivery_id, _ROW.stored).where(_ROW.job_id == job_id)
        with self._engine.begin() as connection:
            gone = set(connection.scalars(removed))
            for delivery_id, stored in connection.execute(deliveries).all():
                theirs = [uid for uid in stored if uid in gone]
                connection.execute(
                    sa.update(DELIVERIES)
                    .where(_ROW.delivery_id == delivery_id)
                    .values(**_ANEW, delivered_at=None, stored=theirs)
                )

    def given_up(
        self,
        destination: str = "",
        *,
        since: datetime | None = None,
        after: Delivery | None = None,
        limit: int = 100,
    ) -> tuple[Delivery, ...]:
        """Return the next ``limit`` deliveries that were given up, oldest first, after ``after``.

        ``destination`` and ``since`` (when they were planned) narrow them.
        """
        condition = _given_up(destination, since)
        if after is not None:  # many may have been planned at the same moment
            condition &= sa.or_(
                _ROW.created_at > after.created_at,
                sa.and_(_ROW.created_at == after.created_at, _ROW.delivery_id > after.delivery_id),
            )
        query = sa.select(DELIVERIES).where(condition)
        return self._select(query.order_by(_ROW.created_at, _ROW.delivery_id).limit(limit))

    def given_up_counts(self) -> dict[str, int]:
        """Return how many deliveries to each destination were given up."""
        query = (
            sa.select(_ROW.destination, sa.func.count())
            .where(_given_up("", None))
            .group_by(_ROW.destination)
        )
        with self._read() as connection:
            return {str(destination): count for destination, count in connection.execute(query)}

    def retry_given_up(
        self,
        destination: str = "",
        *,
        since: datetime | None = None,
        delivery_ids: Sequence[str] = (),
    ) -> int:
        """Let deliveries that were given up be tried again, for as long as at first.

        All of them, or those that ``destination``, ``since`` and ``delivery_ids`` name; returns how
        many. A running node takes them up within a sweep.
        """
        condition = _given_up(destination, since)
        if delivery_ids:
            condition &= _ROW.delivery_id.in_(delivery_ids)
        with self._engine.begin() as connection:
            return connection.execute(
                sa.update(DELIVERIES).where(condition).values(**_ANEW)
            ).rowcount

    def counts(self) -> dict[tuple[str, DeliveryState], int]:
        """Return how many deliveries there are for each destination and state."""
        columns = (_ROW.destination, _ROW.state)
        query = sa.select(*columns, sa.func.count()).group_by(*columns)
        with self._read() as connection:
            return {
                (destination, DeliveryState(state)): count
                for destination, state, count in connection.execute(query)
            }

    def _select(self, query: sa.Select[Any]) -> tuple[Delivery, ...]:
        with self._read() as connection:
            return tuple(map(delivery_of, connection.execute(query).mappings()))

    def _read(self) -> sa.Connection:
        return self._engine.connect().execution_options(read_only=True)


# What a delivery is set to that begins anew; what its destination has is not sent again.
_ANEW = {
    "state": DeliveryState.PENDING,
    "waited": 0.0,
    "not_before": None,
    "proven": Proven.NOTHING,
    "disproofs": 0,
}
UNDONE = (*WAITING, DeliveryState.SENT)


def _of(destination: str) -> sa.ColumnElement[bool]:
    return sa.and_(_ROW.state.in_(WAITING), _ROW.destination == destination)


def _given_up(destination: str, since: datetime | None) -> sa.ColumnElement[bool]:
    condition: sa.ColumnElement[bool] = _ROW.state == DeliveryState.FAILED
    if destination:
        condition &= _ROW.destination == destination
    if since is not None:
        condition &= _ROW.created_at >= since
    return condition


def _before(state: DeliveryState) -> list[DeliveryState]:
    return [one for one, following in DELIVERY_TRANSITIONS.items() if state in following]


def delivery_of(row: Mapping[Any, Any]) -> Delivery:
    """Return the delivery that a row holds."""
    return Delivery(
        delivery_id=row["delivery_id"],
        job_id=row["job_id"],
        destination=row["destination"],
        state=DeliveryState(row["state"]),
        attempts=row["attempts"],
        created_at=row["created_at"],
        last_error=row["last_error"],
        evidence_set=EvidenceSet(row["evidence_set"]),
        urgent=row["urgent"],
        stored=tuple(row["stored"]),
        next_try_at=row["not_before"],
        proven=Proven(row["proven"]),
        disproofs=row["disproofs"],
    )
