"""Workers die of what they are given, and nothing else does."""

import functools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures.process import _ExecutorManagerThread
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from dicom_node.errors import AwayError
from dicom_node.isolation.attempts import AttemptsInMemory, Counted
from dicom_node.isolation.errors import (
    KILLED,
    NoWorkerError,
    WorkerDiedError,
    WorkFailedError,
    WorkGivenUpError,
    WorkRefusedError,
)
from dicom_node.isolation.lane import Lane, LaneSetup
from dicom_node.isolation.lanes import Lanes
from dicom_node.isolation.worker import Limits
from tests.peers.process import wait_until
from tests.unit.isolation.desk import HostileDesk, MakeDesk

LONG = 120.0
DEADLINE = 1.0
HOG = "import os; os.sched_setaffinity(0, {{{core}}}); print(flush=True)\nwhile True: pass"


def setup_of(folder: Path) -> LaneSetup[HostileDesk]:
    make = MakeDesk(folder)
    return LaneSetup(
        make_desk=make,
        warm=HostileDesk.warm,
        prepare=make.prepare,
        limits=Limits(memory_bytes=16 * 2**30),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("desk")


@pytest.fixture(scope="module")
def lanes(folder: Path) -> Iterator[Lanes[HostileDesk]]:
    """Two workers, which the tests of this module share: dead ones are replaced."""
    made = Lanes(setup_of(folder), count=2)
    made.start()
    yield made
    made.stop()
    assert made.pids() == ()


def nothing() -> None:
    """Do nothing before the work."""


def times(folder: Path, what: str) -> int:
    noted = folder / what
    return len(noted.read_text()) if noted.exists() else 0


def test_work_is_done_by_a_warm_process_that_is_not_the_nodes(lanes: Lanes[HostileDesk]) -> None:
    assert lanes.run("s", LONG, nothing, HostileDesk.twice, 21) == 42
    pids = {lanes.run("s", LONG, nothing, HostileDesk.pid) for _ in range(5)}
    assert len(pids) == 1, "the same subject is worked on by the same worker"
    assert pids <= set(lanes.pids())


def test_a_worker_is_known_by_all_that_it_did_of_late(lanes: Lanes[HostileDesk]) -> None:
    def done_by(subject: str) -> int:
        return lanes.run(subject, LONG, nothing, HostileDesk.pid)

    wait_until(lambda: len(lanes._idle) == 2, "both workers", LONG)
    first, second, third = (done_by(each) for each in ("late 1", "late 2", "late 3"))
    assert first == third != second, "work goes to whoever was free for longest"
    assert done_by("late 2") == second
    assert done_by("late 1") == first


def test_what_may_as_well_not_be_done_is_done_only_by_a_worker_that_is_free(
    folder: Path, lanes: Lanes[HostileDesk]
) -> None:
    assert lanes.spare("s", LONG, HostileDesk.twice, 21) == 42
    busy = [
        threading.Thread(target=lanes.run, args=("b", LONG, nothing, HostileDesk.wait_for, "freed"))
        for _ in range(2)
    ]
    for each in busy:
        each.start()
    wait_until(lambda: times(folder, "waits for freed") == 2, "both workers to be busy", LONG)
    assert lanes.spare("s", LONG, HostileDesk.twice, 21) is None
    (folder / "freed").touch()
    for each in busy:
        each.join(LONG)
    assert lanes.spare("s", LONG, HostileDesk.twice, 21) == 42


def test_who_wants_more_of_what_is_looked_at_already_waits_for_that_worker(
    folder: Path, lanes: Lanes[HostileDesk]
) -> None:
    ahead = threading.Thread(
        target=lanes.spare, args=("early", LONG, HostileDesk.wait_for, "looked")
    )
    ahead.start()
    wait_until(lambda: times(folder, "waits for looked") == 1, "a worker to look", LONG)
    said: list[int] = []
    wants = threading.Thread(
        target=lambda: said.append(lanes.run("early", LONG, nothing, HostileDesk.pid))
    )
    wants.start()
    other = lanes.run("other", LONG, nothing, HostileDesk.pid)
    assert said == [], "another worker was free, and has not seen it"
    (folder / "looked").touch()
    wants.join(LONG)
    ahead.join(LONG)
    assert said != [other]
    assert len(said) == 1


def test_a_worker_that_dies_of_what_was_looked_at_ahead_counts_as_an_attempt(
    lanes: Lanes[HostileDesk],
) -> None:
    store = AttemptsInMemory()
    counted = Counted(lanes, store)
    wait_until(lambda: counted.spare("1.2.9", LONG, HostileDesk.twice, 1) == 2, "a worker", LONG)
    assert counted.spare("1.2.9", LONG, HostileDesk.crash_ahead) is None
    wait_until(lambda: counted.spare("1.2.8", LONG, HostileDesk.twice, 1) == 2, "a worker", LONG)
    deaths = lanes.deaths()
    assert counted.spare("1.2.9", LONG, HostileDesk.crash_ahead) is None
    assert lanes.deaths() == deaths, "another image of the study kills no other worker"
    with pytest.raises(WorkGivenUpError):
        counted.run("1.2.9", LONG, HostileDesk.crash_ahead)
    before = store.begin("analysis 1.2.9", "1.2.9")
    assert before.deaths == 2


def test_what_is_away_is_told_from_what_is_refused(lanes: Lanes[HostileDesk]) -> None:
    with pytest.raises(AwayError, match="cannot be reached"):
        lanes.run("s", LONG, nothing, HostileDesk.wait)
    with pytest.raises(AwayError, match="the disk is full"):
        lanes.run("s", LONG, nothing, HostileDesk.fill)
    assert lanes.run("s", LONG, nothing, HostileDesk.twice, 4) == 8


def test_what_the_desk_refuses_is_refused_in_its_words(lanes: Lanes[HostileDesk]) -> None:
    deaths = lanes.deaths()
    with pytest.raises(WorkRefusedError, match="the model is not installed"):
        lanes.run("s", LONG, nothing, HostileDesk.refuse)
    assert lanes.deaths() == deaths


def test_an_unforeseen_error_is_told_by_its_kind_and_not_by_its_words(
    lanes: Lanes[HostileDesk],
) -> None:
    with pytest.raises(WorkFailedError, match="KeyError") as failed:
        lanes.run("s", LONG, nothing, HostileDesk.fail)
    assert "PATIENT" not in str(failed.value)


@pytest.mark.parametrize(
    ("method", "seconds", "words"),
    [
        (HostileDesk.crash, LONG, "was ended by SIGSEGV"),
        (HostileDesk.panic, LONG, "panicked"),
        (HostileDesk.devour, LONG, "ran out of memory"),
        (HostileDesk.hang, 1.0, "took longer than 1 seconds"),
    ],
)
def test_whatever_kills_is_tried_twice_and_never_again(
    lanes: Lanes[HostileDesk],
    folder: Path,
    method: Callable[[HostileDesk], Any],
    seconds: float,
    words: str,
) -> None:
    store = AttemptsInMemory()
    for _ in range(3):
        counted = Counted(lanes, store)  # as after a restart
        with pytest.raises(WorkGivenUpError, match=words):
            counted.run("1.2.3", seconds, method)
    assert times(folder, method.__name__) == 2
    assert Counted(lanes, store).run("1.2.4", LONG, HostileDesk.twice, 2) == 4


def test_what_kills_once_is_done_by_the_second_worker(
    lanes: Lanes[HostileDesk], folder: Path
) -> None:
    store = AttemptsInMemory()
    assert Counted(lanes, store).run("1.2.3", LONG, HostileDesk.crash_once) == "done"
    assert times(folder, "crash_once") == 2
    assert not store.begin("analysis 1.2.3", "1.2.3").begun, "what ended well is forgotten"


def test_other_work_goes_on_beside_what_hangs(lanes: Lanes[HostileDesk], folder: Path) -> None:
    hangs = threading.Thread(
        target=lanes.run, args=("stuck", LONG, nothing, HostileDesk.wait_for, "released")
    )
    hangs.start()
    wait_until(lambda: times(folder, "waits for released") == 1, "the first to be at work")
    assert [lanes.run("s", LONG, nothing, HostileDesk.twice, number) for number in range(5)] == [
        0, 2, 4, 6, 8,
    ]  # fmt: skip
    (folder / "released").touch()
    hangs.join(LONG)
    assert not hangs.is_alive()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="the kernel does not tell")
