"""Sweeps: looks for what nobody has told of, one after another, while there may be something.

At rest there is nothing to look for: a commit in a database, by whatever process, or a row that
time makes due, ends it. A net lies behind that: whatever is overlooked is found a minute later.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

_LOG = logging.getLogger(__name__)
# A sweep that lasts longer, as one that waits for a peer, lets the next begin beside it.
_MOMENT = 1.0
_NET = 60.0
_MOST = 16


def one_after_another(parts: Callable[[], Iterable[Callable[[], object]]]) -> Callable[[], None]:
    """Return one part of several that keep their order and none of which holds up the others.

    What has failed it raises at its end, all together (ExceptionGroup).
    """

    def run() -> None:
        errors = []
        for part in parts():
            try:
                part()
            except Exception as error:  # noqa: BLE001  # what is away for one is not for all
                errors.append(error)
        if errors:
            raise ExceptionGroup("parts broke off", errors)

    return run


class Sweeps:
    """Runs parts again and again, between ``start`` and ``stop``; none twice at a time."""

    def __init__(
        self,
        *,
        seconds: float,
        news: Sequence[Callable[[], bool]],
        waits: Callable[[], bool],
        resting: Callable[[bool], None],
        leads: Callable[[], bool],
        net: float = _NET,
    ) -> None:
        """Run nothing yet.

        Each look, ``seconds`` after the last, asks every one of ``news`` whether something may
        have changed since it was asked last, and runs the parts where it may; or where the parts
        had left something that ``waits``; or ``net`` seconds after they ran last. ``resting`` is
        told of each look whether it was left at that. ``leads`` says whether this host does what
        one of them does for all.
        """
        self._seconds, self._net = seconds, max(net, seconds)
        self._news, self._waits, self._resting, self._leads = news, waits, resting, leads
        self._parts: list[Callable[[], object]] = []
        self._at_once: list[int] = []
        self._running: dict[int, Future[bool]] = {}
        self._pool = ThreadPoolExecutor(_MOST, thread_name_prefix="sweep")
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="sweeps", daemon=True)
        self._led = False
        self._is_something_left, self._ran_at = True, time.monotonic()

    def add(
        self, part: Callable[[], object], *, for_all: bool = False, at_once: bool = False
    ) -> None:
        """Take another part, to be run ``at_once`` when they start, too.

        One ``for_all`` hosts is done by the one that leads.
        """
        if at_once:
            self._at_once.append(len(self._parts))
        self._parts.append(self._once(part) if for_all else part)

    def start(self) -> None:
        """Begin: parts run when ``seconds`` have passed, or at once."""
        self._thread.start()

    def stop(self) -> None:
        """Run nothing more, and wait for what is running."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        self._pool.shutdown()

    def _work(self) -> None:
        self._guarded(lambda: self._round(self._at_once))
        while not self._over.wait(self._seconds):
            if not self._guarded(self._look):
                self._is_something_left = True

    def _look(self) -> None:
        is_told = self._is_told()
        is_late = time.monotonic() - self._ran_at >= self._net
        if is_told or is_late or self._is_something_left:
            self._ran_at = time.monotonic()
            is_done = self._round(range(len(self._parts)))
            self._is_something_left = not is_done or self._is_waiting()
        self._resting(not (is_told or self._is_something_left))

    def _is_told(self) -> bool:
        leads = self._leads()
        is_other, self._led = leads != self._led, leads
        # Every one is asked: each knows only what came since it was asked.
        return any([is_other, *(each() for each in self._news)])

    def _is_waiting(self) -> bool:
        try:
            return self._waits()
        except Exception:  # noqa: BLE001  # most likely the database is away, and comes back
            return True

    def _round(self, parts: Iterable[int]) -> bool:
        """Run parts; return whether all have ended, none in an error."""
        outcomes = self._ended()
        for each in parts:
            if self._over.is_set():
                return False
            if each not in self._running:
                self._running[each] = self._pool.submit(self._guarded, self._parts[each])
                wait([self._running[each]], _MOMENT)
        outcomes += self._ended()
        return not self._running and all(outcomes)

    def _ended(self) -> list[bool]:
        """Take away what has ended; return which of it did well."""
        ended = [number for number, each in self._running.items() if each.done()]
        return [self._running.pop(number).result() for number in ended]

    def _guarded(self, part: Callable[[], object]) -> bool:
        """Whether it was done; who sweeps lives on in any case."""
        try:
            part()
        except Exception:  # noqa: BLE001  # what is away for one must not stop the others
            _LOG.exception("a sweep broke off; the next one does it again")
            return False
        return True

    def _once(self, part: Callable[[], object]) -> Callable[[], object]:
        def run() -> None:
            if self._leads():
                part()

        return run
