"""Procedure steps as rows and back."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dicom_node.domain.procedure_step import (
    STATE_OF_ITEM,
    ProcedureStep,
    StepKind,
    StepState,
    step_number,
)
from dicom_node.domain.review.review import ReviewItem
from dicom_node.domain.study import StudyState
from dicom_node.domain.subject import Subject

_UUID_ROOT = "2.25."


def step_of_item(item: ReviewItem, subject: Subject, now: datetime) -> ProcedureStep:
    """Return the step of a review item that nobody has touched over DICOM."""
    return ProcedureStep(
        uid=first_uid(item.item_id),
        kind=StepKind.REVIEW,
        study_instance_uid=item.study_instance_uid,
        subject=subject,
        state=STATE_OF_ITEM[item.state_at(now)],
        scheduled_at=item.received_at,
        modified_at=item.decided_at or item.created_at,
        item=item,
    )


def first_uid(item_id: str) -> str:
    """Return the UID of a review item's step of the first round."""
    return round_uid(item_id, 0)


def round_uid(item_id: str, number: int) -> str:
    """Return the UID of a review item's step of one round, counted from 0."""
    return f"{_UUID_ROOT}{step_number(item_id, number)}"


def item_id_of(uid: str) -> str | None:
    """Return the review item that a step of the first round stands for, by its UID alone."""
    digits = uid.removeprefix(_UUID_ROOT)
    if digits == uid or not re.fullmatch(r"[0-9]{1,39}", digits) or int(digits) >= 2**128:
        return None
    return f"{int(digits):032x}"


def step_of_row(
    row: Mapping[str, Any], item: ReviewItem | None, subject: Subject, state: StepState
) -> ProcedureStep:
    """Return the step of a row, in a state that the caller has worked out."""
    return ProcedureStep(
        uid=row["uid"],
        kind=StepKind(row["kind"]),
        study_instance_uid=row["study_instance_uid"],
        subject=subject,
        state=state,
        scheduled_at=row["scheduled_at"],
        modified_at=row["modified_at"],
        item=item,
        round=row["round"],
        transaction_uid=row["transaction_uid"],
        performer=row["performer"],
        locked_at=row["locked_at"],
        requester=row["requester"],
        asked_revision=row["asked_revision"],
        attributes=row["attributes"],
    )


def step_row(step: ProcedureStep, *, is_current: bool) -> dict[str, Any]:
    """Return the row of a step."""
    return {
        "uid": step.uid,
        "kind": step.kind.value,
        "item_id": step.item.item_id if step.item else None,
        "study_instance_uid": step.study_instance_uid,
        "round": step.round,
        "is_current": is_current,
        "state": step.state.value,
        "transaction_uid": step.transaction_uid,
        "performer": step.performer,
        "locked_at": step.locked_at,
        "requester": step.requester,
        "asked_revision": step.asked_revision,
        "scheduled_at": step.scheduled_at,
        "modified_at": step.modified_at,
        "attributes": dict(step.attributes or {}),
    }


def shown_state(row: Mapping[str, Any], item: ReviewItem | None, now: datetime) -> StepState:
    """Return the state of a stored review step: its own once it is locked or final."""
    own = StepState(row["state"])
    if own.is_final or row["transaction_uid"] or item is None:
        return own
    return STATE_OF_ITEM[item.state_at(now)]


def analysis_state(asked_revision: int, revision: int, state: StudyState) -> StepState:
    """Return how far the analysis is that a step asked for."""
    if revision > asked_revision:
        return StepState.COMPLETED
    if revision < asked_revision or state in (StudyState.RECEIVING, StudyState.COMPLETE):
        return StepState.IN_PROGRESS
    return StepState.COMPLETED if state is StudyState.ANALYSED else StepState.CANCELED
