"""Start a peer's program, wait until it answers, stop it by its process id."""

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_PORTS = 15_000, 32_000
_CHANCE = random.SystemRandom()  # other test processes draw from the same ports


def free_port() -> int:
    """Return a TCP port of this machine that nothing listens on.

    It lies below those that outgoing connections are given (32768 and up on Linux), one of which
    could otherwise take it before the peer that it is for has started.
    """
    for _ in range(100):
        port = _CHANCE.randrange(*_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    pytest.fail("no TCP port is free")


def program(name: str, package: str) -> str:
    """Return the path of an installed program, or skip the test and say what is missing."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        pytest.skip(f"{name} is not installed (Debian package {package})")
    return path


def answers(port: int) -> bool:
    """Tell whether something accepts connections on a port of this machine."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return True
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], what: str, timeout: float = _START_SECONDS) -> None:
    """Ask until ``condition`` holds; fail the test, naming ``what``, when it never does.

    For peers that can only be asked. Where an event can be awaited, await it instead.
    """
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {timeout:.0f} s in vain for {what}")
        time.sleep(0.02)


def shared_by_workers(folders: pytest.TempPathFactory, name: str) -> Path:
    """Return a folder of this run of tests, the same one in each of its processes."""
    base = folders.getbasetemp()
    place = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / name
    place.mkdir(exist_ok=True)
    return place


def is_busy() -> bool:
    """Tell whether more runs here than there are cores: how long something takes says nothing."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return max(workers, os.getloadavg()[0]) > (os.cpu_count() or 1)


@contextmanager
def running(
    command: Sequence[object],
    *,
    log: Path,
    ready: Callable[[], bool],
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    stop: signal.Signals = signal.SIGTERM,
    patience: float = _START_SECONDS,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program from when ``ready`` holds until the block ends; its output goes to ``log``.

    ``stop`` is the signal that asks it to end at once; ``patience`` are the seconds that it may
    take to start.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd=folder,
            env={**os.environ, "TCP_NODELAY": "1", **(environment or {})},
        )
        try:
            wait_until(
                lambda: process.poll() is not None or ready(),
                f"{command[0]} to start",
                timeout=patience,
            )
            if process.poll() is not None:
                pytest.fail(f"{command[0]} ended at once:\n{log.read_text(errors='replace')}")
            yield process
        finally:
            process.send_signal(stop)
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
