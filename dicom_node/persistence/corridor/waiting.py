"""Whether anything waits that time alone makes due: then sweeps look again, told or not."""

import sqlalchemy as sa

from dicom_node.domain.peer_message import Channel
from dicom_node.domain.procedure_step import StepState
from dicom_node.domain.study import StudyState
from dicom_node.domain.wanted_study import WantedState
from dicom_node.persistence.corridor.commitment_requests import RequestState
from dicom_node.persistence.corridor.commitment_tables import COMMITMENT_REQUESTS, COMMITMENTS
from dicom_node.persistence.corridor.commitments import CommitmentState
from dicom_node.persistence.corridor.deliveries import UNDONE
from dicom_node.persistence.corridor.message_tables import PEER_MESSAGES
from dicom_node.persistence.corridor.messages import MessageState
from dicom_node.persistence.corridor.tables import AUDIT, DELIVERIES, STUDIES
from dicom_node.persistence.corridor.wanted_tables import WANTED_STUDIES
from dicom_node.persistence.host_tables import CARRIED
from dicom_node.persistence.review.tables import IS_UNCONCLUDED, REVIEW_ITEMS
from dicom_node.persistence.ups.tables import PROCEDURE_STEPS

_ASKED_FOR = (CommitmentState.ASKED, CommitmentState.ANSWERED)
_STEPS, _MESSAGES = PROCEDURE_STEPS.c, PEER_MESSAGES.c
# Every row that a sweep may have to take up later although nobody touches it until then: its quiet
# period or the patience with its sender ends, its next try comes, its workflow dies, its lock has
# to be held. What a sweep deals with at its first look needs no line here.
_WAITING: tuple[tuple[sa.FromClause, tuple[sa.ColumnElement[bool] | sa.TextClause, ...]], ...] = (
    (STUDIES, (STUDIES.c.state.in_((StudyState.RECEIVING, StudyState.COMPLETE)),)),
    (DELIVERIES, (DELIVERIES.c.state.in_(UNDONE),)),
    (COMMITMENTS, (COMMITMENTS.c.state.in_(_ASKED_FOR),)),
    (COMMITMENT_REQUESTS, (COMMITMENT_REQUESTS.c.state == RequestState.OPEN,)),
    (
        PEER_MESSAGES,
        (_MESSAGES.state == MessageState.OPEN, _MESSAGES.channel == Channel.DIMSE),
    ),
    (WANTED_STUDIES, (WANTED_STUDIES.c.state == WantedState.WAITING,)),
    (
        PROCEDURE_STEPS,
        (_STEPS.state == StepState.IN_PROGRESS.value, _STEPS.transaction_uid != ""),
    ),
    (REVIEW_ITEMS, (IS_UNCONCLUDED,)),
    (AUDIT, (~AUDIT.c.recorded,)),
    # Of an association that its host has forgotten, while the database was away, nobody tells.
    (CARRIED, (sa.true(),)),
)


class WaitingRows:
    """Looks for rows that wait for a time, by their indexes."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def any(self) -> bool:
        """Whether there is one."""
        found = sa.or_(
            *(
                sa.exists(sa.select(sa.literal(1)).select_from(table).where(*conditions))
                for table, conditions in _WAITING
            )
        )
        with self._engine.connect().execution_options(read_only=True) as connection:
            return bool(connection.scalar(sa.select(found)))
