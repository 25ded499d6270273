"""A process that has imported what it forks: ``python -m tests.peers.forking SOCKET WHAT``.

See `forked`. ``WHAT`` is ``node`` or ``keras``. It opens nothing, and forks for each request;
threads that numerical libraries start when they are imported end before each fork, as in the
parent of a node's processes (`dicom_node.isolation.parent`). Each node has a second fork beside
it, which waits to become that parent (multiprocessing's fork server): it is told what the node
would otherwise start an interpreter with.
"""

import fcntl
import gc
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from multiprocessing import util
from runpy import run_module
from types import ModuleType
from typing import Any

_MOST_BYTES = 1 << 20
_MOST_FILES = 16
_ABOVE = 1000
"""File descriptors from here on are out of the way of those that are given."""


def main() -> None:
    """Import, and answer requests until whoever asks has ended; return in a node at its end."""
    gc.disable()
    _import(sys.argv[2])
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as asked:
        asked.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _MOST_BYTES)
        become = _answer(asked)
    become()


def _import(what: str) -> None:
    names = ["keras", "ai_engine.inference.export"]
    if what == "node":
        from dicom_node.cli.serve import PROCESSES_NEED, WORKERS_NEED  # noqa: PLC0415 - no Keras's

        names = ["dicom_node.cli.application", "dicom_node.node.listening", "dicom_node.node.node"]
        names += [*PROCESSES_NEED, *WORKERS_NEED]
    for name in names:
        import_module(name)


def _answer(asked: socket.socket) -> Callable[[], None]:
    """Fork nodes; return what this process is to do: at the end, or as a fork."""
    while True:
        words, files, _, _ = socket.recv_fds(asked, _MOST_BYTES, _MOST_FILES)
        if not words:
            return lambda: None
        request = json.loads(words)
        if "ended" in request:
            _, status = os.waitpid(request["ended"], 0)
            answer = {"status": os.waitstatus_to_exitcode(status)}
        else:
            pid = os.fork()
            if pid == 0:
                return lambda: _begin(request, files[0])
            os.close(files[0])
            answer = {"pid": pid}
        asked.send(json.dumps(answer).encode())


def _begin(request: Mapping[str, Any], log: int) -> None:
    """Run a command with its environment, as an interpreter that is started for it does."""
    gc.enable()
    os.environ.clear()
    os.environ.update(request["environment"])
    os.dup2(log, sys.stdout.fileno())
    os.dup2(log, sys.stderr.fileno())
    os.close(log)
    sys.argv = list(request["command"])
    if request["module"]:
        run_module(request["module"], run_name="__main__", alter_sys=True)
    else:
        _be_main(sys.argv[0])
        _node()


def _node() -> None:
    told = _forked_parent()
    if told is None:
        return  # of its processes, which have ended
    util.spawnv_passfds = told.spawn
    from dicom_node.cli import main as dicom_node  # noqa: PLC0415 - imported before the fork

    dicom_node()


def _be_main(path: str) -> None:
    module = ModuleType("__main__")
    module.__file__ = path
    sys.modules["__main__"] = module


def _forked_parent() -> "_Spawning | None":
    """Fork what becomes the parent of the node's processes; None in that, when it has ended."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid:
        its.close()
        return _Spawning(pid, ours)
    ours.close()
    words, files, _, _ = socket.recv_fds(its, _MOST_BYTES, _MOST_FILES)
    if words:
        told = json.loads(words)
        _take(files, told["numbers"])
        os.environ.clear()
        os.environ.update(told["environment"])
        signal.pthread_sigmask(signal.SIG_SETMASK, told["blocked"])
        sys.argv = ["-c"]
        _be_main("<string>")
        del sys.modules["__main__"].__file__
        exec(told["code"], sys.modules["__main__"].__dict__)  # noqa: S102 - what `python -c` would
    return None


def _take(files: Sequence[int], numbers: Sequence[int]) -> None:
    """Give files the numbers that they have elsewhere, and close all others."""
    aside = [fcntl.fcntl(each, fcntl.F_DUPFD, _ABOVE) for each in files]
    os.closerange(sys.stderr.fileno() + 1, _ABOVE)
    for each, number in zip(aside, numbers, strict=True):
        os.dup2(each, number)
        os.close(each)


class _Spawning:
    """Multiprocessing's way to start an interpreter, where the fork server is there already."""

    def __init__(self, pid: int, waiting: socket.socket) -> None:
        self._started = util.spawnv_passfds
        self._pid, self._waiting = pid, waiting

    def spawn(self, path: str, words: Sequence[str], files: Sequence[int]) -> int:
        """Start an interpreter; the first fork server is the process that waits to become it."""
        code = words[-1]
        if self._waiting.fileno() < 0 or "multiprocessing.forkserver" not in str(code):
            return self._started(path, words, files)
        told = {
            "code": code,
            "numbers": list(files),
            "environment": dict(os.environ),
            "blocked": [int(each) for each in signal.pthread_sigmask(signal.SIG_BLOCK, ())],
        }
        with self._waiting as waiting:
            socket.send_fds(waiting, [json.dumps(told).encode()], list(files))
        return self._pid


if __name__ == "__main__":
    main()
