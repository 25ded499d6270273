"""How often others that are away are tried again, and when."""

from datetime import timedelta

import pytest

from dicom_node.domain.delivery import RetryPolicy
from dicom_node.workflow.patience import Patience
from dicom_node.workflow.testing.fakes import FakeClock
from tests.unit.builders import EPOCH

MINUTE = timedelta(minutes=1)


def patience(*, longest: timedelta, give_up_after: timedelta) -> Patience:
    policy = RetryPolicy(first_delay=MINUTE, longest_delay=longest, give_up_after=give_up_after)
    return Patience(policy=policy, clock=FakeClock(EPOCH))


def test_patience_ends_with_the_failure_at_which_the_time_is_up() -> None:
    three = patience(longest=MINUTE, give_up_after=3 * MINUTE)
    assert [three.is_over(failures) for failures in (0, 2, 3, 4)] == [False, False, True, True]


@pytest.mark.parametrize(("failures", "minutes"), [(0, 1), (1, 2), (2, 4), (3, 5), (400, 5)])
def test_each_further_failure_doubles_the_wait_up_to_the_longest(
    failures: int, minutes: int
) -> None:
    waiting = patience(longest=5 * MINUTE, give_up_after=timedelta(days=1))
    assert waiting.next_try(failures) == EPOCH + minutes * MINUTE
