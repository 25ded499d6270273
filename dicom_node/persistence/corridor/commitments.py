"""What the node has asked destinations to commit to, and what they answered."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa

from dicom_node.domain.commitment import (
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