def test_work_that_a_busy_machine_keeps_from_the_processor_is_not_blamed(tmp_path: Path) -> None:
    """Its deadline is of its own time: what others take of the processor does not count."""
    core = min(os.sched_getaffinity(0))
    hogs = [
        subprocess.Popen([sys.executable, "-c", HOG.format(core=core)], stdout=subprocess.PIPE)
        for _ in range(6)
    ]
    made = Lanes(setup_of(tmp_path), count=1)
    try:
        for hog in hogs:
            assert hog.stdout is not None
            hog.stdout.readline()  # it is at work
        made.start()
        wait_until(lambda: made.pids() != (), "the worker")
        took = made.run("busy", DEADLINE, nothing, HostileDesk.labour, DEADLINE / 3, core)
    finally:
        made.stop()
        for hog in hogs:
            hog.kill()
            hog.communicate()
    assert took > DEADLINE


def test_what_workers_have_died_of_never_holds_all_of_them(
    lanes: Lanes[HostileDesk], folder: Path
) -> None:
    for subject in ("first", "second"):
        with pytest.raises(WorkerDiedError):
            lanes.run(subject, LONG, nothing, HostileDesk.crash_ahead)
    again = [
        threading.Thread(target=lanes.run, args=(subject, LONG, nothing, HostileDesk.wait_for, it))
        for subject, it in (("first", "sentence"), ("second", "verdict"))
    ]
    again[0].start()
    wait_until(lambda: times(folder, "waits for sentence") == 1, "the first to be tried again")
    again[1].start()
    assert [lanes.run("s", LONG, nothing, HostileDesk.twice, number) for number in range(5)] == [
        0, 2, 4, 6, 8,
    ]  # fmt: skip
    assert lanes.spare("second", LONG, HostileDesk.twice, 1) is None
    assert times(folder, "waits for verdict") == 0, "one after another"
    for it in ("sentence", "verdict"):
        (folder / it).touch()
    for each in again:
        each.join(LONG)
        assert not each.is_alive()
    assert times(folder, "waits for verdict") == 1
    assert lanes.spare("second", LONG, HostileDesk.twice, 1) == 2, "acquitted"


