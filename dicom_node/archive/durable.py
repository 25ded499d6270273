"""Make files and folders survive a power cut: write, fsync, link, fsync of the folder."""

import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from dicom_node.archive.elements import Buffer

_REMEMBERED_FOLDERS = 8192
# Whole microseconds: a float of seconds loses one now and then.
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


class DurableFolder:
    """Places whole files below one root, each visible only when it is complete.

    ``durable=False`` leaves out the fsyncs and nothing else.
    """

    def __init__(self, root: Path, incoming: Path, *, durable: bool) -> None:
        """Place files below ``root``, written first in ``incoming`` on the same file system."""
        self._root = root
        self._incoming = incoming
        self._durable = durable
        self._known: set[Path] = set()

    def place(self, path: Path, parts: Iterable[Buffer], *, modified: datetime) -> None:
        """Write ``parts`` as a new file and return when it is durable.

        A file that is already there is never replaced.

        Raises
        ------
        FileExistsError
            There is a file of this name.
        OSError
            The file could not be written.
        """
        when = (modified - _EPOCH) // _MICROSECOND * 1000
        temporary = self._incoming / f"{uuid4().hex}.part"
        try:
            with self._open(temporary) as file:
                for part in parts:
                    file.write(part)
                file.flush()
                os.utime(file.fileno(), ns=(when, when))
                if self._durable:
                    os.fsync(file.fileno())
            self._link(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        self._sync(path.parent)

    def confirm(self, path: Path) -> None:
        """Make a file durable that another process may just have placed.

        Raises
        ------
        OSError
            The file is gone or could not be synchronised.
        """
        self._ensure(path.parent)
        self._sync(path)
        self._sync(path.parent)

    def discard_incoming(self) -> int:
        """Remove what a crash left half written; return how many files that were."""
        abandoned = list(self._incoming.glob("*.part"))
        for path in abandoned:
            path.unlink(missing_ok=True)
        return len(abandoned)

    def _open(self, temporary: Path) -> BinaryIO:
        try:
            return temporary.open("xb")
        except FileNotFoundError:  # somebody has cleaned up: make the folder again
            self._incoming.mkdir(parents=True, exist_ok=True)
            return temporary.open("xb")

    def _link(self, temporary: Path, path: Path) -> None:
        # A hard link, unlike a rename, fails where the name is taken: two receivers that get the
        # same instance at once cannot replace one another's file.
        try:
            self._ensure(path.parent)
            path.hardlink_to(temporary)
        except FileNotFoundError:
            self._known.clear()  # a folder was removed since (retention): make it again
            self._ensure(path.parent)
            path.hardlink_to(temporary)

    def _ensure(self, folder: Path) -> None:
        """Create a folder and make its name, and its parents' names, durable once."""
        if folder in self._known or folder == self._root:
            return
        self._ensure(folder.parent)
        folder.mkdir(exist_ok=True)
        self._sync(folder.parent)
        if len(self._known) >= _REMEMBERED_FOLDERS:
            self._known.clear()
        self._known.add(folder)

    def _sync(self, path: Path) -> None:
        if not self._durable:
            return
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def modified_at(path: Path) -> datetime:
    """Return the modification time of a file that was placed, exactly as it was given.

    Raises
    ------
    OSError
        The file is gone.
    """
    return _EPOCH + path.stat().st_mtime_ns // 1000 * _MICROSECOND
