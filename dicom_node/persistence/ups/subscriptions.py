"""Subscriptions to procedure steps on the Hotbase, and what was told of each step last."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from dicom_node.domain.peer_message import Channel
from dicom_node.domain.procedure_step import StepState
from dicom_node.persistence.ups.subscription_tables import STEP_SUBSCRIPTIONS, TOLD_STEPS
from dicom_node.persistence.upsert import insert_or_ignore, insert_or_replace
from dicom_node.ups.ports import StepStanding
from dicom_node.ups.subscriptions import GLOBAL, WELL_KNOWN, Receiver, Subscription

_ROW, _TOLD = STEP_SUBSCRIPTIONS.c, TOLD_STEPS.c


class HotbaseSubscriptions:
    """Subscriptions in the Hotbase; safe from several threads and processes."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def is_empty(self) -> bool:
        """Whether nobody wants to be told."""
        with self._read() as connection:
            return connection.execute(sa.select(_ROW.scope).limit(1)).first() is None

    def about(self, uid: str) -> tuple[Subscription, ...]:
        """Return the subscriptions to one step and those to steps at large."""
        query = (
            sa.select(STEP_SUBSCRIPTIONS)
            .where(_ROW.scope.in_((uid, *WELL_KNOWN)))
            .order_by(_ROW.receiver, _ROW.channel, _ROW.scope)
        )
        return self._found(query)

    def all(self) -> tuple[Subscription, ...]:
        """Return all subscriptions, by receiver."""
        return self._found(
            sa.select(STEP_SUBSCRIPTIONS).order_by(_ROW.receiver, _ROW.channel, _ROW.scope)
        )

    def put(self, subscription: Subscription) -> None:
        """Keep a subscription, in the place of the receiver's former one of the same scope."""
        row = {
            "receiver": subscription.receiver.title,
            "channel": subscription.receiver.channel,
            "scope": subscription.scope,
            "study_instance_uid": subscription.study_instance_uid,
            "active": subscription.active,
            "deletion_lock": subscription.deletion_lock,
            "keys": dict(subscription.keys) if subscription.keys is not None else None,
        }
        with self._engine.begin() as connection:
            insert_or_replace(connection, STEP_SUBSCRIPTIONS, [row])

    def suspend(self, receiver: Receiver, standing: Sequence[StepStanding]) -> None:
        """Have a receiver's subscription to all steps be one to each of those there are.

        Steps that match a filter have one of their own since they were told of.
        """
        at_large = _of(receiver) & _ROW.scope.in_(WELL_KNOWN)
        with self._engine.begin() as connection:
            ended = connection.execute(
                sa.select(_ROW.scope, _ROW.deletion_lock).where(at_large)
            ).all()
            connection.execute(sa.delete(STEP_SUBSCRIPTIONS).where(at_large))
            rows = [
                {
                    "receiver": receiver.title,
                    "channel": receiver.channel,
                    "scope": each.uid,
                    "study_instance_uid": each.study_instance_uid,
                    "active": True,
                    "deletion_lock": row.deletion_lock,
                    "keys": None,
                }
                for row in ended
                if row.scope == GLOBAL
                for each in standing
            ]
            insert_or_ignore(connection, STEP_SUBSCRIPTIONS, rows)

    def remove(self, receiver: Receiver) -> None:
        """Forget all subscriptions of a receiver; the last one leaves nothing to tell of."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(STEP_SUBSCRIPTIONS).where(_of(receiver)))
            if connection.execute(sa.select(_ROW.scope).limit(1)).first() is None:
                connection.execute(sa.delete(TOLD_STEPS))

    def forget(self, uid: str) -> None:
        """Forget a step that is over, and the subscriptions to it alone."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(TOLD_STEPS).where(_TOLD.uid == uid))
            connection.execute(sa.delete(STEP_SUBSCRIPTIONS).where(_ROW.scope == uid))

    def told(self) -> Mapping[str, StepStanding]:
        """Return the steps of which states were told, and are not over."""
        with self._read() as connection:
            return {
                row.uid: StepStanding(
                    uid=row.uid,
                    study_instance_uid=row.study_instance_uid,
                    state=StepState(row.state),
                )
                for row in connection.execute(sa.select(TOLD_STEPS))
            }

    def tell(self, states: Sequence[StepStanding]) -> None:
        """Take note of states that are being told."""
        rows = [
            {
                "uid": each.uid,
                "study_instance_uid": each.study_instance_uid,
                "state": each.state.value,
            }
            for each in states
        ]
        with self._engine.begin() as connection:
            insert_or_replace(connection, TOLD_STEPS, rows)

    def _found(self, query: sa.Select[Any]) -> tuple[Subscription, ...]:
        with self._read() as connection:
            return tuple(
                Subscription(
                    receiver=Receiver(title=row["receiver"], channel=Channel(row["channel"])),
                    scope=row["scope"],
                    study_instance_uid=row["study_instance_uid"],
                    active=row["active"],
                    deletion_lock=row["deletion_lock"],
                    keys=row["keys"],
                )
                for row in connection.execute(query).mappings().all()
            )

    def _read(self) -> sa.Connection:
        return self._engine.connect().execution_options(read_only=True)


def _of(receiver: Receiver) -> sa.ColumnElement[bool]:
    return (_ROW.receiver == receiver.title) & (_ROW.channel == receiver.channel)
