"""Make files and folders survive a power cut: write, fsync, link, fsync of the folder."""

import errno
import fcntl
import mmap
import os
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from dicom_node.archive.elements import Buffer

_REMEMBERED_FOLDERS = 8192
# Linux: a file without a name, of which nothing is left when its process ends; 0 elsewhere.
_WITHOUT_NAME: int = getattr(os, "O_TMPFILE", 0)
_DESCRIPTORS = Path("/proc/self/fd")  # through which such a file gets its name
# What file systems say that know no such files (network file systems and containers' among them).
_NEEDS_A_NAME = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOSYS, errno.EPERM})
# What those say that know no hard links (exFAT, some network shares).
_KNOWS_NO_LINKS = frozenset(
    {errno.EPERM, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.EMLINK}
)
_PIECE = 1 << 20
_LOCK = ".placing"
# Whole microseconds: a float of seconds loses one now and then.
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


def is_empty(folder: Path) -> bool:
    """Whether nothing lies in a folder, as where a disk or share is yet to be mounted.

    Raises
    ------
    OSError
        It is not there, or cannot be read.
    """
    return next(folder.iterdir(), None) is None


class DurableFolder:
    """Places whole files below one root, each visible only when it is complete.

    ``durable=False`` leaves out the fsyncs and nothing else.
    """

    def __init__(self, root: Path, incoming: Path, *, durable: bool) -> None:
        """Place files below ``root``, written first in ``incoming`` on the same file system."""
        self._root = root
        self._incoming = incoming
        self.durable = durable
        self._known: set[Path] = set()
        self._nameless = _WITHOUT_NAME if _DESCRIPTORS.is_dir() else 0

    def begin(self) -> "UnplacedFile":
        """Begin a file that has no place yet; nothing is left of it unless it gets one.

        Raises
        ------
        OSError
            No file can be made.
        """
        try:
            return UnplacedFile(self, *self._open())
        except FileNotFoundError:  # somebody has cleaned up: make the folder again
            self._require_disk()
            self._incoming.mkdir(parents=True, exist_ok=True)
            return UnplacedFile(self, *self._open())

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
        with closing(self.begin()) as file:
            for part in parts:
                file.write(part)
            file.place(path, modified=modified)

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

    def _open(self) -> tuple[int, Path | None]:
        """Return a new file's descriptor, and its name where it must have one."""
        if self._nameless:
            try:
                return os.open(self._incoming, self._nameless | os.O_RDWR, 0o666), None
            except OSError as error:
                if error.errno not in _NEEDS_A_NAME:
                    raise
        return self.open_named()

    def open_named(self) -> tuple[int, Path]:
        """Return the descriptor and the name of a new file among what is incoming.

        Raises
        ------
        OSError
            No file can be made.
        """
        path = self._incoming / f"{uuid4().hex}.part"
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666), path

    def move(self, source: Path, path: Path) -> None:
        """Rename a file where the file system knows no hard links; nothing is replaced by it.

        A rename replaces what has the name. So nobody renames but who holds a lock that all
        processes share, and looks whether the name is free.

        Raises
        ------
        FileExistsError
            There is a file of this name.
        OSError
            It could not be renamed.
        """
        with self._alone():
            if os.path.lexists(path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
            source.rename(path)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        descriptor = os.open(self._root / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def link(self, source: Callable[[Path], None], path: Path) -> None:
        """Have ``source`` give a file its name, and return when the name is durable.

        Raises
        ------
        FileExistsError
            There is a file of this name.
        OSError
            The name could not be given.
        """
        # A hard link, unlike a rename, fails where the name is taken: two receivers that get the
        # same instance at once cannot replace one another's file.
        try:
            self._ensure(path.parent)
            source(path)
        except FileNotFoundError:
            self._known.clear()  # a folder was removed since (retention): make it again
            self._ensure(path.parent)
            source(path)
        self._sync(path.parent)

    def _require_disk(self) -> None:
        """Refuse an empty root: its disk was unmounted, and what is written would be hidden by it.

        Raises
        ------
        OSError
            The root holds nothing, is not there, or cannot be read.
        """
        if is_empty(self._root):
            raise OSError(errno.ENODEV, "it is empty: is its disk mounted?", str(self._root))

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
        if not self.durable:
            return
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class UnplacedFile:
    """A file that is being written, and given its place when it is whole."""

    def __init__(self, folder: DurableFolder, descriptor: int, name: Path | None) -> None:
        """Write to ``descriptor``; ``name`` is where it lies meanwhile, if anywhere."""
        self._folder = folder
        self._descriptor = descriptor
        self._name = name
        # Whoever forgets it lets go of it, too.
        self._closing = weakref.finalize(self, _let_go, descriptor, name)

    def write(self, part: Buffer) -> None:
        """Write bytes at its end.

        Raises
        ------
        OSError
            They could not be written.
        """
        rest = memoryview(part)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def begin_anew(self, head: bytes) -> None:
        """Write bytes over its beginning.

        Raises
        ------
        OSError
            They could not be written.
        """
        written = os.pwrite(self._descriptor, head, 0)
        if written < len(head):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def view(self) -> memoryview:
        """Return its bytes.

        Raises
        ------
        OSError
            It cannot be read.
        """
        # Private, which file systems without shared mappings allow, too (FUSE with direct_io).
        flags, access = mmap.MAP_PRIVATE, mmap.PROT_READ
        return memoryview(mmap.mmap(self._descriptor, 0, flags=flags, prot=access))

    def place(self, path: Path, *, modified: datetime) -> None:
        """Give it its place, once it is whole; return when both are durable.

        Raises
        ------
        FileExistsError
            There is a file of this name; it may be placed elsewhere.
        OSError
            It could not be made durable.
        """
        when = (modified - _EPOCH) // _MICROSECOND * 1000
        os.utime(self._descriptor, ns=(when, when))
        if self._folder.durable:
            os.fsync(self._descriptor)
        self._folder.link(self._link, path)

    def close(self) -> None:
        """Let go of it: without a place nothing is left."""
        self._closing()

    def _link(self, path: Path) -> None:
        try:
            self._give_link(path)
        except OSError as error:
            if error.errno not in _KNOWS_NO_LINKS:
                raise
            self._folder.move(self._name or self._named(), path)

    def _named(self) -> Path:
        """Write the same bytes to a file that has a name, and go on with that."""
        descriptor, name = self._folder.open_named()
        letting_go = weakref.finalize(self, _let_go, descriptor, name)
        at = 0
        while sent := os.sendfile(descriptor, self._descriptor, at, _PIECE):
            at += sent
        before = os.fstat(self._descriptor)
        os.utime(descriptor, ns=(before.st_atime_ns, before.st_mtime_ns))
        if self._folder.durable:
            os.fsync(descriptor)
        self._closing()
        self._descriptor, self._name, self._closing = descriptor, name, letting_go
        return name

    def _give_link(self, path: Path) -> None:
        if self._name is not None:
            path.hardlink_to(self._name)
            return
        # Relative to a folder only to have the link that stands for the file followed.
        own = _DESCRIPTORS / str(self._descriptor)
        os.link(own, path, src_dir_fd=self._descriptor, follow_symlinks=True)


def _let_go(descriptor: int, name: Path | None) -> None:
    os.close(descriptor)
    if name is not None:
        name.unlink(missing_ok=True)


def modified_at(path: Path) -> datetime:
    """Return the modification time of a file that was placed, exactly as it was given.

    Raises
    ------
    OSError
        The file is gone.
    """
    return _EPOCH + path.stat().st_mtime_ns // 1000 * _MICROSECOND
