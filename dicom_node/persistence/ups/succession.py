"""The next round of a review item's procedure step, once its verdict was taken back.

A step that is COMPLETED never changes again (PS3.4 Section CC.2.5.1.1): another one is scheduled.
"""

from datetime import datetime

import sqlalchemy as sa

from dicom_node.domain.procedure_step import ProcedureStep, StepState
from dicom_node.domain.review.review import ReviewItem
from dicom_node.persistence.corridor.subjects import subjects_of
from dicom_node.persistence.ups.rows import round_uid, step_of_item, step_row
from dicom_node.persistence.ups.tables import PROCEDURE_STEPS

_C = PROCEDURE_STEPS.c


def begin_next_round(connection: sa.Connection, decided: ReviewItem, *, at: datetime) -> None:
    """End the step that stands for a decided item, and schedule one for the next round."""
    subject = subjects_of(connection, {decided.study_instance_uid})[decided.study_instance_uid]
    first = step_of_item(decided, subject, at)
    current = connection.execute(
        sa.select(_C.uid, _C.round).where(_C.item_id == decided.item_id, _C.is_current)
    ).first()
    if current is None:
        number = 0
        connection.execute(sa.insert(PROCEDURE_STEPS).values(step_row(first, is_current=False)))
    else:
        number = current.round
        connection.execute(
            sa.update(PROCEDURE_STEPS)
            .where(_C.uid == current.uid)
            .values(is_current=False, state=StepState.COMPLETED.value)
        )
    following = ProcedureStep(
        uid=round_uid(decided.item_id, number + 1),
        kind=first.kind,
        study_instance_uid=decided.study_instance_uid,
        subject=subject,
        state=StepState.SCHEDULED,
        scheduled_at=at,
        modified_at=at,
        item=decided,
        round=number + 1,
    )
    connection.execute(sa.insert(PROCEDURE_STEPS).values(step_row(following, is_current=True)))
