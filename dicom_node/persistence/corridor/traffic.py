"""What arrived, what waits and what failed: the questions of those who operate the node."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from dicom_node.domain.delivery import DeliveryState
from dicom_node.domain.study import StudyRecord, StudyState
from dicom_node.domain.traffic import DestinationTraffic, SenderTraffic
from dicom_node.persistence.corridor.study_rows import study_records
from dicom_node.persistence.corridor.tables import DELIVERIES, INSTANCES, STUDIES, UtcDateTime

_WAITING = (DeliveryState.PENDING, DeliveryState.RETRYING)


class TrafficStore:
    """Counts and lists studies and deliveries, by the indexes that there are."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def senders(self, since: datetime) -> tuple[SenderTraffic, ...]:
        """Return what each sender has brought since a moment, by title."""
        recent = STUDIES.c.state.in_(tuple(StudyState)) & (STUDIES.c.last_received_at >= since)
        studies = (
            sa.select(
                STUDIES.c.sender,
                STUDIES.c.state,
                sa.func.count().label("studies"),
                sa.func.max(STUDIES.c.last_received_at).label("last"),
            )
            .where(recent)
            .group_by(STUDIES.c.sender, STUDIES.c.state)
        )
        images = (
            sa.select(STUDIES.c.sender, sa.func.count().label("images"))
            .join(INSTANCES, INSTANCES.c.study_instance_uid == STUDIES.c.study_instance_uid)
            .where(recent)
            .group_by(STUDIES.c.sender)
        )
        with self._read() as connection:
            rows = connection.execute(studies).all()
            counted = {row.sender: row.images for row in connection.execute(images)}
        return tuple(
            SenderTraffic(
                sender=sender,
                states={StudyState(row.state): row.studies for row in rows if row.sender == sender},
                images=counted.get(sender, 0),
                last_received_at=max(row.last for row in rows if row.sender == sender),
            )
            for sender in sorted({row.sender for row in rows})
        )

    def destinations(self, since: datetime) -> tuple[DestinationTraffic, ...]:
        """Return what went to each destination since a moment, and what still should, by title."""
        unfinished = DELIVERIES.c.state.in_((*_WAITING, DeliveryState.SENT, DeliveryState.FAILED))
        query = (
            sa.select(
                DELIVERIES.c.destination,
                DELIVERIES.c.state,
                sa.func.count().label("deliveries"),
                sa.func.min(DELIVERIES.c.created_at).label("oldest"),
            )
            .where(
                unfinished
                | (
                    (DELIVERIES.c.state == DeliveryState.DELIVERED)
                    & (DELIVERIES.c.created_at >= since)
                )
            )
            .group_by(DELIVERIES.c.destination, DELIVERIES.c.state)
        )
        with self._read() as connection:
            rows = connection.execute(query).all()
            return tuple(
                _destination(connection, title, [row for row in rows if row.destination == title])
                for title in sorted({row.destination for row in rows})
            )

    def studies(
        self,
        states: Collection[StudyState],
        limit: int,
        *,
        after: tuple[datetime, str] | None = None,
        newest_first: bool = True,
    ) -> tuple[StudyRecord, ...]:
        """Return the studies in some states, those that last received something first (or last).

        ``after`` is when the last study of the page before received something, and its UID.
        """
        condition: sa.ColumnElement[bool] = STUDIES.c.state.in_(tuple(states))
        if after is not None:
            place = sa.tuple_(STUDIES.c.last_received_at, STUDIES.c.study_instance_uid)
            seen = sa.tuple_(sa.bindparam("at", after[0], UtcDateTime), after[1])
            condition &= place < seen if newest_first else place > seen
        with self._read() as connection:
            return study_records(connection, condition, limit=limit, newest_first=newest_first)

    def waiting_since(self) -> datetime | None:
        """Return when the study last received something that waits for longest."""
        query = sa.select(sa.func.min(STUDIES.c.last_received_at)).where(
            STUDIES.c.state.in_((StudyState.RECEIVING, StudyState.COMPLETE))
        )
        with self._read() as connection:
            found: datetime | None = connection.scalar(query)
            return found

    def has_delivered(self) -> bool:
        """Whether any result has ever been delivered."""
        query = sa.select(DELIVERIES.c.delivery_id).where(
            DELIVERIES.c.state.in_((DeliveryState.SENT, DeliveryState.DELIVERED))
        )
        with self._read() as connection:
            return connection.scalar(query.limit(1)) is not None

    def _read(self) -> sa.Connection:
        return self._engine.connect().execution_options(read_only=True)


def _destination(
    connection: sa.Connection, title: str, rows: Sequence[sa.Row[Any]]
) -> DestinationTraffic:
    waiting = [row for row in rows if row.state in _WAITING]
    return DestinationTraffic(
        destination=title,
        delivered=sum(_counts(rows, DeliveryState.DELIVERED)),
        unproven=sum(_counts(rows, DeliveryState.SENT)),
        waiting=sum(row.deliveries for row in waiting),
        waiting_since=min((row.oldest for row in waiting), default=None),
        failed=sum(_counts(rows, DeliveryState.FAILED)),
        last_error=_last_error(connection, title),
    )


def _counts(rows: Sequence[sa.Row[Any]], state: DeliveryState) -> Iterator[int]:
    return (row.deliveries for row in rows if row.state == state)


def _last_error(connection: sa.Connection, title: str) -> str:
    """What was said of a delivery that is not done, the newest of them."""
    query = (
        sa.select(DELIVERIES.c.last_error)
        .where(
            DELIVERIES.c.state.in_((*_WAITING, DeliveryState.SENT, DeliveryState.FAILED)),
            DELIVERIES.c.destination == title,
            DELIVERIES.c.last_error != "",
        )
        .order_by(DELIVERIES.c.created_at.desc())
        .limit(1)
    )
    return connection.scalar(query) or ""