def test_a_worker_that_dies_while_idle_is_replaced_without_harm(
    lanes: Lanes[HostileDesk],
) -> None:
    """The machine's memory killer takes whom it likes."""
    victim = lanes.run("idle", LONG, nothing, HostileDesk.pid)
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: lanes.down() == 1, "the death to be known")
    assert lanes.run("idle", LONG, nothing, HostileDesk.twice, 3) == 6
    wait_until(lambda: lanes.down() == 0, "another worker to take its place")


def test_a_worker_that_no_thread_could_watch_is_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit of processes and threads is reached, and is not any more."""
    refused: list[BaseProcess] = []
    start = _ExecutorManagerThread.start

    def start_unless_first(thread: _ExecutorManagerThread) -> None:
        if not refused:
            refused.extend(thread.processes.values())
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(_ExecutorManagerThread, "start", start_unless_first)
    made = Lanes(setup_of(tmp_path), count=1)
    made.start()
    assert made.run("s", LONG, nothing, HostileDesk.twice, 2) == 4
    wait_until(lambda: not refused[0].is_alive(), "the first process to be ended")
    made.stop()


def test_a_worker_that_dies_where_no_thread_can_be_started_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever replaces it must not need what there is none of."""
    made = Lanes(setup_of(tmp_path), count=1)
    made.start()
    working = threading.current_thread()
    start = threading.Thread.start

    def start_elsewhere_only(thread: threading.Thread) -> None:
        # Whoever begins a worker needs threads as well, and tries again (see above).
        if threading.current_thread() is working:
            raise RuntimeError("can't start new thread")
        start(thread)

    try:
        victim = made.run("s", LONG, nothing, HostileDesk.pid)
        monkeypatch.setattr(threading.Thread, "start", start_elsewhere_only)
        with pytest.raises(WorkerDiedError):
            made.run("s", LONG, nothing, HostileDesk.crash)
        assert made.run("s", LONG, nothing, HostileDesk.pid) != victim
    finally:
        monkeypatch.undo()
        made.stop()


def test_who_waits_when_the_workers_stop_is_ended_and_not_blamed(tmp_path: Path) -> None:
    made = Lanes(setup_of(tmp_path), count=1)
    made.start()
    store, ended = AttemptsInMemory(), threading.Event()

    def work() -> None:
        try:
            Counted(made, store).run("1.2.3", LONG, HostileDesk.wait_for, "never")
        except SystemExit:
            ended.set()

    worker = threading.Thread(target=work)
    worker.start()
    wait_until(lambda: times(tmp_path, "waits for never") == 1, "the work to begin")
    made.stop()
    worker.join(LONG)
    assert ended.is_set()
    assert store.begin("analysis 1.2.3", "1.2.3").begun == 0


