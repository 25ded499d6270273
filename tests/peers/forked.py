"""Processes that are forked from one which has imported what they need.

To start a node takes three seconds of processor for imports alone, of the node and of the parent
of its processes, and the tests start dozens. What is forked runs the same command with the same
environment in a process of its own, whose parent of processes is its own child, too. Where the
start itself is what a test looks at, it starts the command. The same goes for the processes in
which Keras runs on OpenVINO: two seconds each.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

import pytest

from ai_engine.inference import keras_process

_MOST_BYTES = 1 << 20  # of a request: an environment and a command


@dataclass(slots=True)
class ForkedProcess:
    """A process whose parent is another one of ours, as far as tests use `subprocess.Popen`."""

    what: str
    pid: int
    handle: int  # a file descriptor that is readable once it has ended
    returncode: int | None = None

    def poll(self) -> int | None:
        """Return its exit status, negative for a signal; None while it runs."""
        if self.returncode is None and select.select([self.handle], [], [], 0)[0]:
            self.returncode = int(_ask(self.what, {"ended": self.pid})["status"])
            os.close(self.handle)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended.

        Raises
        ------
        subprocess.TimeoutExpired
            When it has not after ``timeout`` seconds.
        """
        if self.returncode is None:
            select.select([self.handle], [], [], timeout)
        status = self.poll()
        if status is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
        return status

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it runs still."""
        if self.poll() is None:
            signal.pidfd_send_signal(self.handle, number)


def fork_node(
    command: Sequence[object], *, environment: Mapping[str, str], log: IO[str]
) -> ForkedProcess:
    """Run a ``dicom-node`` command; what it says goes to ``log``."""
    return _fork("node", command, environment, log)


@contextmanager
def forked_keras() -> Iterator[None]:
    """Let what `run_on_openvino_keras` starts be forked, while the ``with`` block runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras_process, "subprocess", _InsteadOfSubprocess)
        yield


class _InsteadOfSubprocess:
    """What `run_on_openvino_keras` uses of `subprocess`."""

    CalledProcessError = subprocess.CalledProcessError
    TimeoutExpired = subprocess.TimeoutExpired

    @staticmethod
    def run(
        command: Sequence[str], *, env: Mapping[str, str], timeout: float, **_always: bool
    ) -> None:
        """Run ``python -m module arguments``.

        Raises
        ------
        subprocess.CalledProcessError
            If it fails.
        subprocess.TimeoutExpired
            If it takes too long; it is killed then.
        """
        _, _, module, *arguments = command
        with tempfile.TemporaryFile("w+") as said:
            process = _fork("keras", [module, *arguments], env, said, module)
            try:
                status = process.wait(timeout)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                raise
            if status:
                said.seek(0)
                raise subprocess.CalledProcessError(status, command, stderr=said.read())


def _fork(
    what: str,
    command: Sequence[object],
    environment: Mapping[str, str],
    log: IO[str],
    module: str = "",
) -> ForkedProcess:
    request = {
        "command": [str(word) for word in command],
        "environment": dict(environment),
        "module": module,
    }
    pid = int(_ask(what, request, [log.fileno()])["pid"])
    # It can't have been reaped: its parent does that when it is asked how it ended.
    return ForkedProcess(what, pid, os.pidfd_open(pid))


def _ask(what: str, request: Mapping[str, Any], files: Sequence[int] = ()) -> dict[str, Any]:
    parent = _parent(what)
    socket.send_fds(parent.asked, [json.dumps(request).encode()], files)
    words = parent.asked.recv(_MOST_BYTES)
    assert words, f"what forks {what} ended with status {parent.process.wait(timeout=10)}"
    answer: dict[str, Any] = json.loads(words)
    return answer


@dataclass(frozen=True, slots=True)
class _Parent:
    """A process that forks others; it ends with this one, which alone can ask it."""

    process: subprocess.Popen[bytes]
    asked: socket.socket


@cache
def _parent(what: str) -> _Parent:
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _MOST_BYTES)
    with its:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.peers.forking", str(its.fileno()), what],
            env=os.environ | {"KERAS_BACKEND": "openvino", "KERAS_HOME": os.devnull},
            pass_fds=[its.fileno()],
            stdin=subprocess.DEVNULL,
            cwd=Path(__file__).parents[2],
        )
    return _Parent(process, ours)
