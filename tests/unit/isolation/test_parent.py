"""Workers are forked from one prepared parent, which nothing but the node's end ends."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

import psutil
import pytest

from dicom_node.isolation.errors import WorkerDiedError
from dicom_node.isolation.lane import Lane, LaneSetup
from dicom_node.isolation.lanes import Lanes
from dicom_node.isolation.worker import Limits
from dicom_node.node.analyst import TOOLS
from tests.peers.process import wait_until
from tests.unit.isolation.desk import HostileDesk, MakeDesk, SlowStart

pytestmark = pytest.mark.slow

LONG = 120.0
ROOT = Path(__file__).parents[3]
# What a fork of the parent finds: how many threads there are in it, and how many are left behind.
FORK = f"""
import os, {TOOLS}
threads = lambda: len(os.listdir("/proc/self/task"))
child = os.fork()
if not child:
    os._exit(threads())
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), threads())
"""


def nothing() -> None:
    """Do nothing before the work."""


@pytest.fixture
def lanes(tmp_path: Path) -> Iterator[Lanes[HostileDesk]]:
    make = MakeDesk(tmp_path)
    made = Lanes(
        LaneSetup(make_desk=make, warm=HostileDesk.warm, prepare=make.prepare, limits=Limits()),
        count=2,
    )
    made.start()
    yield made
    made.stop()


def parent_of(lanes: Lanes[HostileDesk]) -> psutil.Process:
    worker = psutil.Process(lanes.run("s", LONG, nothing, HostileDesk.pid))
    found = worker.parent()
    assert found is not None
    assert found.pid != os.getpid()
    return found


def test_all_workers_have_the_same_parent(lanes: Lanes[HostileDesk]) -> None:
    parent = parent_of(lanes)
    wait_until(lambda: len(lanes.pids()) == 2, "both workers to run")
    assert {psutil.Process(each).ppid() for each in lanes.pids()} == {parent.pid}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_ends_a_service_does_not_end_the_parent_before_the_node(
    lanes: Lanes[HostileDesk], number: int
) -> None:
    """A supervisor signals all of a service's processes; studies are finished first."""
    parent = parent_of(lanes)
    parent.send_signal(number)
    victim = lanes.run("s", LONG, nothing, HostileDesk.pid)
    os.kill(victim, signal.SIGKILL)  # its successor comes of the same parent
    wait_until(lambda: lanes.down() == 1, "the worker to be known as lost")
    assert parent_of(lanes).pid == parent.pid


def test_work_goes_on_with_another_parent_when_one_has_died(lanes: Lanes[HostileDesk]) -> None:
    """The machine's memory killer takes whom it likes."""
    parent = parent_of(lanes)
    wait_until(lambda: len(lanes.pids()) == 2, "both workers to run")
    orphans = lanes.pids()
    parent.kill()
    wait_until(lambda: lanes.down() == 2, "both workers to be known as lost")
    assert lanes.run("s", LONG, nothing, HostileDesk.twice, 3) == 6
    assert parent_of(lanes).pid != parent.pid
    wait_until(lambda: not any(map(psutil.pid_exists, orphans)), "the old workers to end")


def test_workers_and_their_parent_end_with_a_node_that_is_killed(tmp_path: Path) -> None:
    node = subprocess.Popen(
        [sys.executable, "-m", "tests.unit.isolation.a_node", str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert node.stdout is not None
    pids = [int(each) for each in node.stdout.readline().split()]
    assert len(pids) == 2
    assert all(map(psutil.pid_exists, pids))
    node.kill()
    node.wait(LONG)
    node.stdout.close()
    wait_until(lambda: not any(map(psutil.pid_exists, pids)), "worker and parent to end")


def test_a_worker_that_is_still_starting_is_stopped_at_once(tmp_path: Path) -> None:
    make = SlowStart(tmp_path)
    lane = Lane(
        LaneSetup(make_desk=make, warm=HostileDesk.warm, prepare=make.prepare, limits=Limits())
    )
    ended = threading.Event()

    def begin() -> None:
        try:
            lane.begin()
        except WorkerDiedError:
            ended.set()

    threading.Thread(target=begin, daemon=True).start()
    wait_until((tmp_path / "starts").exists, "the worker to be starting")
    lane.stop()
    assert ended.wait(LONG)
    assert not lane.is_alive()
    with pytest.raises(WorkerDiedError, match="was stopped"):
        lane.begin()


def test_work_that_is_cancelled_before_it_has_begun_was_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = MakeDesk(tmp_path)
    lane = Lane(
        LaneSetup(make_desk=make, warm=HostileDesk.warm, prepare=make.prepare, limits=Limits())
    )
    lane.begin()
    cancelled: Future[None] = Future()
    cancelled.cancel()
    monkeypatch.setattr(ProcessPoolExecutor, "submit", lambda *_args: cancelled)
    with pytest.raises(WorkerDiedError, match="was stopped"):
        lane.run(HostileDesk.pid, (), LONG)
    lane.stop()


@pytest.mark.slow
def test_what_workers_need_leaves_no_thread_that_a_fork_would_lose() -> None:
    """Those that numerical libraries start end before a fork; what others start would be lost."""
    done = subprocess.run(
        [sys.executable, "-c", FORK], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split() == ["1", "1"]