def test_a_worker_that_somebody_kills_is_told_from_one_that_its_work_killed(
    lanes: Lanes[HostileDesk], folder: Path
) -> None:
    victim = lanes.run("murder", LONG, nothing, HostileDesk.pid)
    words: list[str] = []

    def work() -> None:
        try:
            lanes.run("murder", LONG, nothing, HostileDesk.wait_for, "its end")
        except WorkerDiedError as death:
            words.append(str(death))

    worker = threading.Thread(target=work)
    worker.start()
    wait_until(lambda: times(folder, "waits for its end") == 1, "the work to begin")
    os.kill(victim, signal.SIGKILL)
    worker.join(LONG)
    assert words == [KILLED]


def test_work_that_waits_for_a_worker_has_not_begun(tmp_path: Path) -> None:
    """A node that is killed while its workers start blames no study."""
    made = Lanes(setup_of(tmp_path), count=1)
    begun = threading.Event()
    ended = threading.Event()

    def work() -> None:
        try:
            made.run("1.2.3", LONG, begun.set, HostileDesk.twice, 1)
        except SystemExit:
            ended.set()

    waiting = threading.Thread(target=work)
    waiting.start()
    made.stop()
    waiting.join(LONG)
    assert ended.is_set()
    assert not begun.is_set()


def test_what_forbids_the_work_costs_no_worker(lanes: Lanes[HostileDesk], folder: Path) -> None:
    def forbid() -> None:
        raise WorkGivenUpError("enough")

    with pytest.raises(WorkGivenUpError, match="enough"):
        lanes.run("s", LONG, forbid, HostileDesk.wait_for, "forbidden")
    assert times(folder, "waits for forbidden") == 0
    assert lanes.run("s", LONG, nothing, HostileDesk.twice, 1) == 2


def test_a_worker_that_cannot_begin_is_counted_as_down(tmp_path: Path) -> None:
    setup = setup_of(tmp_path)
    too_little = LaneSetup(
        make_desk=setup.make_desk,
        warm=setup.warm,
        prepare=setup.prepare,
        limits=Limits(memory_bytes=2**20),
    )
    made = Lanes(too_little, count=1)
    made.start()
    try:
        wait_until(lambda: made.down() == 1, "the worker to be known as down")
    finally:
        made.stop()


def test_a_worker_whose_desk_does_not_get_ready_is_tried_again(tmp_path: Path) -> None:
    # As the node's workers get ready: by a method with its arguments already given.
    setup = replace(setup_of(tmp_path), warm=functools.partial(HostileDesk.warm_second))
    made = Lanes(setup, count=1)
    made.start()
    try:
        assert made.run("s", LONG, nothing, HostileDesk.twice, 1) == 2
    finally:
        made.stop()


def test_who_is_not_served_in_time_is_told(tmp_path: Path) -> None:
    made = Lanes(setup_of(tmp_path), count=1, patience=0.2)
    made.start()
    try:
        wait_until(lambda: bool(made.warmed()), "the worker to be ready", LONG)
        busy = threading.Thread(
            target=lambda: made.run("s", LONG, nothing, HostileDesk.wait_for, "go"), daemon=True
        )
        busy.start()
        wait_until(lambda: times(tmp_path, "waits for go") == 1, "the worker to be busy", LONG)
        with pytest.raises(NoWorkerError):
            made.run("t", LONG, nothing, HostileDesk.twice, 1)
    finally:
        (tmp_path / "go").touch()
        busy.join()
        made.stop()


def test_where_all_workers_hang_another_helps_for_as_long_as_somebody_waits(tmp_path: Path) -> None:
    made = Lanes(setup_of(tmp_path), count=1, relief=0.2)
    made.start()
    try:
        wait_until(lambda: bool(made.warmed()), "the worker to be ready", LONG)
        hangs = threading.Thread(
            target=lambda: made.run("s", LONG, nothing, HostileDesk.wait_for, "go"), daemon=True
        )
        hangs.start()
        wait_until(lambda: times(tmp_path, "waits for go") == 1, "the worker to hang", LONG)
        assert made.run("t", LONG, nothing, HostileDesk.twice, 1) == 2
        assert len(made.pids()) == 2
        (tmp_path / "go").touch()
        hangs.join()
        wait_until(lambda: len(made.pids()) == 1, "the other one to end", LONG)
        assert made.run("s", LONG, nothing, HostileDesk.twice, 2) == 4
        assert made.deaths() == 0
    finally:
        (tmp_path / "go").touch()
        made.stop()
    assert made.pids() == ()


def test_nobody_is_waited_for_without_a_worker() -> None:
    with pytest.raises(WorkerDiedError, match="is not running"):
        Lane(setup_of(Path())).run(HostileDesk.pid, (), 1.0)
