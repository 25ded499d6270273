"""A few warm workers: work waits for one that is free, and a dead one is replaced."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar
from typing import Concatenate as With

from dicom_node.errors import AwayError
from dicom_node.isolation.errors import (
    NoWorkerError,
    WorkerDiedError,
    WorkFailedError,
    WorkRefusedError,
)
from dicom_node.isolation.lane import Desk, Lane, LaneSetup
from dicom_node.isolation.parent import start_parent
from dicom_node.isolation.worker import Outcome, named

P = ParamSpec("P")
R = TypeVar("R")

_LOG = logging.getLogger(__name__)
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
# Studies of which a worker may still have something, the images of the last one at least.
_KNOWN = 8


class Lanes(Generic[Desk]):
    """``count`` workers, all alike; safe to use from several threads."""

    def __init__(
        self,
        setup: LaneSetup[Desk],
        *,
        count: int,
        patience: float | None = None,
        relief: float | None = None,
    ) -> None:
        """Prepare ``count`` workers.

        ``patience`` are the seconds for which work waits for one of them, and for none that could
        not be started; without, it waits for as long as it takes. ``relief`` are the seconds after
        which one worker more is begun while others wait and all have been at one piece of work for
        so long; it ends when nobody waits any more. Without, there is none.
        """
        self._tools = setup.tools
        self._patience = patience
        self._changed = threading.Condition()
        self._all = tuple(Lane(setup) for _ in range(count))
        self._relief = None if relief is None else Lane(setup)
        self._relief_seconds = relief or 0.0
        # Since when each works, by the monotonic clock.
        self._since: dict[Lane[Desk], float] = {}
        self._idle: list[Lane[Desk]] = []
        # What each worked on of late, the last first: it has its images still decoded.
        self._known: dict[Lane[Desk], deque[str]] = {}
        self._waiting = 0
        self._ahead: dict[Lane[Desk], str] = {}
        # What one worker has died of, and what is worked on that is of this kind.
        self._suspects: set[str] = set()
        self._on_trial: dict[Lane[Desk], str] = {}
        self._down: set[Lane[Desk]] = set()
        self._ended: set[Lane[Desk]] = set()
        self._deaths = 0
        self._closed = False

    def start(self) -> None:
        """Start the workers; return at once, since whoever has work waits for the first of them."""
        start_parent(self._tools)
        # They live as long as this does: where a worker dies, there may be no room for a thread.
        for lane in self._all:
            keeper = threading.Thread(
                target=self._keep, args=(lane,), name="worker-keeper", daemon=True
            )
            keeper.start()
        if self._relief is not None:
            threading.Thread(
                target=self._stand_by, args=(self._relief,), name="relief-keeper", daemon=True
            ).start()

    def stop(self) -> None:
        """End the workers; whoever still waits for one is not answered but ended as well."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
            self._changed.notify_all()
        for lane in self._every():
            if lane in idle:
                lane.close()
            else:
                lane.stop()

    def down(self) -> int:
        """Return how many workers do not run and could not be started again."""
        with self._changed:
            return len(self._down) + sum(not each.is_alive() for each in self._idle)

    def deaths(self) -> int:
        """Return how many workers have died since the start."""
        with self._changed:
            return self._deaths

    def warmed(self) -> tuple[Any, ...]:
        """Return what each worker said when it was ready for the last time."""
        return tuple(lane.warmed for lane in self._every() if lane.has_warmed)

    def pids(self) -> tuple[int, ...]:
        """Return the process ids of the workers."""
        return tuple(lane.pid for lane in self._every() if lane.pid is not None)

    def run(
        self,
        subject: str,
        seconds: float,
        before: Callable[[], None],
        method: Callable[With[Desk, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Have a worker do a piece of work, and return what it returned.

        A worker that worked on ``subject`` of late is taken, if it is free: it has its images still
        decoded. Subjects that a worker has died of before are worked on one after another, so
        that they never hold all workers. ``before`` is called once a worker is taken; what it
        raises comes back.

        Raises
        ------
        AwayError, WorkRefusedError, WorkFailedError
            What the desk raised.
        NoWorkerError
            No worker was free within the patience.
        WorkerDiedError
            The worker died of it, or took longer than ``seconds`` once it had begun.
        SystemExit
            The workers are stopped.
        """
        assert not kwargs  # noqa: S101 - there are none in `perform`
        lane = self._take(subject)
        try:
            before()
        except BaseException:
            self._give_back(lane)
            raise
        value: R = self._run(lane, seconds, method, args)
        return value

    def spare(
        self,
        subject: str,
        seconds: float,
        method: Callable[With[Desk, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R | None:
        """Have a worker that nobody else waits for do what may as well not be done.

        Returns what it returned; None where no worker is free. Raises what `run` raises.
        """
        assert not kwargs  # noqa: S101 - there are none in `perform`
        with self._changed:
            if self._closed or self._waiting or not self._has_idle() or self._must_wait(subject):
                return None
            lane = self._chosen(subject)
            self._ahead[lane] = subject
        value: R = self._run(lane, seconds, method, args)
        return value

    def _run(
        self,
        lane: Lane[Desk],
        seconds: float,
        method: Callable[..., Any],
        args: tuple[Any, ...],
    ) -> Any:
        try:
            outcome = lane.run(method, args, seconds)
        except WorkerDiedError as death:
            self._died(lane, method, death)
            raise
        except BaseException:
            self._died(lane, method, WorkerDiedError("answered with what cannot be read"))
            raise
        self._acquit(lane)
        self._give_back(lane)
        return _value(outcome)

    def _take(self, subject: str) -> Lane[Desk]:
        with self._changed:
            self._waiting += 1
            if self._relief is not None and not self._idle:
                self._changed.notify_all()  # whoever stands by counts the seconds
            try:
                self._changed.wait_for(
                    lambda: self._has_idle_for(subject) or self._is_in_vain(), self._patience
                )
            finally:
                self._waiting -= 1
            if self._closed:
                raise SystemExit("the workers are stopped")
            if not self._has_idle_for(subject):
                raise NoWorkerError("no worker process is free, or none can be started")
            return self._chosen(subject)

    def _is_in_vain(self) -> bool:
        """Whether nobody is to be waited for: the last try to start each of them has failed."""
        return self._patience is not None and self._down.issuperset(self._all)

    def _has_idle_for(self, subject: str) -> bool:
        """Whether to go on: a worker that is at the same subject already is waited for."""
        return self._has_idle() and (
            self._closed or not (subject in self._ahead.values() or self._must_wait(subject))
        )

    def _must_wait(self, subject: str) -> bool:
        """Whether another subject has the one worker that what is deadly may have."""
        return len(self._all) > 1 and bool(self._on_trial) and subject in self._suspects

    def _chosen(self, subject: str) -> Lane[Desk]:
        known = (each for each in self._idle if subject in self._known.get(each, ()))
        lane = next(known, self._idle[0])
        self._idle.remove(lane)
        of_late = self._known.setdefault(lane, deque(maxlen=_KNOWN))
        if subject in of_late:
            of_late.remove(subject)
        of_late.appendleft(subject)
        self._since[lane] = time.monotonic()
        if subject in self._suspects:
            self._on_trial[lane] = subject
        return lane

    def _acquit(self, lane: Lane[Desk]) -> None:
        """Suspect nothing any more that a worker has done."""
        with self._changed:
            self._suspects.discard(self._on_trial.get(lane, ""))

    def _has_idle(self) -> bool:
        """Whether somebody can go on; a worker that has died of nothing is replaced here."""
        for lane in [each for each in self._idle if not each.is_alive()]:
            _LOG.error("worker died while it was idle")
            self._idle.remove(lane)
            self._deaths += 1
            self._replace(lane)
        return bool(self._idle) or self._closed

    def _give_back(self, lane: Lane[Desk]) -> None:
        with self._changed:
            self._ahead.pop(lane, None)
            self._since.pop(lane, None)
            self._on_trial.pop(lane, None)
            if not self._closed:
                self._idle.append(lane)
                self._changed.notify_all()
                return
        lane.close()

    def _died(self, lane: Lane[Desk], method: Callable[..., Any], death: WorkerDiedError) -> None:
        lane.end()
        with self._changed:
            self._ahead.pop(lane, None)
            self._since.pop(lane, None)
            self._suspect(lane)
            self._changed.notify_all()
            if self._closed:
                raise SystemExit("the workers are stopped")
            self._deaths += 1
        _LOG.error("worker died method=%s reason=%r", named(method), str(death))
        self._replace(lane)

    def _suspect(self, lane: Lane[Desk]) -> None:
        """Suspect what a worker has died of; the second time it is not tried again."""
        if tried := self._on_trial.pop(lane, ""):
            self._suspects.discard(tried)
        else:
            self._suspects.add(self._known[lane][0])

    def _replace(self, lane: Lane[Desk]) -> None:
        with self._changed:
            self._ended.add(lane)
            self._changed.notify_all()

    def _keep(self, lane: Lane[Desk]) -> None:
        """Begin a worker, and another whenever it has ended, until the workers are stopped."""
        while True:
            self._begin(lane)
            with self._changed:
                self._changed.wait_for(lambda: self._closed or lane in self._ended)
                if self._closed:
                    return
                self._ended.discard(lane)

    def _every(self) -> tuple[Lane[Desk], ...]:
        return self._all if self._relief is None else (*self._all, self._relief)

    def _stand_by(self, lane: Lane[Desk]) -> None:
        """Begin the worker that helps out, and end it, whenever it is time, until they stop."""
        while True:
            if not self._is_wanted():
                return
            _LOG.warning(
                "all workers have been at one piece of work for %.0f s: another is begun",
                self._relief_seconds,
            )
            self._begin(lane)
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._has_relieved(lane))
                if self._closed:
                    return
                self._ended.discard(lane)
                if lane in self._idle:
                    self._idle.remove(lane)
            lane.close()
            _LOG.info("nobody waits for a worker any more: the additional one has ended")

    def _is_wanted(self) -> bool:
        """Wait until whoever waits needs help; False where the workers were stopped before."""
        with self._changed:
            while not self._closed and (left := self._until_stalled()) > 0:
                self._changed.wait(left if self._waiting else None)
            return not self._closed

    def _until_stalled(self) -> float:
        """Return the seconds until whoever waits needs help; more than 0 where nobody does."""
        if not self._waiting or self._idle or not all(each in self._since for each in self._all):
            return self._relief_seconds
        begun = max(self._since[each] for each in self._all)
        return begun + self._relief_seconds - time.monotonic()

    def _has_relieved(self, lane: Lane[Desk]) -> bool:
        """Whether the additional worker has died, or is free as another one is."""
        if lane in self._ended:
            return True
        return not self._waiting and lane in self._idle and len(self._idle) > 1

    def _begin(self, lane: Lane[Desk]) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                lane.begin()
            except WorkerDiedError as death:
                with self._changed:
                    if self._closed:
                        return
                    self._down.add(lane)
                    self._changed.notify_all()
                _LOG.error("worker not started reason=%r", str(death))
                with self._changed:
                    self._changed.wait_for(lambda: self._closed, pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            with self._changed:
                self._down.discard(lane)
                self._known.pop(lane, None)
            self._give_back(lane)
            return


def _value(outcome: Outcome) -> Any:
    if outcome.away:
        raise AwayError(outcome.away)
    if outcome.refused:
        raise WorkRefusedError(outcome.refused)
    if outcome.failed:
        raise WorkFailedError(outcome.failed)
    return outcome.value
