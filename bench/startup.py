"""What a start of the node costs, how soon it answers, what it holds in memory, and how it rests.

    .venv/bin/python -m bench.startup [--rounds N] [--workers N] [--rest SECONDS]

Each round starts ``dicom-node serve`` on an empty data folder with an AE title of its own, then
stops it and starts it again: the figures are those of the second start, as after an update. (The
first one makes the databases and converts the models.) Rest is watched for longer than a minute,
so that what is done once a minute is in its figures. Time counts from the start of the process.
Memory is PSS, which shares what several processes map among them. The load of the machine stands
beside the figures: other work on it makes every time longer.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil
from rich.console import Console

from bench.rows import Row, as_table
from dicom_node.network.associations import Destination
from dicom_node.network.errors import AssociationError
from dicom_node.network.libraries import set_up_dicom_libraries
from dicom_node.network.storage_scu import echo
from tests.peers.process import free_port

_ROOT = Path(__file__).parents[1]
_TITLE = "AINODE"
# So long must the processes have nothing to do before they are said to rest: the other workers load
# their models after the first one is ready, and begin a sweep's interval after the start.
_QUIET_SECONDS, _QUIET_SHARE = 12.0, 0.1
_PATIENCE = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One start of a node: seconds, and PSS in MiB by what a process is."""

    echo: float
    settled: float
    cpu: float
    memory: dict[str, list[float]]
    cpu_share: float
    wake_ups: float
    stop: float
    stop_in_start: float


