"""How long a process was kept from the processors: on a busy machine work takes long without fault.

A deadline that counted that time would end healthy work wherever more is to be done than can be,
and take it for deadly.
"""

import time
from collections.abc import Mapping
from pathlib import Path

_NANOSECOND = 1e-9
_MOST = 5.0
_LEAST_SECONDS = 0.1


def longest(seconds: float) -> float:
    """The seconds that work of a deadline takes at most, however busy the machine is."""
    return (1 + _MOST) * seconds


class Deadline:
    """What a process may take for a piece of work, without the time that it was kept waiting."""

    def __init__(self, pid: int | None, seconds: float) -> None:
        """Begin to count for a process."""
        self._pid = pid
        self._seconds = seconds
        self._begun = time.monotonic()
        self._kept_before = kept_waiting(pid)

    def left(self) -> float:
        """Seconds for which to wait before asking again; 0 where the time is over."""
        before, now = self._kept_before, kept_waiting(self._pid)
        # Of the thread that fared worst since: what others waited for earlier work is over.
        kept = max((waited - before.get(thread, 0.0) for thread, waited in now.items()), default=0)
        left = self._seconds + min(kept, _MOST * self._seconds) - (time.monotonic() - self._begun)
        return max(left, _LEAST_SECONDS) if left > 0 else 0.0


def kept_waiting(pid: int | None) -> Mapping[str, float]:
    """Seconds that each thread of a process has waited for a processor, by its number.

    The second figure of ``/proc/PID/task/*/schedstat`` (Linux, "sched-stats"); nothing where the
    kernel does not tell, and of a process that has ended.
    """
    waited: dict[str, float] = {}
    if pid is None:
        return waited
    for told in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            waited[told.parent.name] = int(told.read_text().split()[1]) * _NANOSECOND
        except OSError:  # a thread that has ended since
            continue
    return waited
