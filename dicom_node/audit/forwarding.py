"""Brings the trail to a syslog receiver: in order, from where it had got to, whenever it is there.

The receiver never holds anybody up: this reads what is on the disk already. Syslog acknowledges
nothing, so a record counts as sent when the connection that it went over is still there some
seconds later; what came after that is sent once more over the next connection. Each carries its
number and digest, by which a receiver tells what it has.
"""

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dicom_node.audit.chain import Record, files_in, first_of, parsed
from dicom_node.audit.syslog import LINES, Line, Receiver, syslog_message, this_host, this_process
from dicom_node.errors import NodeError

_LOG = logging.getLogger(__name__)
_CURSOR = "sent.json"
_BATCH = 500
_SETTLED_SECONDS = 10.0
# Commands write to the trail too, and wake nobody.
_LOOK_SECONDS = 5.0
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_STOP_SECONDS = 10.0


@dataclass(slots=True)
class _Sent:
    """A record that was sent over the present connection, and when by the monotonic clock."""

    number: int
    at: float


class Follower:
    """Reads a trail in order while it grows."""

    def __init__(self, folder: Path, after: int) -> None:
        """Read what comes after a record's number."""
        self._folder = folder
        self.number = after
        self._path: Path | None = None
        self._offset = 0

    def next(self, limit: int) -> list[Record]:
        """Return the next records, at most ``limit``; none where there are none yet."""
        found: list[Record] = []
        while len(found) < limit:
            if self._path is None and not self._enter():
                break
            found += self._read(limit - len(found))
            if len(found) == limit or not self._leave():
                break
        return found

    def _enter(self) -> bool:
        files = files_in(self._folder)
        held = [each for each in files if first_of(each) <= self.number + 1]
        self._path = held[-1] if held else files[0] if files else None
        self._offset = 0
        return self._path is not None

    def _leave(self) -> bool:
        """Go on to the next file, where there is one."""
        later = [each for each in files_in(self._folder) if self._path and each > self._path]
        if later:
            self._path, self._offset = later[0], 0
        return bool(later)

    def _read(self, limit: int) -> Iterator[Record]:
        assert self._path is not None  # noqa: S101 - entered before
        with self._path.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n") or limit <= 0:
                    return
                self._offset += len(line)
                with suppress(ValueError):  # altered; verifying names it
                    record = parsed(line)
                    if record.number > self.number:
                        self.number = record.number
                        limit -= 1
                        yield record


class Forwarding:
    """A thread that sends what the trail has to one receiver."""

    def __init__(
        self,
        folder: Path,
        receiver: Receiver,
        *,
        settled_seconds: float = _SETTLED_SECONDS,
        look_seconds: float = _LOOK_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Send the trail in ``folder``; nothing is sent yet."""
        self._folder = folder
        self._receiver = receiver
        self._settled_seconds = settled_seconds
        self._look_seconds = look_seconds
        self._monotonic = monotonic
        self._news = threading.Event()
        self._over = threading.Event()
        self._problem = ""
        self._thread: threading.Thread | None = None
        self._unsettled: deque[_Sent] = deque()

    @property
    def problem(self) -> str:
        """Why the receiver gets nothing; nothing while it does."""
        return self._problem

    def start(self) -> None:
        """Begin to send."""
        self._thread = threading.Thread(target=self._run, name="audit-syslog", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Say that the trail has grown."""
        self._news.set()

    def stop(self) -> None:
        """Send what is there, if the receiver is, and stop; one that hangs is not waited for."""
        self._over.set()
        self._news.set()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                self._serve()
            except (OSError, NodeError) as error:
                self._say(error)
                if self._over.wait(pause):
                    return
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                pause = _FIRST_PAUSE
            if self._over.is_set():
                return

    def _serve(self) -> None:
        """Send over one connection until the node stops, or the connection breaks."""
        follower = Follower(self._folder, self._cursor())
        self._unsettled.clear()
        line: Line | None = None
        try:
            while True:
                is_last = self._over.is_set()
                self._news.clear()
                while records := follower.next(_BATCH):
                    line = line or LINES[self._receiver.scheme](self._receiver)
                    self._send(line, records)
                    self._settle(line)
                if is_last:
                    break
                self._news.wait(self._look_seconds)
                if line is not None:
                    self._settle(line)
        except BaseException:
            if line is not None:
                with suppress(OSError):
                    line.close()
            raise
        if line is not None:
            line.close()
            self._settle_all()

    def _send(self, line: Line, records: list[Record]) -> None:
        host, process = this_host(), this_process()
        for record in records:
            with suppress(ValueError):  # altered; verifying names it
                message = syslog_message(record, host=host, process=process)
                line.send(message)
        self._unsettled.append(_Sent(records[-1].number, self._monotonic()))
        if self._problem:
            _LOG.info("audit records reach the syslog receiver again")
        self._problem = ""

    def _settle(self, line: Line) -> None:
        """Count what was sent a while ago as arrived: the connection has not broken since."""
        line.check()
        settled = 0
        latest = self._monotonic() - self._settled_seconds
        while self._unsettled and self._unsettled[0].at <= latest:
            settled = self._unsettled.popleft().number
        if settled:
            self._keep(settled)

    def _settle_all(self) -> None:
        if self._unsettled:
            self._keep(self._unsettled[-1].number)

    def _cursor(self) -> int:
        try:
            return int(json.loads((self._folder / _CURSOR).read_text())["number"])
        except FileNotFoundError:
            return 0
        except (ValueError, KeyError, TypeError):
            _LOG.warning("%s cannot be read: all records are sent again", self._folder / _CURSOR)
            return 0

    def _keep(self, number: int) -> None:
        draft = self._folder / f".{_CURSOR}"
        draft.write_text(json.dumps({"number": number}))
        draft.chmod(0o600)
        draft.replace(self._folder / _CURSOR)

    def _say(self, error: Exception) -> None:
        where = f"{self._receiver.host}:{self._receiver.port}"
        words = f"the syslog receiver at {where} gets no audit records: {error}"
        if not self._problem:
            _LOG.warning("%s; they wait on the disk", words)
        self._problem = words