class _Running:
    """A node's processes, seen from outside."""

    def __init__(self, folder: Path, workers: int) -> None:
        self._port, self._web_port = free_port(), free_port()
        environment = {
            **os.environ,
            "DICOM_NODE_DATA_DIR": str(folder),
            "DICOM_NODE_NETWORK__AE_TITLE": _TITLE,
            "DICOM_NODE_NETWORK__HOST": "127.0.0.1",
            "DICOM_NODE_NETWORK__PORT": str(self._port),
            "DICOM_NODE_WEB__PORT": str(self._web_port),
            "DICOM_NODE_WORKERS__COUNT": str(workers),
        }
        command = [sys.executable, "-m", "dicom_node.cli", "--config", str(_ROOT / "config")]
        with (folder / "node.log").open("a") as log:
            self._begun = time.perf_counter()
            self._process = subprocess.Popen(
                [*command, "serve"], env=environment, stdout=log, stderr=log
            )

    def seconds_to_echo(self) -> float:
        """Wait for an answer to a C-ECHO."""
        peer = Destination(ae_title=_TITLE, host="127.0.0.1", port=self._port)
        while self._seconds() < _PATIENCE and self._process.poll() is None:
            try:
                echo(peer, calling_ae=_TITLE)
            except AssociationError:
                time.sleep(0.02)
            else:
                return self._seconds()
        sys.exit("the node never answered")

    def seconds_to_rest(self) -> float:
        """Wait until models are loaded and nothing has anything to do; return when that began."""
        while not self._is_ready():
            if self._seconds() > _PATIENCE:
                sys.exit("the node never became ready")
            time.sleep(0.1)
        since, before = self._seconds(), self.cpu()
        while self._seconds() < _PATIENCE:
            time.sleep(0.1)
            now = self.cpu()
            if now - before > _QUIET_SHARE * max(self._seconds() - since, 0.5):
                since, before = self._seconds(), now
            elif self._seconds() - since > _QUIET_SECONDS:
                return since
        sys.exit("the node never came to rest")

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._web_port}/health/ready"):
                return True
        except OSError:  # not there yet, or 503: still starting
            return False

    def cpu(self) -> float:
        """CPU seconds of all processes, ended ones included."""
        total = 0.0
        for each in self._processes():
            try:
                times = each.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system + times.children_user + times.children_system
        return total

    def memory(self) -> dict[str, list[float]]:
        """PSS in MiB: the node, its receivers (they listen), the others."""
        found: dict[str, list[float]] = {"node": [], "receiver": [], "other": []}
        for each in self._processes():
            size = each.memory_full_info().pss / 2**20
            found[self._role(each)].append(size)
        return found

    def _role(self, process: psutil.Process) -> str:
        if process.pid == self._process.pid:
            return "node"
        ports = {each.laddr.port for each in process.net_connections("tcp") if each.laddr}
        return "receiver" if self._port in ports else "other"

    def wake_ups(self) -> int:
        """How often all threads of all processes went to sleep and came back so far."""
        count = 0
        for each in self._processes():
            for status in Path(f"/proc/{each.pid}/task").glob("*/status"):
                found = re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status.read_text(), re.M)
                count += int(found[1]) if found else 0
        return count

    def seconds_to_stop(self) -> float:
        """Tell the node to stop, and wait for it."""
        begun = time.perf_counter()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(_PATIENCE)
        return time.perf_counter() - begun

    def end(self) -> None:
        """End the node if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _seconds(self) -> float:
        return time.perf_counter() - self._begun

    def _processes(self) -> list[psutil.Process]:
        node = psutil.Process(self._process.pid)
        return [node, *node.children(recursive=True)]


@contextmanager
def _running(folder: Path, workers: int) -> Iterator[_Running]:
    node = _Running(folder, workers)
    try:
        yield node
    finally:
        node.end()


def start_once(folder: Path, workers: int, rest: float) -> Start:
    """Start a node on a folder that has been used, let it rest, and stop it; twice."""
    with _running(folder, workers) as node:
        echo = node.seconds_to_echo()
        settled = node.seconds_to_rest()
        cpu, woken, since = node.cpu(), node.wake_ups(), time.perf_counter()
        time.sleep(rest)
        passed = time.perf_counter() - since
        share, wake_ups = (node.cpu() - cpu) / passed, (node.wake_ups() - woken) / passed
        memory = node.memory()
        stop = node.seconds_to_stop()
    with _running(folder, workers) as node:
        node.seconds_to_echo()
        stop_in_start = node.seconds_to_stop()
    return Start(
        echo=echo,
        settled=settled,
        cpu=cpu,
        memory=memory,
        cpu_share=share,
        wake_ups=wake_ups,
        stop=stop,
        stop_in_start=stop_in_start,
    )


def measure(rounds: int = 3, workers: int = 2, rest: float = 65.0) -> list[Row]:
    """Start nodes one after another; the figures are medians."""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="bench-startup-") as name:
        folder = Path(name)
        with _running(folder, workers) as node:
            node.seconds_to_echo()
            node.seconds_to_rest()
            node.seconds_to_stop()
        starts = [start_once(folder, workers, rest) for _ in range(rounds)]
    return list(_rows(starts, f"{rounds} starts, {workers} workers, load before {load:.1f}"))


def _rows(starts: Sequence[Start], condition: str) -> Iterator[Row]:
    for name, values, unit in (
        ("C-ECHO answered after", [each.echo for each in starts], "s"),
        ("Everything ready after", [each.settled for each in starts], "s"),
        ("CPU of a start, all processes", [each.cpu for each in starts], "s"),
        ("CPU at rest", [100 * each.cpu_share for each in starts], "% of a core"),
        ("Wake-ups at rest", [each.wake_ups for each in starts], "a second"),
        ("Stopped when at rest, after", [each.stop for each in starts], "s"),
        ("Stopped just after the first C-ECHO, after", [e.stop_in_start for e in starts], "s"),
        ("Memory, all", [sum(map(sum, each.memory.values())) for each in starts], "MiB PSS"),
    ):
        yield Row(name=name, value=median(values), unit=unit, condition=condition)
    for role, sizes in starts[-1].memory.items():
        said = ", ".join(f"{each:.0f}" for each in sorted(sizes, reverse=True))
        yield Row(name=f"Memory, {role}", value=sum(sizes), unit="MiB PSS", condition=said)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rest", type=float, default=65.0)
    options = parser.parse_args()
    set_up_dicom_libraries()
    Console(width=160).print(as_table(measure(options.rounds, options.workers, options.rest)))


if __name__ == "__main__":
    main()
