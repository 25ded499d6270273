"""What comes in pieces and is read as a whole: in memory up to a size, then on disk, then not.

That are data sets of messages other than C-STORE, and files that a browser uploads; objects that
are stored are written while they come (``received_object``).
"""

import mmap
import tempfile
from dataclasses import dataclass
from io import BytesIO
from typing import IO, Any

IN_MEMORY = 16 * 2**20
"""Bytes that stay in memory: any query, and an uploaded radiograph, but no series of frames."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectLimits:
    """How large a data set may be, in bytes, and in which folder a large one waits for its end.

    Without a folder, it waits in memory.
    """

    max_bytes: int
    folder: str | None = None


class BoundedBuffer(BytesIO):
    """Takes a data set up to a size, and from there on only counts it."""

    def __init__(self, limits: ObjectLimits) -> None:
        """Hold what the limits allow."""
        super().__init__()
        self._limits = limits
        self._file: IO[bytes] | None = None
        self.size = 0
        self.is_lost = False

    @property
    def overflowed(self) -> bool:
        """Whether more came than it holds; then it holds nothing."""
        return self.size > self._limits.max_bytes

    @property
    def is_on_disk(self) -> bool:
        """Whether it has left the memory."""
        return self._file is not None

    def write(self, data: Any) -> int:
        """Take bytes, or drop everything when they are too many or the disk takes no more."""
        self.size += len(data)
        if self.overflowed or self.is_lost:
            self._drop()
        elif self._limits.folder is None or self.size <= IN_MEMORY:
            super().write(data)
        else:
            self._spill(data, self._limits.folder)
        return len(data)

    def getbuffer(self) -> memoryview:
        """Return what was taken; a view of the file where it is on disk."""
        if self._file is None:
            return super().getbuffer()
        self._file.flush()
        return memoryview(mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ))

    def close(self) -> None:
        """Let go of what was taken; whoever forgets the buffer closes it, too."""
        if self._file is not None:
            self._file.close()
        super().close()

    def _spill(self, data: Any, folder: str) -> None:
        try:
            self._on_disk(folder).write(data)
        except OSError:
            self.is_lost = True
            self._drop()

    def _on_disk(self, folder: str) -> IO[bytes]:
        if self._file is None:
            # It has no name from the beginning: whatever stops the process, nothing is left of it.
            self._file = tempfile.TemporaryFile(dir=folder, buffering=2**20)  # noqa: SIM115
            self._file.write(self.getvalue())
            self.seek(0)
            self.truncate()
        return self._file

    def _drop(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        self.seek(0)
        self.truncate()
