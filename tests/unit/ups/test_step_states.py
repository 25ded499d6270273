"""The state machine of procedure steps (PS3.4 Table CC.1.1-2)."""

from dataclasses import replace

import pytest

from dicom_node.domain.procedure_step import (
    ProcedureStep,
    StepKind,
    StepRequest,
    StepState,
    UpsStatus,
    status_of,
    step_number,
)
from dicom_node.domain.subject import Subject
from dicom_node.ups.errors import REASONS
from tests.unit.builders import EPOCH

KEY = "1.2.3.4"
STEP = ProcedureStep(
    uid="2.25.1",
    kind=StepKind.REVIEW,
    study_instance_uid="1.2.3",
    subject=Subject(study_instance_uid="1.2.3"),
    state=StepState.SCHEDULED,
    scheduled_at=EPOCH,
    modified_at=EPOCH,
)


def answer(request: StepRequest, state: str, key: str, *, lock: str = KEY) -> int:
    held = "" if state == "SCHEDULED" else lock
    return status_of(request, replace(STEP, state=StepState(state), transaction_uid=held), key)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (StepRequest.CLAIM, (0x0000, 0xC302, 0xC300, 0xC300)),
        (StepRequest.SCHEDULE, (0xC303, 0xC303, 0xC303, 0xC303)),
        (StepRequest.COMPLETE, (0xC310, 0x0000, 0xB306, 0xC300)),
        (StepRequest.CANCEL, (0xC310, 0x0000, 0xC300, 0xB304)),
        (StepRequest.REQUEST_CANCEL, (0x0000, 0x0000, 0xC311, 0xB304)),
        (StepRequest.UPDATE, (0x0000, 0x0000, 0xC300, 0xC300)),
    ],
)
def test_answers_with_the_right_transaction_uid(
    request_: StepRequest, expected: tuple[int, ...]
) -> None:
    assert tuple(answer(request_, state, KEY) for state in StepState) == expected


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (StepRequest.CLAIM, (0xC301, 0xC301, 0xC301, 0xC301)),
        (StepRequest.SCHEDULE, (0xC303, 0xC303, 0xC303, 0xC303)),
        (StepRequest.COMPLETE, (0xC301, 0xC301, 0xC301, 0xC301)),
        (StepRequest.CANCEL, (0xC301, 0xC301, 0xC301, 0xC301)),
        (StepRequest.REQUEST_CANCEL, (0x0000, 0x0000, 0xC311, 0xB304)),
        (StepRequest.UPDATE, (0x0000, 0xC301, 0xC300, 0xC300)),
    ],
)
def test_answers_without_a_transaction_uid(
    request_: StepRequest, expected: tuple[int, ...]
) -> None:
    assert tuple(answer(request_, state, "") for state in StepState) == expected


def test_a_second_performer_learns_that_the_step_is_in_progress() -> None:
    assert answer(StepRequest.CLAIM, "IN PROGRESS", "9.9.9") == UpsStatus.ALREADY_IN_PROGRESS


def test_another_performers_key_opens_nothing() -> None:
    assert answer(StepRequest.COMPLETE, "IN PROGRESS", "9.9.9") == UpsStatus.WRONG_TRANSACTION_UID


def test_nobody_has_the_key_of_a_step_that_is_performed_on_the_page() -> None:
    for request in (StepRequest.COMPLETE, StepRequest.CANCEL, StepRequest.UPDATE):
        status = answer(request, "IN PROGRESS", "9.9.9", lock="")
        assert status == UpsStatus.WRONG_TRANSACTION_UID


def test_every_status_says_what_it_means() -> None:
    assert set(REASONS) == set(UpsStatus)


def test_the_first_step_of_an_item_carries_the_items_number() -> None:
    assert step_number(f"{7:032x}", 0) == 7
    assert step_number("f" * 32, 1) == 0
