"""When DBOS looks for work: as soon as there is some, and otherwise seldom.

DBOS asks its database once a second for each queue, for delays that have passed, for queues and for
schedules, and ten times a second (SQLite) or a hundred (PostgreSQL) for messages between workflows,
which this node does not send. At rest that was 15 of a node's 17 wake-ups a second, and four fifths
of its processor time. DBOS cannot be told that there is work; but its threads wait between two
looks on events of its own that tell them to stop, and those are made to end a wait for news, too.

No other module touches a name of DBOS that begins with an underscore; a test fails when another
version of DBOS changes one. Whoever is not told still finds out: a look is never left out, only
taken later.
"""

import heapq
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import psycopg
from dbos import DBOS
from dbos._sys_db_postgres import PostgresSystemDatabase

# Seconds after which threads look without news; where hosts share a database, below the five for
# which one of them may hold the lock of those who see to delays (test_looks names DBOS' constant).
_NET, _SHARED_NET = 10.0, 3.0
# While nothing is under way, and whatever changes in the database is told of.
_RESTING_NET = 300.0
# So long after news, looks are as frequent as DBOS has them: a queue may have been full or locked.
_LIVELY = 3.0
# Of one who has looked too early, by the clocks' grain, another look is asked for this much later.
_GRAIN = 0.005


class Bell(Protocol):
    """How hosts that share a workflow store tell each other that there is work."""

    def ring(self, seconds: float = 0.0) -> None:
        """Say that something is in a queue, or will be in ``seconds``; its row is committed."""

    def is_heard(self) -> bool:
        """Whether what others ring is heard at the moment."""

    def listen(self, told: Callable[[float], None]) -> None:
        """Call ``told`` with the seconds of each ring, and with 0 when some may be missed."""

    def stop(self) -> None:
        """Hear and ring nothing more."""


