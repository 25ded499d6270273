"""Outages: a database or a service that is away, a disk that is full: waited for, no study's fault.

A step that meets one is done again until it is over. What a step does holds however often it is
begun, as after a crash. For a service there is an end to patience: it may be gone for good, and
then its studies say so.
"""

import logging
import math
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import ParamSpec, TypeVar

import sqlalchemy as sa

from dicom_node.errors import AwayError

P = ParamSpec("P")
R = TypeVar("R")

_LOG = logging.getLogger(__name__)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0  # seconds


class StoppedWaitingError(BaseException):
    """The node stops before a step is done: its workflow stays unfinished, and goes on next time.

    No ``Exception``: nobody may take it for the step's own failure and record that.
    """


def is_outage(error: BaseException) -> bool:
    """Whether an error says that something is away that comes back, whatever was asked of it.

    That is what the drivers call operational: no connection, a server that shuts down, no room.
    """
    if isinstance(error, AwayError):
        return True
    if isinstance(error, sa.exc.InterfaceError | sa.exc.OperationalError):
        return True
    if isinstance(error, sa.exc.TimeoutError):  # of the pool: no connection became free
        return True
    return isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated


class Outages:
    """Does steps again that meet an outage, and tells since when one lasts."""

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        resting: Callable[[], AbstractContextManager[None]] = nullcontext,
        service_patience: float = math.inf,
    ) -> None:
        """Keep the parts.

        ``resting`` gives to others, for as long as a step waits, what it holds of the node;
        ``service_patience`` is for how many seconds a step waits for what `AwayError` names.
        """
        self._monotonic = monotonic
        self._resting = resting
        self._service_patience = service_patience
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._waiting: dict[int, tuple[float, str]] = {}

    def start(self) -> None:
        """Have steps wait from now on."""
        self._stopping.clear()

    @property
    def is_stopping(self) -> bool:
        """Whether the node stops: no step is begun any more, and none waits."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Have nothing wait any longer."""
        self._stopping.set()

    def waited_out(self, name: str, step: Callable[P, R]) -> Callable[P, R]:
        """Return a step that is done again for as long as it meets an outage."""

        def patient(*args: P.args, **kwargs: P.kwargs) -> R:
            pause = _FIRST_PAUSE
            began = self._monotonic()
            try:
                while True:
                    try:
                        return step(*args, **kwargs)
                    except Exception as error:
                        if not is_outage(error) or self._is_over(error, began):
                            raise
                        self._note(name, error)
                    with self._resting():
                        is_stopping = self._stopping.wait(pause)
                    if is_stopping:
                        raise StoppedWaitingError(name)
                    pause = min(2 * pause, _LONGEST_PAUSE)
            finally:
                self._forget(name)

        return patient

    def lasting(self) -> tuple[int, float, str]:
        """Return how many steps wait, for how many seconds the first has, and what for."""
        with self._lock:
            if not self._waiting:
                return 0, 0.0, ""
            since, words = min(self._waiting.values())
            return len(self._waiting), self._monotonic() - since, words

    def _is_over(self, error: Exception, began: float) -> bool:
        """Whether a service has been away for longer than is waited."""
        waited = self._monotonic() - began
        return isinstance(error, AwayError) and waited >= self._service_patience

    def _note(self, name: str, error: Exception) -> None:
        thread = threading.get_ident()
        with self._lock:
            if thread in self._waiting:
                return
            words = str(error) if isinstance(error, AwayError) else type(error).__name__
            self._waiting[thread] = (self._monotonic(), words)
        _LOG.warning("waiting for the end of an outage step=%r reason=%r", name, words)

    def _forget(self, name: str) -> None:
        with self._lock:
            waited = self._waiting.pop(threading.get_ident(), None)
        if waited is not None and not self._stopping.is_set():
            _LOG.warning("outage over step=%r seconds=%.0f", name, self._monotonic() - waited[0])
