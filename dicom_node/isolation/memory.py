"""Memory that a process has freed and its C library keeps: given back to the machine."""

import ctypes
import functools
import threading
from collections.abc import Callable

# So long must there be nothing to do: whoever works on would only ask for the pages again.
_QUIET = 2.0
_M_ARENA_MAX, _ARENAS = -8, 2  # malloc.h
_M_TRIM_THRESHOLD, _KEPT = -1, 512 * 1024**2
_M_MMAP_THRESHOLD, _LARGEST = -3, 32 * 1024**2  # the largest that glibc takes


def give_back_memory() -> None:
    """Give back the pages of the heap that nothing uses; elsewhere than on glibc do nothing.

    Without this, a process keeps what its largest piece of work took: freed blocks between others
    that are in use are not given back by themselves (malloc_trim(3)).
    """
    _trim()(0)


class Tidying:
    """Gives memory back when work has ended and nothing has followed for a while."""

    def __init__(self, quiet: float = _QUIET) -> None:
        """Begin, in a thread that sleeps while there is no work."""
        self._quiet = quiet
        self._has_worked = threading.Event()
        threading.Thread(target=self._run, name="tidying", daemon=True).start()

    def worked(self) -> None:
        """Say that a piece of work has ended."""
        self._has_worked.set()

    def _run(self) -> None:
        while self._has_worked.wait():
            self._has_worked.clear()
            while self._has_worked.wait(self._quiet):
                self._has_worked.clear()
            give_back_memory()


def share_arenas() -> None:
    """Let all threads from now on share two arenas of the C library (mallopt(3), glibc alone).

    It would give each of dozens of threads one of its own, which keeps what that thread has freed.
    """
    _option()(_M_ARENA_MAX, _ARENAS)


def keep_memory() -> None:
    """Keep what is freed for what is asked for next, until `give_back_memory` (mallopt(3)).

    By itself the C library gives arrays of some megabytes back as soon as they are freed, several
    times for each radiograph: each page that is had again is a fault, and is filled with zeros.
    """
    option = _option()
    option(_M_TRIM_THRESHOLD, _KEPT)
    option(_M_MMAP_THRESHOLD, _LARGEST)


@functools.cache
def _option() -> Callable[[int, int], int]:
    option: Callable[[int, int], int] = getattr(ctypes.CDLL(None), "mallopt", _neither)
    return option


@functools.cache
def _trim() -> Callable[[int], int]:
    trim: Callable[[int], int] = getattr(ctypes.CDLL(None), "malloc_trim", _nothing)
    return trim


def _nothing(_pad: int) -> int:
    return 0


def _neither(_option: int, _value: int) -> int:
    return 0
