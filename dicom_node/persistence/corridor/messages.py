"""Messages that the node sends others of itself, until they are taken."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from dicom_node.domain.delivery import DeliveryState
from dicom_node.domain.peer_message import Channel, Delivered, MessageKind, PeerMessage
from dicom_node.domain.performed_step import AnnouncedInstance
from dicom_node.persistence.corridor.message_tables import PEER_MESSAGES
from dicom_node.persistence.corridor.tables import DELIVERIES, EVIDENCE, JOBS, SUBSTITUTES

_ROW = PEER_MESSAGES.c
# A next try that lies further ahead was set by a clock that has been put back since.
_LONGEST_WAIT = timedelta(hours=1)
_NUMBERS = 500


class MessageState(StrEnum):
    """Where a message stands."""

    OPEN = "open"
    TAKEN = "taken"
    GIVEN_UP = "given up"


class MessageStore:
    """Messages to others; written by whoever has something to tell, sent by the main process."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(self, messages: Sequence[PeerMessage]) -> None:
        """Keep new messages."""
        rows = [
            {
                "receiver": each.receiver,
                "channel": each.channel,
                "kind": each.kind,
                "sop_instance_uid": each.sop_instance_uid,
                "event_type": each.event_type,
                "attributes": dict(each.attributes),
                "study_instance_uid": each.study_instance_uid,
                "about": each.about,
                "state": MessageState.OPEN,
                "made_at": each.made_at,
                "attempts": 0,
                "last_error": "",
            }
            for each in messages
        ]
        if rows:
            with self._engine.begin() as connection:
                connection.execute(sa.insert(PEER_MESSAGES), rows)

    def due(
        self, now: datetime, *, channel: Channel, receiver: str = "", limit: int = 100
    ) -> tuple[PeerMessage, ...]:
        """Return messages that are to be sent now, of one receiver or of all, oldest first."""
        query = (
            sa.select(PEER_MESSAGES)
            .where(
                _ROW.state == MessageState.OPEN,
                _ROW.channel == channel,
                sa.or_(
                    _ROW.not_before.is_(None),
                    _ROW.not_before <= now,
                    _ROW.not_before > now + _LONGEST_WAIT,
                ),
            )
            .order_by(_ROW.number)
            .limit(limit)
        )
        if receiver:
            query = query.where(_ROW.receiver == receiver)
        with self._engine.connect().execution_options(read_only=True) as connection:
            return tuple(_message(row) for row in connection.execute(query).mappings())

    def taken(self, numbers: Sequence[int], *, at: datetime) -> None:
        """Take note that a receiver has taken messages."""
        self._end(numbers, state=MessageState.TAKEN, last_error="", ended_at=at)

    def untaken(self, receiver: str, error: str, *, not_before: datetime) -> None:
        """Take note that a receiver took nothing: all that waits for it is postponed."""
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(PEER_MESSAGES)
                .where(
                    _ROW.state == MessageState.OPEN,
                    _ROW.channel == Channel.DIMSE,
                    _ROW.receiver == receiver,
                )
                .values(attempts=_ROW.attempts + 1, last_error=error, not_before=not_before)
            )

    def give_up(self, numbers: Sequence[int], error: str, *, at: datetime) -> None:
        """Take note that messages will not be sent."""
        self._end(numbers, state=MessageState.GIVEN_UP, last_error=error, ended_at=at)

    def counts(self) -> dict[MessageState, int]:
        """Return how many messages there are in each state."""
        query = sa.select(_ROW.state, sa.func.count()).group_by(_ROW.state)
        with self._engine.connect().execution_options(read_only=True) as connection:
            return {MessageState(state): count for state, count in connection.execute(query)}

    def collect(self, before: datetime) -> int:
        """Forget messages that ended ``before``, or that nobody came for; return how many."""
        unheard = (_ROW.channel == Channel.WEB) & (_ROW.made_at < before)
        with self._engine.begin() as connection:
            return connection.execute(
                sa.delete(PEER_MESSAGES).where((_ROW.ended_at < before) | unheard)
            ).rowcount

    def untold_deliveries(
        self, receivers: Sequence[str], *, since: datetime, limit: int = 100
    ) -> tuple[Delivered, ...]:
        """Return what destinations were given ``since``, and some of ``receivers`` not told."""
        told = (
            sa.select(sa.func.count())
            .where(
                _ROW.about == DELIVERIES.c.delivery_id,
                _ROW.receiver.in_(receivers),
                _ROW.made_at >= DELIVERIES.c.delivered_at,  # before: it was delivered again
            )
            .scalar_subquery()
        )
        query = (
            sa.select(DELIVERIES, JOBS.c.study_instance_uid)
            .join(JOBS, JOBS.c.job_id == DELIVERIES.c.job_id)
            .where(
                DELIVERIES.c.state == DeliveryState.DELIVERED,
                DELIVERIES.c.delivered_at >= since,
                told < len(receivers),
            )
            .order_by(DELIVERIES.c.delivered_at, DELIVERIES.c.delivery_id)
            .limit(limit)
        )
        with self._engine.connect().execution_options(read_only=True) as connection:
            return tuple(
                _delivered(connection, row) for row in connection.execute(query).mappings().all()
            )

    def told(self, about: str, *, since: datetime) -> frozenset[str]:
        """Return who has been told of something ``since``, or is about to be."""
        query = sa.select(_ROW.receiver).where(_ROW.about == about, _ROW.made_at >= since)
        with self._engine.connect().execution_options(read_only=True) as connection:
            return frozenset(connection.scalars(query))

    def _end(self, numbers: Sequence[int], **values: object) -> None:
        with self._engine.begin() as connection:
            for some in _chunks(numbers):
                connection.execute(
                    sa.update(PEER_MESSAGES)
                    .where(_ROW.number.in_(some), _ROW.state == MessageState.OPEN)
                    .values(**values)
                )


