"""Objects made ready to travel: compressed beside other work, and sent as they lie.

Compressing is most of the work of a delivery. It is done by a worker that is free, while the report
is on its way; or while their destination is away: one that comes back after hours gets what has
waited as fast as it takes it. What is ready is a copy that may go at any time: it is made again
when it is needed.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from dicom_node.network.packing import pack
from dicom_node.network.storage_scu import Compressed, best_compression

_MOST_BYTES = 1024**3
# Writes an object (from, to) in a transfer syntax; False where it has not.
Pack = Callable[[Path, Path, str], bool]


def packed_by_nobody(_source: Path, _target: Path, _transfer_syntax_uid: str) -> bool:
    """Pack nothing: whoever sends does it."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    """A copy of an object, in the transfer syntax in which it travels."""

    file: Path
    transfer_syntax_uid: str
    size: int


class TravelFiles:
    """What is ready for each destination, in a folder that nothing else uses.

    A destination's files are used by one thread at a time.
    """

    def __init__(
        self,
        folder: Path,
        *,
        min_free_bytes: int = 0,
        most_bytes: int = _MOST_BYTES,
        elsewhere: Pack = packed_by_nobody,
    ) -> None:
        """Keep at most ``most_bytes`` there, and leave twice ``min_free_bytes`` of the disk free.

        What a node before has left is removed. ``elsewhere`` packs in another process, where one
        has nothing else to do: in this one everything waits for it.
        """
        self._elsewhere = elsewhere
        self._folder = folder
        self._min_free_bytes = min_free_bytes
        self._most_bytes = most_bytes
        self._ready: dict[tuple[str, Path], _Ready | None] = {}
        shutil.rmtree(folder, ignore_errors=True)

    def prepare(self, title: str, sources: Iterable[Path], compress: Compressed) -> None:
        """Make objects ready that are compressed on their way, where there is room."""
        self._forget_gone(title)
        for source in sources:
            if (title, source) not in self._ready and self._has_room():
                self._ready[title, source] = self._made(title, source, compress)

    def has(self, title: str, source: Path) -> bool:
        """Whether an object was made ready for a destination, and still is."""
        found = self._ready.get((title, source))
        return found is not None and found.file.exists()

    def find(self, title: str, source: Path, transfer_syntax_uid: str) -> Path | None:
        """Return an object in the transfer syntax in which it travels, where it is ready."""
        found = self._ready.get((title, source))
        if found is None or found.transfer_syntax_uid != transfer_syntax_uid:
            return None
        return found.file if found.file.exists() else None

    def fetch(self, title: str, source: Path, transfer_syntax_uid: str) -> Path | None:
        """Return an object as it travels: ready, or made so elsewhere; None: make it here."""
        found = self.find(title, source, transfer_syntax_uid)
        if found is None and self._has_room():
            file = self._file(title, source)
            if self._elsewhere(source, file, transfer_syntax_uid):
                self._keep(title, source, file, transfer_syntax_uid)
                return file
        return found

    def drop(self, title: str, sources: Iterable[Path]) -> None:
        """Remove what has arrived, or is gone."""
        for source in sources:
            found = self._ready.pop((title, source), None)
            if found is not None:
                found.file.unlink(missing_ok=True)

    def _made(self, title: str, source: Path, compress: Compressed) -> _Ready | None:
        """Return what was made ready; None where it goes as it is, or is made when it is sent."""
        file = self._file(title, source)
        try:
            syntax = best_compression(source, compress)
            if syntax is None:
                return None
            if self._elsewhere(source, file, syntax) or pack(source, file, syntax):
                return _Ready(file=file, transfer_syntax_uid=syntax, size=file.stat().st_size)
        except OSError:  # the disk is full, or the source is gone: said of when it is sent
            file.unlink(missing_ok=True)
        return None

    def _file(self, title: str, source: Path) -> Path:
        name = hashlib.sha256(f"{title}\n{source}".encode()).hexdigest()[:32]
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder / f"{name}.dcm"

    def _keep(self, title: str, source: Path, file: Path, transfer_syntax_uid: str) -> None:
        self._ready[title, source] = _Ready(
            file=file, transfer_syntax_uid=transfer_syntax_uid, size=file.stat().st_size
        )

    def _forget_gone(self, title: str) -> None:
        """Keep no copy of what was erased."""
        mine = [source for each, source in list(self._ready) if each == title]
        self.drop(title, [source for source in mine if not source.exists()])

    def _has_room(self) -> bool:
        used = sum(each.size for each in list(self._ready.values()) if each is not None)
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self._folder.parent).free
        return used < self._most_bytes and free > 2 * self._min_free_bytes
