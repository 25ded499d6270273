"""One warm worker process, seen from the node: begun, used, ended."""

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

from dicom_node.isolation.errors import WorkerDiedError
from dicom_node.isolation.parent import ParentContext, signals_left_to_the_node
from dicom_node.isolation.starved import Deadline
from dicom_node.isolation.worker import Limits, Outcome, begin, perform

Desk = TypeVar("Desk")

# Importing what a desk needs takes seconds, and minutes on a machine that is busy.
_BEGIN_SECONDS = 180.0
_END_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneSetup(Generic[Desk]):
    """How workers are begun.

    ``make_desk`` is called in each of them, ``warm`` with what it made; both, and ``prepare``,
    which is called first, are sent there and must be picklable, ``make_desk`` hashable as well.
    ``tools`` are modules that they need: their parent imports them, once for all.
    """

    make_desk: Callable[[], Desk]
    warm: Callable[[Desk], Any]
    prepare: Callable[[], None]
    limits: Limits
    tools: tuple[str, ...] = ()


class Lane(Generic[Desk]):
    """A worker process; used by one thread at a time, and stopped by any."""

    def __init__(self, setup: LaneSetup[Desk]) -> None:
        self._setup = setup
        self._executor: ProcessPoolExecutor | None = None
        self._process: BaseProcess | None = None
        self._changing = threading.Lock()
        self._stopped = False
        self.has_warmed = False
        self.warmed: Any = None

    @property
    def pid(self) -> int | None:
        """The worker's process id, while there is one."""
        with self._changing:
            return self._process.pid if self._process else None

    def is_alive(self) -> bool:
        """Whether the process runs."""
        with self._changing:
            return self._process is not None and self._process.is_alive()

    def begin(self) -> None:
        """Start the process and let its desk get ready.

        Raises
        ------
        WorkerDiedError
            When it does not; nothing is left of it.
        """
        self.end()  # what is left of one that has died
        context = ParentContext()
        executor = ProcessPoolExecutor(
            1,
            mp_context=context,
            initializer=begin,
            initargs=(self._setup.limits, self._setup.prepare),
        )
        try:
            with signals_left_to_the_node():
                begun = executor.submit(os.getpid)  # starts the process
        except (EOFError, OSError, RuntimeError) as error:
            _discard(context.process, executor)
            if isinstance(error, RuntimeError):  # no thread is left to watch it
                raise WorkerDiedError(f"was not started ({error})") from error
            raise WorkerDiedError("was not started: its parent process ended") from error
        with self._changing:
            self._process, self._executor = context.process, executor
            is_wanted = not self._stopped
        if not is_wanted:
            self.end()
            raise WorkerDiedError("was stopped")
        self._result(begun, _BEGIN_SECONDS)
        ready = self.run(self._setup.warm, (), _BEGIN_SECONDS)
        if why := ready.failed or ready.refused or ready.away:
            self.end()
            raise WorkerDiedError(f"did not get ready ({why})")
        self.warmed = ready.value
        self.has_warmed = True

    def run(self, method: Callable[..., Any], args: tuple[Any, ...], seconds: float) -> Outcome:
        """Have the desk do a piece of work.

        Raises
        ------
        WorkerDiedError
            The process has died, or was ended because it took longer than ``seconds``, ran out of
            memory or panicked. `begin` starts another.
        """
        executor = self._executor
        if executor is None:
            raise WorkerDiedError("is not running")
        try:
            work = executor.submit(perform, self._setup.make_desk, seconds, method, args)
        except RuntimeError:  # it has died since somebody looked, or was ended just now
            self.end()
            raise WorkerDiedError("ended unexpectedly") from None
        outcome: Outcome = self._result(work, seconds)
        if outcome.spent:
            self.end()
            raise WorkerDiedError(outcome.spent)
        return outcome

    def end(self) -> None:
        """End the process, whatever it is doing."""
        with self._changing:
            process, executor = self._process, self._executor
            self._process = self._executor = None
        if process is not None:
            process.kill()
        if executor is not None:
            executor.shutdown(wait=True, cancel_futures=True)
        if process is not None:
            # Where the parent has died, nobody can tell how the worker fares, nor that it has
            # ended: it ends itself as soon as this end of its pipe is closed.
            process.join(_END_SECONDS)
            with suppress(ValueError):  # it runs on: its own watch on this process is left
                process.close()

    def stop(self) -> None:
        """End the process for good, also one that is being started: no other is begun."""
        with self._changing:
            self._stopped = True
        self.end()

    def close(self) -> None:
        """Let the process end once it is idle."""
        if self._executor is not None:
            self._executor.shutdown(wait=True)
        self.end()

    def _result(self, work: "Future[Any]", seconds: float) -> Any:
        """Wait by the monotonic clock: neither a set clock nor a busy machine ends work."""
        deadline = Deadline(self.pid, seconds)
        try:
            return _awaited(work, deadline)
        except TimeoutError:
            self.end()
            raise WorkerDiedError(f"took longer than {seconds:.0f} seconds") from None
        except BrokenProcessPool:
            with self._changing:
                process, executor = self._process, self._executor
                if executor is not None:
                    # Its own thread asks how the process ended, and of two that do one is told 255.
                    executor.shutdown(wait=True)
                words = _fate(process.exitcode if process is not None else None)
            self.end()
            raise WorkerDiedError(words) from None
        except CancelledError:  # stopped before the process took it
            raise WorkerDiedError("was stopped") from None


def _awaited(work: "Future[Any]", deadline: Deadline) -> Any:
    while left := deadline.left():
        with suppress(TimeoutError):
            return work.result(timeout=left)
    raise TimeoutError


def _discard(process: BaseProcess | None, executor: ProcessPoolExecutor) -> None:
    """End what was begun of a worker before its beginning failed."""
    if process is not None and process.pid is not None:
        process.kill()
    executor.shutdown(wait=False, cancel_futures=True)


def _fate(exit_code: int | None) -> str:
    if exit_code is None or exit_code >= 0:
        return "ended unexpectedly"
    try:
        return f"was ended by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"was ended by signal {-exit_code}"
