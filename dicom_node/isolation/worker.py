"""Inside of a worker process: how it begins, and the edge where everything it raises is caught."""

import functools
import gc
import logging
import multiprocessing
import os
import resource
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicom_node.errors import AwayError, NodeError
from dicom_node.isolation.memory import Tidying, keep_memory
from dicom_node.isolation.starved import longest

_LOG = logging.getLogger(__name__)
# A worker whose node is gone, and which is stuck in a library, ends itself so long after its time.
_GRACE = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a worker may take: bytes of address space; 0 for as much as there is."""

    memory_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a piece of work: a value, or words.

    ``refused`` are the desk's own words, ``away`` those for what is away and comes back, ``failed``
    is the kind of an error that nobody expected; ``spent`` says why the process is not to be used
    again.
    """

    value: Any = None
    refused: str = ""
    away: str = ""
    failed: str = ""
    spent: str = ""


def begin(limits: Limits, prepare: Callable[[], None]) -> None:
    """Set the process's limits and let it end with its node; ``prepare`` sets up its log."""
    # What was imported stays for as long as the process lives. To look through it for what may be
    # freed would only write to the pages that are shared with the other workers.
    gc.freeze()
    # The node ends its workers itself, when their work is done.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})  # as its parent has
    # Before there is a limit: a thread that cannot begin leaves whoever starts it waiting for ever.
    threading.Thread(target=_end_with_parent, name="parent-watch", daemon=True).start()
    _tidying()
    keep_memory()
    if limits.memory_bytes:
        _require_less_than(limits.memory_bytes)
        # The soft limit alone: a program that a worker begins has a limit of its own.
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, hard))
    # A dump of the memory would leave patients' images on the disk.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    prepare()


def _require_less_than(most: int) -> None:
    """Raise MemoryError where the process has more addresses already than it may have."""
    statistics = Path("/proc/self/statm")
    if not statistics.exists():
        return
    taken = int(statistics.read_text().split()[0]) * resource.getpagesize()
    if taken > most:
        raise MemoryError(f"a worker takes {taken} bytes of addresses before it works: allow more")


def perform(
    make_desk: Callable[[], Any], seconds: float, method: Callable[..., Any], args: tuple[Any, ...]
) -> Outcome:
    """Let the desk do a piece of work; whatever happens that a process can survive is an outcome.

    This is the only place where every error is caught, a panic of a decoder in Rust among them: it
    is no Exception.
    """
    # SIGALRM ends the process.
    signal.setitimer(signal.ITIMER_REAL, longest(seconds) + _GRACE)
    try:
        return Outcome(value=method(_desk(make_desk), *args))
    except AwayError as outage:
        return Outcome(away=str(outage))
    except NodeError as refusal:
        return Outcome(refused=str(refusal))
    except MemoryError:
        return Outcome(spent="ran out of memory")
    except Exception as error:  # noqa: BLE001 - the edge of the process
        _LOG.error("work failed method=%s", named(method), exc_info=error)
        return Outcome(failed=type(error).__name__)
    except BaseException as panic:  # noqa: BLE001 - the edge of the process
        return Outcome(spent=f"panicked ({type(panic).__name__})")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        _tidying().worked()


def named(method: Callable[..., Any]) -> str:
    """Return what the log calls a method; some are methods with arguments already given."""
    inner = method.func if isinstance(method, functools.partial) else method
    return inner.__qualname__


@functools.lru_cache(maxsize=1)
def _desk(make: Callable[[], Any]) -> Any:
    """What this process works with, made when it is first needed."""
    return make()


@functools.cache
def _tidying() -> Tidying:
    """What gives back the memory that this process has worked with."""
    return Tidying()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
