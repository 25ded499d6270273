"""How long to wait between tries."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_node.domain.delivery import DELIVERY_TRANSITIONS, DeliveryState, Outage, RetryPolicy
from dicom_node.domain.job import JOB_TRANSITIONS, JobState
from dicom_node.domain.study import STUDY_TRANSITIONS, StudyState
from tests.unit.builders import EPOCH

POLICY = RetryPolicy()


def test_the_wait_doubles_until_the_longest() -> None:
    waits = [POLICY.delay(attempts, 0.5).total_seconds() for attempts in range(1, 10)]
    assert waits == [5, 10, 20, 40, 80, 160, 320, 600, 600]


@given(st.integers(1, 10**6), st.floats(0, 1))
def test_jitter_stays_within_its_bounds(attempts: int, chance: float) -> None:
    plain = POLICY.delay(attempts, 0.5)
    assert plain * 0.79 < POLICY.delay(attempts, chance) < plain * 1.21


def test_a_higher_draw_waits_longer() -> None:
    waits = [POLICY.delay(1, chance).total_seconds() for chance in (0, 0.5, 1)]
    assert waits == [4, 5, 6]


def test_every_state_has_its_transitions() -> None:
    assert set(DELIVERY_TRANSITIONS) == set(DeliveryState)
    assert set(JOB_TRANSITIONS) == set(JobState)
    assert set(STUDY_TRANSITIONS) == set(StudyState)


def test_what_is_done_or_delivered_begins_again_only_for_what_was_held_back() -> None:
    assert DELIVERY_TRANSITIONS[DeliveryState.DELIVERED] == {DeliveryState.PENDING}
    assert JOB_TRANSITIONS[JobState.DONE] == {JobState.PENDING, JobState.FAILED}


@pytest.mark.parametrize(
    ("waiting", "words"), [(1, "1 delivery waits: away"), (2, "2 deliveries wait: away")]
)
def test_an_outage_is_said_in_words(waiting: int, words: str) -> None:
    outage = Outage(destination="PACS", since=EPOCH, error="away", waiting=waiting)
    assert outage.words == words
