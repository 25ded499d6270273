"""The jobs of the clock: those of each host, and those that one host does for all."""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

_LOG = logging.getLogger(__name__)
# So often is it asked whether the clock was put forward, or back.
_REALIGNED = 60.0


class Schedule:
    """Runs jobs by the clock, between ``start`` and ``stop``; none twice at a time.

    What is done again and again is paced by the monotonic clock. A wall clock that is put back by
    days holds nothing up, nor does one that is put forward.
    """

    def __init__(self, *, leads: Callable[[], bool], realigned: float = _REALIGNED) -> None:
        """Run nothing yet; ``leads`` says whether this host does what is done once for all.

        Times of the day are looked at anew every ``realigned`` seconds.
        """
        self._leads = leads
        # Late is better than not at all: what runs once a night waits for the next one otherwise.
        self._clock = BackgroundScheduler(timezone=UTC, job_defaults={"misfire_grace_time": None})
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self.every(self._realign, seconds=realigned)

    def every(
        self,
        job: Callable[[], object],
        *,
        seconds: float,
        for_all: bool = False,
        at_once: bool = False,
    ) -> None:
        """Run a job again and again with a pause of ``seconds``, first after that or at once."""
        run = self._once(job) if for_all else job
        pause = 0.0 if at_once else seconds
        self._threads.append(
            threading.Thread(
                target=self._repeat, args=(run, pause, seconds), name="clock", daemon=True
            )
        )

    def at(self, job: Callable[[], object], crontab: str) -> None:
        """Run a job for all hosts at times that are written as in a crontab; empty: never."""
        if crontab:
            trigger = CronTrigger.from_crontab(crontab, timezone=UTC)
            self._clock.add_job(self._once(job), trigger, max_instances=1, coalesce=True)

    def start(self) -> None:
        """Start the clock."""
        self._clock.start()
        for each in self._threads:
            each.start()

    def stop(self) -> None:
        """Stop it, and wait for what is running."""
        self._over.set()
        for each in self._threads:
            if each.is_alive():
                each.join()
        if self._clock.running:
            self._clock.shutdown()

    def _repeat(self, job: Callable[[], object], pause: float, seconds: float) -> None:
        while not self._over.wait(pause):
            pause = seconds
            try:
                job()
            except Exception:  # noqa: BLE001  # what is away now may be there the next time
                _LOG.exception("a job of the clock broke off; the next time does it again")

    def _realign(self) -> None:
        """Take back what waits for a time further ahead than its next one, and look for the due.

        The scheduler sleeps until the time that it had worked out by the clock as it was.
        """
        now = datetime.now(UTC)
        for each in self._clock.get_jobs():
            following = each.trigger.get_next_fire_time(None, now)
            if following is not None and each.next_run_time > following:
                each.modify(next_run_time=following)
        self._clock.wakeup()

    def _once(self, job: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            if self._leads():
                job()

        return run
