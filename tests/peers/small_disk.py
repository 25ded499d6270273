"""A disk of a few megabytes, which a test can fill to the last byte."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_BLOCK = 64 * 1024


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """A file system in memory, mounted at ``folder``."""

    folder: Path

    def fill(self) -> None:
        """Take what room there is, to the last byte."""
        with self._filler.open("ab", buffering=0) as file:
            size = _BLOCK
            while size:
                try:
                    file.write(bytes(size))
                except OSError:
                    size //= 2

    def make_room(self) -> None:
        """Give all of it back."""
        self._filler.unlink()

    @property
    def _filler(self) -> Path:
        return self.folder / ".filler"


@contextmanager
def small_disk(folder: Path, *, mebibytes: int) -> Iterator[SmallDisk]:
    """Mount a disk at an empty folder; skip where this user may not."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=0700", "tmpfs", folder],
        check=False,
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        # Lazily: whatever still looks at it is on its way out.
        subprocess.run(["umount", "--lazy", folder], check=True)
