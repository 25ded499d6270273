"""The prepared parent of worker processes: it has imported what they need, and is forked.

It is multiprocessing's fork server, one for the whole node. It runs no thread of Python, opens no
model and reads no file of a study, so that a fork of it is as good as a new process; what it has
imported is paid once, and its pages are shared by its children. Threads that numerical libraries
start when they are imported end before each fork (their own `pthread_atfork` handlers see to it).
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any

# Told to the whole process group, or by a supervisor to all of a service's processes: the node
# alone acts on them, and needs the parent until its last study is done.
_OF_THE_NODE = frozenset({signal.SIGINT, signal.SIGTERM})


TOLD = signal.SIGUSR1
"""What tells the parent to import the rest (`isolation.later`)."""
LATER = "DICOM_NODE_PARENT_IMPORTS_LATER"
"""The parent's environment variable that names the rest, divided by spaces."""
_TAKES_THE_REST = "dicom_node.isolation.later"


def start_parent(modules: Iterable[str], later: Iterable[str] = ()) -> None:
    """Start the parent, where there is none yet, and let it import modules; return at once.

    What only some processes need may come ``later`` (`import_the_rest`): the others are forked
    before.
    """
    rest = " ".join(later)
    preloaded = [*modules, *([_TAKES_THE_REST] if rest else [])]
    multiprocessing.get_context("forkserver").set_forkserver_preload(preloaded)
    with signals_left_to_the_node(), _environment(LATER, rest):
        forkserver.ensure_running()


def import_the_rest() -> None:
    """Let the parent import what it was told to leave for later, if it was; return once it knows.

    What is forked from then on has it. Only a child knows its parent, so that one tells it.
    """
    process = multiprocessing.get_context("forkserver").Process(target=_tell_parent)
    with suppress(EOFError, OSError):  # the parent has ended: the next one imports all at once
        with signals_left_to_the_node():
            process.start()
        process.join()


def _tell_parent() -> None:
    if _TAKES_THE_REST in sys.modules:  # others would die of the signal
        os.kill(os.getppid(), TOLD)


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """Let whatever is started within see a variable."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


@contextmanager
def signals_left_to_the_node() -> Iterator[None]:
    """Let whatever is started within ignore what ends the node."""
    resource_tracker.ensure_running()  # where it is started later, it takes the block away
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _OF_THE_NODE)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class ParentContext(ForkServerContext):
    """Starts one process from the parent, and knows it from the moment that it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.process: ForkServerProcess | None = None

    def Process(self, *args: Any, **kwargs: Any) -> ForkServerProcess:  # type: ignore[override]  # noqa: N802
        """Return a process that is to be started."""
        self.process = ForkServerProcess(*args, **kwargs)
        return self.process
