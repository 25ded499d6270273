"""Looks for work: taken when there is news, never lost, and rare otherwise."""

import hashlib
import inspect
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from types import FunctionType
from typing import cast

import pytest
from dbos import DBOS
from dbos import _queue as dbos_queue
from dbos import _scheduler as dbos_scheduler
from dbos import _workflow_commands as dbos_jobs
from dbos._core import ActiveWorkflowById
from dbos._sys_db import SystemDatabase
from dbos._sys_db_postgres import BACKGROUND_JOB_LOCK_IDLE_TIMEOUT_MS, PostgresSystemDatabase

from dicom_node.workflow.looks import Looks, News

_LONG = 600.0  # seconds: nothing here ends because of it
_PATIENCE = 60.0
# What is relied on in its very order of steps. A failure means that another version of DBOS waits
# otherwise: read it, see that looks.py does what it says, then write down the new digest.
SOURCES: dict[FunctionType, str] = {
    dbos_queue.queue_worker_thread: "c0b22c3a946ff0c7",
    dbos_queue.queue_thread: "e54ec9c69e992899",
    dbos_jobs.background_jobs_thread: "60186147666ca45e",
    dbos_jobs._run_background_jobs: "2f011217a8e8640d",
    dbos_scheduler.dynamic_scheduler_loop: "1eda7fbefea99c94",
    DBOS._destroy: "09e06f5ebe7bcf77",
    ActiveWorkflowById.activeList: "7c8e2a3f763bffad",
    SystemDatabase._notification_listener_polling: "13239c82c462a9c0",
    PostgresSystemDatabase._notification_listener: "b780614f932cf30b",
    PostgresSystemDatabase.run_notifier: "f29709e4a56e0acc",
    PostgresSystemDatabase._cleanup_connections: "43a4091cefaae318",
}


class Looker:
    """A thread like those of DBOS: it waits on an event, looks, and waits again."""

    def __init__(self, stopping: threading.Event, look: Callable[[], None]) -> None:
        self.looks: SimpleQueue[bool] = SimpleQueue()
        self._stopping = stopping
        self._look = look
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.wait(timeout=_LONG):
            self._look()
            self.looks.put(True)

    def has_looked(self) -> bool:
        """Wait until it has looked once more."""
        return self.looks.get(timeout=_PATIENCE)

    def join(self) -> bool:
        """Wait until it has ended."""
        self._thread.join(_PATIENCE)
        return not self._thread.is_alive()


@pytest.fixture
def stopping() -> Iterator[threading.Event]:
    made = threading.Event()
    yield made
    made.set()


def nothing() -> None:
    """Look."""


def test_news_end_the_wait_of_every_thread(stopping: threading.Event) -> None:
    news = News(stopping, net=lambda: _LONG)
    lookers = [Looker(stopping, nothing) for _ in range(3)]
    news.tell()
    assert all(each.has_looked() for each in lookers)
    stopping.set()
    assert all(each.join() for each in lookers)


def test_news_that_come_during_a_look_lead_to_another(stopping: threading.Event) -> None:
    news = News(stopping, net=lambda: _LONG)
    is_looking, go_on = threading.Event(), threading.Event()

    def look() -> None:
        is_looking.set()
        assert go_on.wait(_PATIENCE)

    looker = Looker(stopping, look)
    news.tell()
    assert is_looking.wait(_PATIENCE)
    news.tell()
    go_on.set()
    assert looker.has_looked()
    assert looker.has_looked()


def test_a_delay_ends_the_wait_when_it_has_passed_whichever_was_told_first(
    stopping: threading.Event,
) -> None:
    news = News(stopping, net=lambda: _LONG)
    looker = Looker(stopping, nothing)
    news.tell_in(_LONG)
    news.tell_in(0.05)
    assert looker.has_looked()
    news.tell_in(0.0)
    assert looker.has_looked()


def test_who_is_told_passes_it_on_after_the_look(stopping: threading.Event) -> None:
    passed_on: SimpleQueue[bool] = SimpleQueue()
    looked: list[bool] = []
    news = News(
        stopping,
        net=lambda: _LONG,
        looked=lambda was_told: passed_on.put(was_told and bool(looked)),
    )
    Looker(stopping, lambda: looked.append(True))
    news.tell_in(0.0)
    assert passed_on.get(timeout=_PATIENCE)


def test_a_look_without_news_is_passed_on_too(stopping: threading.Event) -> None:
    passed_on: SimpleQueue[bool] = SimpleQueue()
    News(stopping, net=lambda: 0.01, looked=passed_on.put)

    def look() -> None:
        while not stopping.wait(timeout=0.01):
            pass

    looking = threading.Thread(target=look)
    looking.start()
    assert not passed_on.get(timeout=_PATIENCE)
    stopping.set()
    looking.join(_PATIENCE)


def test_a_single_look_is_taken_by_every_thread(stopping: threading.Event) -> None:
    news = News(stopping, net=lambda: _LONG)
    lookers = [Looker(stopping, nothing) for _ in range(2)]
    news.tell_once()
    assert all(each.has_looked() for each in lookers)


class Engine:
    """What is used of a DBOS that has been launched: its threads wait on these."""

    class Store:
        _run_background_processes = True

    def __init__(self, stopping: threading.Event) -> None:
        self.background_thread_stop_events = [threading.Event()]
        self._background_jobs_stop_event = stopping
        self._sys_db = Engine.Store()


def test_the_end_of_a_rest_is_looked_at_once_by_all_threads(stopping: threading.Event) -> None:
    looks, engine = Looks(), Engine(stopping)
    looks.make_rare(cast("DBOS", engine), None)
    (queue,) = engine.background_thread_stop_events
    lookers = [Looker(queue, nothing), Looker(stopping, nothing)]
    looks.rest(True)
    looks.rest(False)
    assert all(each.has_looked() for each in lookers)
    queue.set()


def test_a_look_that_is_not_waited_for_is_not_waited_for(stopping: threading.Event) -> None:
    News(stopping, net=lambda: _LONG)
    assert not stopping.wait(timeout=0.0)


def test_without_news_a_look_is_taken_after_a_while() -> None:
    stopping = threading.Event()
    News(stopping, net=lambda: 0.0)
    assert not stopping.wait(timeout=0.01)


def test_delays_are_looked_at_before_postgresql_takes_the_lock_away() -> None:
    assert BACKGROUND_JOB_LOCK_IDLE_TIMEOUT_MS == 5000


@pytest.mark.parametrize("function", SOURCES, ids=lambda each: each.__qualname__)
def test_what_is_relied_on_in_dbos_has_not_changed(function: FunctionType) -> None:
    assert (
        hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:16] == SOURCES[function]
    )