class News:
    """Waits of DBOS' threads, which end when there is news, when something is due, or at the stop.

    It takes the place of ``wait`` and ``set`` of the event that tells the threads to stop.
    """

    def __init__(
        self,
        stopping: threading.Event,
        *,
        net: Callable[[], float],
        looked: Callable[[bool], None] | None = None,
    ) -> None:
        """Take over an event; threads look after ``net`` seconds without news, or as DBOS has it.

        ``looked`` is called when a thread has done its look, with whether news had woken it.
        """
        self._net = net
        self._looked = looked
        self._condition = threading.Condition()
        self._count = 0
        self._due: list[float] = []
        self._lively_until = time.monotonic() + _LIVELY
        self._mine = threading.local()
        self._is_stopping, self._stop = stopping.is_set, stopping.set
        stopping.wait = self.wait  # type: ignore[method-assign]
        stopping.set = self.stop  # type: ignore[method-assign]

    def tell(self) -> None:
        """Have every thread look, now or as soon as it has done what it is doing."""
        with self._condition:
            self._lively_until = time.monotonic() + _LIVELY
            self._tell()

    def tell_once(self) -> None:
        """Have every thread look, and then rest as before: most probably there is nothing."""
        with self._condition:
            self._tell()

    def tell_in(self, seconds: float) -> None:
        """Have every thread look when that much time has passed."""
        with self._condition:
            heapq.heappush(self._due, time.monotonic() + seconds + _GRAIN)
            self._condition.notify_all()

    def stop(self) -> None:
        """Tell the threads to stop (threading.Event.set)."""
        self._stop()
        with self._condition:
            self._condition.notify_all()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the stop, for news, or for long (threading.Event.wait)."""
        if timeout is not None and timeout <= 0:
            return self._is_stopping()
        if self._looked is not None and getattr(self._mine, "has_waited", False):
            self._looked(self._mine.was_told)
        with self._condition:
            self._mine.was_told = self._wait(self._net() if timeout is None else timeout)
            self._mine.has_waited = True
            self._mine.count = self._count
            return self._is_stopping()

    def _wait(self, pace: float) -> bool:
        """Return whether there was news."""
        begun = time.monotonic()
        while not self._is_stopping():
            now = time.monotonic()
            while self._due and self._due[0] <= now:
                heapq.heappop(self._due)
                self._lively_until = now + _LIVELY
                self._tell()
            if getattr(self._mine, "count", 0) != self._count:
                return True
            end = begun + (pace if now < self._lively_until else max(pace, self._net()))
            if now >= end:
                return False
            self._condition.wait(min([end, *self._due[:1]]) - now)
        return False

    def _tell(self) -> None:
        self._count += 1
        self._condition.notify_all()


class Looks:
    """The looks of one DBOS, from its launch until ``stop``; before, DBOS takes its own."""

    def __init__(self) -> None:
        """Know of no DBOS yet."""
        self._dbos: DBOS | None = None
        self._bell: Bell | None = None
        self._queues: tuple[News, ...] = ()
        self._delays: News | None = None
        self._is_resting = False

    def make_rare(self, dbos: DBOS, bell: Bell | None) -> None:
        """Make the looks of a DBOS that has been launched rare.

        Where other hosts fill the queues too, ``bell`` tells of it; while it is not heard, looks
        are as frequent as DBOS has them.
        """
        self._dbos = dbos
        self._bell = bell
        self._queues = tuple(
            News(each, net=self._net) for each in dbos.background_thread_stop_events
        )
        self._delays = News(
            dbos._background_jobs_stop_event,  # noqa: SLF001
            net=self._net,
            looked=self._delays_seen,
        )
        # Ends the threads that listen for messages between workflows and that pass them on.
        dbos._sys_db._run_background_processes = False  # noqa: SLF001
        if isinstance(dbos._sys_db, PostgresSystemDatabase):  # noqa: SLF001
            _end_listening(dbos._sys_db)  # noqa: SLF001
        if bell is not None:
            bell.listen(self._hear)

    def tell(self) -> None:
        """Say that a queue of which this host alone knows has work, or room."""
        for each in self._queues:
            each.tell()

    def tell_all(self, seconds: float = 0.0) -> None:
        """Say to all hosts that a queue has work, or will have when ``seconds`` have passed."""
        self._hear(seconds)
        if self._bell is not None:
            self._bell.ring(seconds)

    def rest(self, is_resting: bool) -> None:
        """Say whether nothing is under way, and who says so hears of all that is committed.

        Looks are rarer still then. The end of such a rest leads to one look: most probably another
        process has filled a queue, or begun a delay.
        """
        was_resting, self._is_resting = self._is_resting, is_resting
        if was_resting and not is_resting:
            for each in (*self._queues, *([self._delays] if self._delays else [])):
                each.tell_once()

    def stop(self, timeout: float) -> None:
        """Take nothing more from queues, and wait until what runs has ended, or for ``timeout``."""
        if self._bell is not None:
            self._bell.stop()
        for each in self._queues:
            each.stop()
        deadline = time.monotonic() + timeout
        while self._running() and time.monotonic() < deadline:
            time.sleep(0.02)

    def expect(self, seconds: float) -> None:
        """Say that a delay which this process has not told of ends when ``seconds`` have passed."""
        if self._delays is not None:
            self._delays.tell_in(max(seconds, 0.0))

    def _delays_seen(self, was_told: bool) -> None:
        # A delay of which nobody told, from before a restart, may have filled a queue, too.
        for each in self._queues:
            if was_told:
                each.tell()
            else:
                each.tell_once()

    def _hear(self, seconds: float) -> None:
        if seconds <= 0:
            self.tell()
        elif self._delays is not None:
            self._delays.tell_in(seconds)

    def _net(self) -> float:
        if self._bell is not None and not self._bell.is_heard():
            return 0.0
        if self._is_resting:  # there is no delay, so that it does not matter who holds their lock
            return _RESTING_NET
        return _NET if self._bell is None else _SHARED_NET

    def _running(self) -> Sequence[str]:
        return self._dbos._active_workflows_set.activeList() if self._dbos else ()  # noqa: SLF001


def _end_listening(store: PostgresSystemDatabase) -> None:
    """End the wait for notifications of a thread that is to end: it looks ten times a second.

    Closing its connection would not wake it, but leave it with a number that another connection
    may have by then. What it reads is at its end instead, and it closes the connection itself.
    """
    with store._listener_thread_lock:  # noqa: SLF001  # until it is connected
        held = store.notification_conn
        connection: object = held.dbapi_connection if held else None
        if isinstance(connection, psycopg.Connection):
            with socket.socket(fileno=os.dup(connection.fileno())) as shared:
                shared.shutdown(socket.SHUT_RDWR)
