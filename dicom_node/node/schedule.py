"""The jobs of the clock: those of each host, and those that one host does for all."""

from collections.abc import Callable
from datetime import UTC, datetime

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger


class Schedule:
    """Runs jobs by the clock, between ``start`` and ``stop``; none twice at a time."""

    def __init__(self, *, leads: Callable[[], bool]) -> None:
        """Run nothing yet; ``leads`` says whether this host does what is done once for all."""
        self._leads = leads
        # Late is better than not at all: what runs once a night waits for the next one otherwise.
        self._clock = BackgroundScheduler(timezone=UTC, job_defaults={"misfire_grace_time": None})

    def every(
        self,
        job: Callable[[], object],
        *,
        seconds: float,
        for_all: bool = False,
        first: datetime | None = None,
    ) -> None:
        """Run a job again and again, for the first time at ``first`` or after that long."""
        self._clock.add_job(
            self._once(job) if for_all else job,
            IntervalTrigger(seconds=seconds, timezone=UTC),
            max_instances=1,
            coalesce=True,
            **({"next_run_time": first} if first else {}),
        )

    def at(self, job: Callable[[], object], crontab: str) -> None:
        """Run a job for all hosts at times that are written as in a crontab; empty: never."""
        if crontab:
            trigger = CronTrigger.from_crontab(crontab, timezone=UTC)
            self._clock.add_job(self._once(job), trigger, max_instances=1, coalesce=True)

    def start(self) -> None:
        """Start the clock."""
        self._clock.start()

    def stop(self) -> None:
        """Stop it, and wait for what is running."""
        if self._clock.running:
            self._clock.shutdown()

    def _once(self, job: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            if self._leads():
                job()

        return run
