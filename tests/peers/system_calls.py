"""What a running process asks of the system, in the order in which it is answered: by strace."""

import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.peers.process import program, wait_until

_DONE = re.compile(r"^(\d+) +(\w+)\((.*)\) += (-?\d+)")
_BEGUN = re.compile(r"^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$")
_RESUMED = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>(.*)\) += (-?\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemCall:
    """A call: its name, its arguments as strace writes them, and what it returned.

    ``begun`` and ``ended`` are places in the order of everything that was seen.
    """

    name: str
    arguments: str
    result: int
    begun: int
    ended: int


@dataclass(frozen=True, slots=True)
class Trace:
    """The system calls of a process that is watched."""

    log: Path

    def read(self) -> list[SystemCall]:
        """Return the calls that have ended, in the order of their ends."""
        return calls_of(self.log.read_text(errors="replace").splitlines())


def calls_of(lines: Sequence[str]) -> list[SystemCall]:
    """Read strace's lines; calls of several threads that overlap come in two parts."""
    open_: dict[tuple[str, str], tuple[int, str]] = {}
    calls: list[SystemCall] = []
    for place, line in enumerate(lines):
        if begun := _BEGUN.match(line):
            thread, name, arguments = begun.groups()
            open_[thread, name] = place, arguments
            continue
        if resumed := _RESUMED.match(line):
            thread, name, rest, result = resumed.groups()
            first, arguments = open_.pop((thread, name), (place, ""))
            arguments += rest
        elif done := _DONE.match(line):
            _, name, arguments, result = done.groups()
            first = place
        else:
            continue
        calls.append(
            SystemCall(name=name, arguments=arguments, result=int(result), begun=first, ended=place)
        )
    return calls


@contextmanager
def watched(pid: int, names: Sequence[str], log: Path) -> Iterator[Trace]:
    """Watch a process and its threads until the block ends, by the names of the calls.

    Skips the test where processes may not be watched.
    """
    # -y: descriptors with what they are open on; texts long enough for a response.
    command = [program("strace", "strace"), "-f", "-y", "-s", "400", "-o", str(log)]
    errors = log.with_suffix(".errors")
    with errors.open("wb") as output:
        process = subprocess.Popen(
            [*command, "-e", f"trace={','.join(names)}", "-p", str(pid)], stderr=output
        )
    try:
        wait_until(
            lambda: "attached" in errors.read_text() or process.poll() is not None,
            "strace to watch",
        )
        if process.poll() is not None:
            pytest.skip(f"processes cannot be watched here: {errors.read_text().strip()}")
        yield Trace(log)
    finally:
        process.terminate()
        process.wait()
