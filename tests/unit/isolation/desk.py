"""A desk that does to its process what hostile files do."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from dicom_node.domain.reception import OutOfSpaceError
from dicom_node.errors import AwayError, NodeError


@dataclass(frozen=True, slots=True)
class MakeDesk:
    """Makes it; ``folder`` is where desks note what they were asked for."""

    folder: Path

    def __call__(self) -> "HostileDesk":
        """Make it."""
        return HostileDesk(self.folder)

    def prepare(self) -> None:
        """Set up nothing."""


class Panic(BaseException):
    """What PyO3 raises of a panic: no Exception."""


class HostileDesk:
    """Does what it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def warm(self) -> None:
        """Get ready."""

    def warm_second(self) -> None:
        """Get ready the second time only, and fail the first as nobody expects."""
        first = not (self.folder / "warm_second").exists()
        self._note("warm_second")
        if first:
            raise KeyError("weights")

    def pid(self) -> int:
        """Return the process id."""
        return os.getpid()

    def twice(self, number: int) -> int:
        """Return a number doubled."""
        return 2 * number

    def refuse(self) -> None:
        """Refuse on purpose."""
        raise NodeError("the model is not installed")

    def wait(self) -> None:
        """Lack what is away."""
        raise AwayError("service chest at http://triton:8000: cannot be reached")

    def fill(self) -> None:
        """Find no room on the disk."""
        raise OutOfSpaceError("the disk is full")

    def fail(self) -> None:
        """Raise what nobody expects."""
        raise KeyError("PATIENT^NAME")

    def panic(self) -> None:
        """Panic as a decoder in Rust does."""
        self._note("panic")
        raise Panic

    def crash(self) -> None:
        """Die as a decoder in C does."""
        self._note("crash")
        os.kill(os.getpid(), signal.SIGSEGV)

    def crash_ahead(self) -> None:
        """Die before anybody has asked."""
        os.kill(os.getpid(), signal.SIGSEGV)

    def hang(self) -> None:
        """Never come back."""
        self._note("hang")
        time.sleep(3600)

    def labour(self, seconds: float, core: int) -> float:
        """Take so much of one processor, and say how long that took."""
        os.sched_setaffinity(0, {core})
        begun, until = time.monotonic(), time.process_time() + seconds
        while time.process_time() < until:
            pass
        return time.monotonic() - begun

    def devour(self) -> int:
        """Take more memory than there may be."""
        self._note("devour")
        return len(bytearray(64 * 2**30))

    def crash_once(self) -> str:
        """Die the first time only."""
        first = not (self.folder / "crash_once").exists()
        self._note("crash_once")
        if first:
            os.kill(os.getpid(), signal.SIGKILL)
        return "done"

    def wait_for(self, name: str) -> str:
        """Return once a file is there."""
        self._note(f"waits for {name}")
        while not (self.folder / name).exists():
            time.sleep(0.01)
        return name

    def _note(self, what: str) -> None:
        with (self.folder / what).open("a") as noted:
            noted.write("x")


@dataclass(frozen=True, slots=True)
class SlowStart(MakeDesk):
    """Makes it in a process that never gets ready."""

    def prepare(self) -> None:
        """Say that it begins, and go no further."""
        (self.folder / "starts").touch()
        signal.pause()
