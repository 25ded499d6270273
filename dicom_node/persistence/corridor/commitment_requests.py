"""What others have asked the node to commit to, until they have been told the result."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa

from dicom_node.domain.commitment import (
    CommitmentRequest,
    DuplicateTransactionError,
    OpenRequest,
    Reference,
)
from dicom_node.persistence.corridor.commitment_tables import (
    COMMITMENT_REFERENCES,
    COMMITMENT_REQUESTS,
)

_ROW = COMMITMENT_REQUESTS.c
# For so long a request is left to the receiver that took it; a receiver may die of anything.
_LEFT_ALONE = timedelta(minutes=5)
# A next try that lies further ahead was set by a clock that has been put back since.
_LONGEST_WAIT = timedelta(hours=1)


class RequestState(StrEnum):
    """Where a request stands."""

    OPEN = "open"
    TOLD = "told"
    GIVEN_UP = "given up"


class CommitmentRequestStore:
    """Requests for commitment; used by receivers and by the main process."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def record(self, request: CommitmentRequest, *, requestor: str, at: datetime) -> None:
        """Record a request; for a while it is left to whoever recorded it.

        Raises
        ------
        DuplicateTransactionError
            Its Transaction UID was used before.
        """
        row = {
            "transaction_uid": request.transaction_uid,
            "requestor": requestor,
            "state": RequestState.OPEN,
            "received_at": at,
            "attempts": 0,
            "failed": 0,
            "last_error": "",
            "not_before": at + _LEFT_ALONE,
            "ended_at": None,
        }
        references = [
            {
                "transaction_uid": request.transaction_uid,
                "position": position,
                "sop_class_uid": each.sop_class_uid,
                "sop_instance_uid": each.sop_instance_uid,
            }
            for position, each in enumerate(request.references)
        ]
        try:
            with self._engine.begin() as connection:
                connection.execute(sa.insert(COMMITMENT_REQUESTS).values(**row))
                connection.execute(sa.insert(COMMITMENT_REFERENCES), references)
        except sa.exc.IntegrityError as error:
            raise DuplicateTransactionError("the Transaction UID was used before") from error

    def due(self, now: datetime, *, limit: int = 100) -> tuple[OpenRequest, ...]:
        """Return requests whose results are to be told over an association of their own."""
        query = (
            sa.select(COMMITMENT_REQUESTS)
            .where(
                _ROW.state == RequestState.OPEN,
                sa.or_(
                    _ROW.not_before.is_(None),
                    _ROW.not_before <= now,
                    _ROW.not_before > now + _LONGEST_WAIT,
                ),
            )
            .order_by(_ROW.received_at, _ROW.transaction_uid)
            .limit(limit)
        )
        with self._engine.connect().execution_options(read_only=True) as connection:
            rows = connection.execute(query).mappings().all()
            return tuple(
                OpenRequest(
                    request=CommitmentRequest(
                        transaction_uid=row["transaction_uid"],
                        references=_references(connection, row["transaction_uid"]),
                    ),
                    requestor=row["requestor"],
                    received_at=row["received_at"],
                    attempts=row["attempts"],
                )
                for row in rows
            )

    def release(self, transaction_uid: str) -> None:
        """Leave a request to whoever opens an association for its result."""
        self._change(_ROW.transaction_uid == transaction_uid, not_before=None)

    def release_all(self) -> None:
        """Leave all requests to whoever opens associations: no receiver has them any more."""
        self._change(_ROW.attempts == 0, not_before=None)

    def told(self, transaction_uid: str, *, failed: int, at: datetime) -> None:
        """Take note that the requestor knows the result; ``failed`` instances have none."""
        self._change(
            _ROW.transaction_uid == transaction_uid,
            state=RequestState.TOLD,
            failed=failed,
            last_error="",
            ended_at=at,
        )

    def untold(self, transaction_uids: Sequence[str], error: str, *, not_before: datetime) -> None:
        """Take note that results could not be told."""
        self._change(
            _ROW.transaction_uid.in_(transaction_uids),
            attempts=_ROW.attempts + 1,
            last_error=error,
            not_before=not_before,
        )

    def give_up(self, transaction_uid: str, error: str, *, at: datetime) -> None:
        """Take note that a result will not be told."""
        self._change(
            _ROW.transaction_uid == transaction_uid,
            state=RequestState.GIVEN_UP,
            last_error=error,
            ended_at=at,
        )

    def counts(self) -> dict[RequestState, int]:
        """Return how many requests there are in each state."""
        query = sa.select(_ROW.state, sa.func.count()).group_by(_ROW.state)
        with self._engine.connect().execution_options(read_only=True) as connection:
            return {RequestState(state): count for state, count in connection.execute(query)}

    def given_up_counts(self) -> dict[str, int]:
        """Return how many results will not be told to each requestor, for as long as it is kept."""
        query = (
            sa.select(_ROW.requestor, sa.func.count())
            .where(_ROW.state == RequestState.GIVEN_UP)
            .group_by(_ROW.requestor)
            .order_by(_ROW.requestor)
        )
        with self._engine.connect().execution_options(read_only=True) as connection:
            return {str(requestor): count for requestor, count in connection.execute(query)}

    def collect(self, before: datetime) -> int:
        """Forget requests that ended ``before``; return how many. Their UIDs may be used again."""
        ended = sa.select(_ROW.transaction_uid).where(_ROW.ended_at < before)
        with self._engine.begin() as connection:
            connection.execute(
                sa.delete(COMMITMENT_REFERENCES).where(
                    COMMITMENT_REFERENCES.c.transaction_uid.in_(ended)
                )
            )
            return connection.execute(
                sa.delete(COMMITMENT_REQUESTS).where(_ROW.ended_at < before)
            ).rowcount

    def _change(self, which: sa.ColumnElement[bool], **values: object) -> None:
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(COMMITMENT_REQUESTS)
                .where(which, _ROW.state == RequestState.OPEN)
                .values(**values)
            )


def _references(connection: sa.Connection, transaction_uid: str) -> tuple[Reference, ...]:
    row = COMMITMENT_REFERENCES.c
    query = (
        sa.select(row.sop_class_uid, row.sop_instance_uid)
        .where(row.transaction_uid == transaction_uid)
        .order_by(row.position)
    )
    return tuple(
        Reference(sop_class_uid=sop_class, sop_instance_uid=instance)
        for sop_class, instance in connection.execute(query)
    )
