"""One warm worker process, seen from the node: begun, used, ended."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

from dicom_node.isolation.errors import WorkerDiedError
from dicom_node.isolation.worker import Limits, Outcome, begin, perform

Desk = TypeVar("Desk")

# Importing what a desk needs takes seconds, and minutes on a machine that is busy.
_BEGIN_SECONDS = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneSetup(Generic[Desk]):
    """How workers are begun.

    ``make_desk`` is called in each of them, ``warm`` with what it made; both, and ``prepare``,
    which is called first, are sent there and must be picklable, ``make_desk`` hashable as well.
    """

    make_desk: Callable[[], Desk]
    warm: Callable[[Desk], Any]
    prepare: Callable[[], None]
    limits: Limits


class Lane(Generic[Desk]):
    """A worker process; used by one thread at a time."""

    def __init__(self, setup: LaneSetup[Desk]) -> None:
        self._setup = setup
        self._executor: ProcessPoolExecutor | None = None
        self._process: BaseProcess | None = None
        self.warmed: Any = None

    @property
    def pid(self) -> int | None:
        """The worker's process id, while there is one."""
        return self._process.pid if self._process else None

    def is_alive(self) -> bool:
        """Whether the process runs."""
        process = self._process
        return process is not None and process.is_alive()

    def begin(self) -> None:
        """Start the process and let its desk get ready.

        Raises
        ------
        WorkerDiedError
            When it does not; nothing is left of it.
        """
        self._executor = ProcessPoolExecutor(
            1,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=begin,
            initargs=(self._setup.limits, self._setup.prepare),
        )
        pid = self._result(self._executor.submit(os.getpid), _BEGIN_SECONDS)
        self._process = next(
            (each for each in multiprocessing.active_children() if each.pid == pid), None
        )
        self.warmed = self.run(self._setup.warm, (), _BEGIN_SECONDS).value

    def run(self, method: Callable[..., Any], args: tuple[Any, ...], seconds: float) -> Outcome:
        """Have the desk do a piece of work.

        Raises
        ------
        WorkerDiedError
            The process has died, or was ended because it took longer than ``seconds``, ran out of
            memory or panicked. `begin` starts another.
        """
        if self._executor is None:
            raise WorkerDiedError("is not running")
        work = self._executor.submit(perform, self._setup.make_desk, seconds, method, args)
        outcome: Outcome = self._result(work, seconds)
        if outcome.spent:
            self.end()
            raise WorkerDiedError(outcome.spent)
        return outcome

    def end(self) -> None:
        """End the process, whatever it is doing."""
        process, executor = self._process, self._executor
        self._process = self._executor = None
        if process is not None:
            process.kill()
        if executor is not None:
            executor.shutdown(wait=process is not None, cancel_futures=True)

    def close(self) -> None:
        """Let the process end once it is idle."""
        if self._executor is not None:
            self._executor.shutdown(wait=True)
        self._process = self._executor = None

    def _result(self, work: "Future[Any]", seconds: float) -> Any:
        """Wait by the monotonic clock: a clock that is set ends no work."""
        try:
            return work.result(timeout=seconds)
        except TimeoutError:
            self.end()
            raise WorkerDiedError(f"took longer than {seconds:.0f} seconds") from None
        except BrokenProcessPool:
            process = self._process
            if process is not None:
                process.join(1.0)
            words = _fate(process.exitcode if process is not None else None)
            self.end()
            raise WorkerDiedError(words) from None


def _fate(exit_code: int | None) -> str:
    if exit_code is None or exit_code >= 0:
        return "ended unexpectedly"
    try:
        return f"was ended by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"was ended by signal {-exit_code}"