def _message(row: sa.RowMapping) -> PeerMessage:
    return PeerMessage(
        receiver=row["receiver"],
        channel=Channel(row["channel"]),
        kind=MessageKind(row["kind"]),
        sop_instance_uid=row["sop_instance_uid"],
        event_type=row["event_type"],
        attributes=row["attributes"],
        study_instance_uid=row["study_instance_uid"],
        about=row["about"],
        made_at=row["made_at"],
        number=row["number"],
        attempts=row["attempts"],
    )


def _delivered(connection: sa.Connection, row: sa.RowMapping) -> Delivered:
    """Return a delivery with what its destination has of it, substitutes by their own names."""
    stored, study, destination = row["stored"], row["study_instance_uid"], row["destination"]
    own = sa.select(
        EVIDENCE.c.series_instance_uid, EVIDENCE.c.sop_class_uid, EVIDENCE.c.sop_instance_uid
    )
    instead = sa.select(
        SUBSTITUTES.c.sent_series_uid, SUBSTITUTES.c.sent_class_uid, SUBSTITUTES.c.sent_instance_uid
    ).where(SUBSTITUTES.c.destination == destination)
    instances = [
        AnnouncedInstance(
            study_instance_uid=study,
            series_instance_uid=series,
            sop_class_uid=sop_class,
            sop_instance_uid=uid,
            retrieve_ae=destination,
        )
        for some in _chunks(stored)
        for query in (
            own.where(EVIDENCE.c.sop_instance_uid.in_(some)),
            instead.where(SUBSTITUTES.c.sent_instance_uid.in_(some)),
        )
        for series, sop_class, uid in connection.execute(query)
    ]
    return Delivered(
        delivery_id=row["delivery_id"],
        destination=destination,
        delivered_at=row["delivered_at"],
        study_instance_uid=study,
        instances=tuple(sorted(instances, key=lambda each: each.sop_instance_uid)),
    )


def _chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (values[start : start + _NUMBERS] for start in range(0, len(values), _NUMBERS))
