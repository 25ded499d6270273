"""The trail on disk: one record a line, each with the digest of the one before.

Any process of the node may write, one at a time: whoever holds the lock reads how the chain ends,
and goes on from there. A file that is full is followed by the next; each is named by its first
record. ``head`` says how the chain ended last, so that records which are taken off its end are
missed too.
"""

import fcntl
import hashlib
import json
import mmap
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicom_node.audit.errors import AuditError

FIRST = "0" * 64
"""What the first record names as the digest before it."""

_HEAD, _LOCK = "head.json", "lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One line: its number, the digest before it, its own, and an audit message in XML."""

    number: int
    previous: str
    digest: str
    message: str

    @property
    def is_sound(self) -> bool:
        """Whether the digest is that of number, digest before and message."""
        return self.digest == digest_of(self.number, self.previous, self.message)


@dataclass(frozen=True, slots=True)
class Head:
    """How a chain ends: the number of its last record, 0 for none, and its digest."""

    number: int = 0
    digest: str = FIRST


def digest_of(number: int, previous: str, message: str) -> str:
    """Return the SHA-256 of a record, in hexadecimal."""
    return hashlib.sha256(f"{number}\n{previous}\n{message}".encode()).hexdigest()


def parsed(line: bytes) -> Record:
    """Return the record of a line.

    Raises
    ------
    ValueError
        The line is none.
    """
    found: Any = json.loads(line)
    if not isinstance(found, dict):
        raise ValueError("a record is an object")  # noqa: TRY004 - what callers look for
    values: list[Any] = [found.get(name) for name in ("previous", "digest", "message")]
    number = found.get("number")
    if type(number) is not int or not all(isinstance(each, str) for each in values):
        raise ValueError("a record has number, previous, digest and message")
    return Record(number=number, previous=values[0], digest=values[1], message=values[2])


def files_in(folder: Path) -> list[Path]:
    """Return the files of a trail, oldest first."""
    return sorted(folder.glob("audit-*.jsonl"))


def first_of(path: Path) -> int:
    """Return the number of the record that a file of a trail begins with."""
    text = path.stem.removeprefix("audit-")
    return int(text) if text.isdecimal() else 0


class Chain:
    """Appends to the trail in one folder."""

    def __init__(self, folder: Path, *, file_bytes: int = 64 * 2**20) -> None:
        """Write into ``folder``; begin another file when one has so many bytes."""
        self._folder = folder
        self._file_bytes = file_bytes

    @contextmanager
    def locked(self) -> Iterator["Appending"]:
        """Keep all other writers out meanwhile.

        Raises
        ------
        AuditError
            The folder or a file in it cannot be used.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self._folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise _unusable(self._folder, error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield Appending(self._folder, self._file_bytes)
        finally:
            os.close(handle)

    def append(self, messages: Sequence[str]) -> None:
        """Append audit messages, and return when they are on the disk.

        Raises
        ------
        AuditError
            They are not.
        """
        with self.locked() as chain:
            chain.append(messages)


class Appending:
    """The chain in the hands of the one who may write."""

    def __init__(self, folder: Path, file_bytes: int) -> None:
        self._folder = folder
        self._file_bytes = file_bytes

    def append(self, messages: Sequence[str]) -> None:
        """Append audit messages, and return when they are on the disk.

        Raises
        ------
        AuditError
            They are not.
        """
        if not messages:
            return
        try:
            self._append(messages)
        except OSError as error:
            raise _unusable(self._folder, error) from error

    def _append(self, messages: Sequence[str]) -> None:
        files = files_in(self._folder)
        path = files[-1] if files else None
        head = _end_of(self._folder, path)
        if path is None or path.stat().st_size >= self._file_bytes:
            path = self._folder / f"audit-{head.number + 1:012d}.jsonl"
        lines = []
        for message in messages:
            number = head.number + 1
            digest = digest_of(number, head.digest, message)
            line = {
                "number": number,
                "previous": head.digest,
                "digest": digest,
                "message": message,
            }
            lines.append(json.dumps(line, ensure_ascii=False) + "\n")
            head = Head(number, digest)
        is_new = not path.exists()
        _write(path, "".join(lines).encode())
        self._keep(head)
        if is_new:
            _sync_folder(self._folder)

    def _keep(self, head: Head) -> None:
        draft = self._folder / f".{_HEAD}"
        draft.write_text(json.dumps({"number": head.number, "digest": head.digest}))
        draft.chmod(0o600)
        draft.replace(self._folder / _HEAD)


def head_of(folder: Path) -> Head:
    """Return how the chain ended when something was last written to it.

    Raises
    ------
    AuditError
        That was altered, and cannot be read.
    """
    try:
        found = json.loads((folder / _HEAD).read_text())
        return Head(int(found["number"]), str(found["digest"]))
    except FileNotFoundError:
        return Head()
    except (ValueError, KeyError, TypeError) as error:
        raise AuditError(f"{folder / _HEAD} cannot be read: was it altered?") from error


def newest_first(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file, the last one first, without their ends."""
    if not path.stat().st_size:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as seen:
        end = len(seen)
        if seen[end - 1 : end] == b"\n":
            end -= 1
        while end >= 0:
            start = seen.rfind(b"\n", 0, end) + 1
            yield seen[start:end]
            end = start - 1


def _end_of(folder: Path, path: Path | None) -> Head:
    """Return how the chain ends: by what lies there, or by ``head`` where that knows of more."""
    kept = _kept(folder)
    if path is None:
        return kept
    _cut_torn_line(path)
    for line in newest_first(path):
        try:
            last = parsed(line)
        except ValueError:
            break  # altered: what follows goes on from what was known, and verifying tells
        return Head(last.number, last.digest) if last.number >= kept.number else kept
    return kept


def _kept(folder: Path) -> Head:
    try:
        return head_of(folder)
    except AuditError:
        return Head()


def _cut_torn_line(path: Path) -> None:
    """Remove what a crash left of a line: nobody was told that it is there."""
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        if not size:
            return
        file.seek(size - 1)
        if file.read(1) == b"\n":
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as seen:
            whole = seen.rfind(b"\n") + 1
        file.truncate(whole)


def _write(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    try:
        size = os.fstat(handle).st_size
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(handle, view) :]
            os.fsync(handle)
        except OSError:
            os.ftruncate(handle, size)  # all or nothing: the batch is tried again
            raise
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unusable(folder: Path, error: OSError) -> AuditError:
    return AuditError(
        f"the audit trail in {folder} cannot be written: {error.strerror}; make room, or give the "
        "folder back to the node's user."
    )
