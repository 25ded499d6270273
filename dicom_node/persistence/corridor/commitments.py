"""What the node has asked destinations to commit to, and what they answered."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from dicom_node.domain.commitment import (
    AskedCommitment,
    CommitmentResult,
    FailureReason,
    UnknownTransactionError,
)
from dicom_node.persistence.corridor.commitment_tables import COMMITMENTS

_ROW = COMMITMENTS.c


class CommitmentState(StrEnum):
    """Where a commitment stands that the node has asked for."""

    ASKED = "asked"
    ANSWERED = "answered"
    UNANSWERED = "unanswered"
    SETTLED = "settled"


class CommitmentStore:
    """Commitments that the node has asked for; used by receivers and by couriers."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def asked(self, commitment: AskedCommitment, *, at: datetime) -> None:
        """Record what a destination is about to be asked."""
        row = {
            "transaction_uid": commitment.transaction_uid,
            "job_id": commitment.job_id,
            "delivery_id": commitment.delivery_id,
            "destination": commitment.destination,
            "state": CommitmentState.ASKED,
            "asked_at": at,
            "answered_at": None,
            "waited": 0.0,
            "sop_instance_uids": list(commitment.sop_instance_uids),
            "failed": {},
        }
        with self._engine.begin() as connection:
            connection.execute(sa.insert(COMMITMENTS).values(**row))

    def answered(self, destination: str, limit: int = 100) -> tuple[AskedCommitment, ...]:
        """Return what a destination has answered and nobody has acted upon, oldest first."""
        query = (
            sa.select(COMMITMENTS)
            .where(_ROW.state == CommitmentState.ANSWERED, _ROW.destination == destination)
            .order_by(_ROW.answered_at, _ROW.transaction_uid)
            .limit(limit)
        )
        return self._found(query)

    def settled(self, transaction_uid: str) -> None:
        """Take note that an answer has been acted upon."""
        self._become(_ROW.transaction_uid == transaction_uid, CommitmentState.SETTLED)

    def unanswered(self, transaction_uid: str) -> None:
        """Wait no longer for an answer; should it come, it counts."""
        which = (_ROW.transaction_uid == transaction_uid) & (_ROW.state == CommitmentState.ASKED)
        self._become(which, CommitmentState.UNANSWERED)

    def age(self, destination: str, seconds: float) -> None:
        """Add to the time for which answers of a destination have been waited for."""
        waiting = (_ROW.destination == destination) & (_ROW.state == CommitmentState.ASKED)
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(COMMITMENTS).where(waiting).values(waited=_ROW.waited + seconds)
            )

    def overdue(self, destination: str, longest: float) -> tuple[AskedCommitment, ...]:
        """Return what a destination has not answered for longer than ``longest`` seconds."""
        return self._found(
            sa.select(COMMITMENTS)
            .where(
                _ROW.state == CommitmentState.ASKED,
                _ROW.destination == destination,
                _ROW.waited >= longest,
            )
            .order_by(_ROW.asked_at, _ROW.transaction_uid)
        )

    def destinations(self) -> tuple[str, ...]:
        """Return the destinations whose answers nobody has acted upon."""
        query = sa.select(_ROW.destination).where(_ROW.state == CommitmentState.ANSWERED)
        with self._engine.connect().execution_options(read_only=True) as connection:
            return tuple(connection.scalars(query.distinct().order_by(_ROW.destination)))

    def collect(self, before: datetime) -> int:
        """Forget what was asked ``before`` and is over; return how many."""
        over = (CommitmentState.SETTLED, CommitmentState.UNANSWERED)
        with self._engine.begin() as connection:
            return connection.execute(
                sa.delete(COMMITMENTS).where(_ROW.state.in_(over), _ROW.asked_at < before)
            ).rowcount

    def answer(self, result: CommitmentResult, *, at: datetime) -> str:
        """Make a result durable; return the AE title that was asked for it.

        What was asked for and is not named has failed.

        Raises
        ------
        UnknownTransactionError
            The node has begun no such transaction, or its results are erased.
        """
        which = _ROW.transaction_uid == result.transaction_uid
        with self._engine.begin() as connection:
            row = connection.execute(sa.select(COMMITMENTS).where(which)).mappings().first()
            if row is None:
                raise UnknownTransactionError("the node has begun no such transaction")
            committed = {each.sop_instance_uid for each in result.committed}
            said = {each.reference.sop_instance_uid: each.reason for each in result.failed}
            failed = {
                uid: said.get(uid, int(FailureReason.PROCESSING_FAILURE))
                for uid in row["sop_instance_uids"]
                if uid in said or uid not in committed
            }
            connection.execute(
                sa.update(COMMITMENTS)
                .where(which, _ROW.state != CommitmentState.SETTLED)
                .values(state=CommitmentState.ANSWERED, failed=failed, answered_at=at)
            )
        return str(row["destination"])

    def _become(self, which: sa.ColumnElement[bool], state: CommitmentState) -> None:
        with self._engine.begin() as connection:
            connection.execute(sa.update(COMMITMENTS).where(which).values(state=state))

    def _found(self, query: sa.Select[Any]) -> tuple[AskedCommitment, ...]:
        with self._engine.connect().execution_options(read_only=True) as connection:
            return tuple(
                AskedCommitment(
                    transaction_uid=row["transaction_uid"],
                    delivery_id=row["delivery_id"],
                    job_id=row["job_id"],
                    destination=row["destination"],
                    sop_instance_uids=tuple(row["sop_instance_uids"]),
                    failed=row["failed"],
                )
                for row in connection.execute(query).mappings()
            )
