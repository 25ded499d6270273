"""Jobs of the clock."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from queue import SimpleQueue

import pytest
from apscheduler.triggers.cron import CronTrigger

from dicom_node.node import schedule
from dicom_node.node.schedule import Schedule

_PATIENCE = 60.0
_LONG = 3600.0


@contextmanager
def running(clock: Schedule) -> Iterator[None]:
    clock.start()
    try:
        yield
    finally:
        clock.stop()


def test_a_job_is_done_at_once_where_it_is_wanted_so() -> None:
    done = threading.Event()
    clock = Schedule(leads=lambda: True)
    clock.every(done.set, seconds=_LONG, at_once=True)
    with running(clock):
        assert done.wait(_PATIENCE)


def test_a_job_that_breaks_off_is_done_again_and_holds_no_other_up() -> None:
    done: SimpleQueue[str] = SimpleQueue()

    def fail() -> None:
        done.put("failed")
        raise RuntimeError("the database is away")

    other: SimpleQueue[bool] = SimpleQueue()
    clock = Schedule(leads=lambda: True)
    clock.every(fail, seconds=0.01)
    clock.every(lambda: other.put(True), seconds=0.01)
    with running(clock):
        for queue in (done, other) * 2:
            assert queue.get(timeout=_PATIENCE)


def test_who_does_not_lead_does_nothing_for_all() -> None:
    ours: SimpleQueue[bool] = SimpleQueue()
    for_all: SimpleQueue[bool] = SimpleQueue()
    clock = Schedule(leads=lambda: False)
    clock.every(lambda: for_all.put(True), seconds=0.01, for_all=True)
    clock.every(lambda: ours.put(True), seconds=0.01)
    with running(clock):
        for _ in range(5):
            assert ours.get(timeout=_PATIENCE)
    assert for_all.empty()


def test_a_clock_that_is_put_back_four_days_leaves_out_no_night(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A job of each second is worked out by a clock that is four days ahead, and then right."""
    done = threading.Event()
    clock = Schedule(leads=lambda: True, realigned=0.05)

    class Ahead(CronTrigger):
        """As the clock said when the scheduler asked first."""

        asked = False

        def get_next_fire_time(
            self, previous_fire_time: datetime | None, now: datetime
        ) -> datetime | None:
            skew = timedelta(0) if self.asked else timedelta(days=4)
            self.asked = True
            found: datetime | None = super().get_next_fire_time(previous_fire_time, now + skew)
            return found

    def ahead(_text: str, timezone: object) -> CronTrigger:
        return Ahead(second="*", timezone=UTC)

    monkeypatch.setattr(schedule.CronTrigger, "from_crontab", ahead)
    clock.at(done.set, "* * * * *")
    with running(clock):
        assert done.wait(_PATIENCE)
