"""A disk that fails and is read-only from then on, as ext4 makes it of one with an error."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.peers.process import wait_until


@dataclass(slots=True)
class BreakingDisk:
    """An ext4 in a file, mounted at ``folder`` by a loop device."""

    folder: Path
    image: Path
    device: str

    def fail(self) -> None:
        """Have the file system meet an error: it takes nothing more until it is mounted anew."""
        name = Path(self.device).name
        Path(f"/sys/fs/ext4/{name}/trigger_fs_error").write_text("a test", encoding="ascii")

    def repair(self) -> None:
        """Unmount it, check it and mount it anew, as an administrator does.

        Nobody may use it meanwhile.
        """
        subprocess.run(["umount", self.folder], check=True)
        # Whoever began meanwhile in mounts of his own, as containers do, holds the device a while.
        wait_until(self._is_mended, f"{self.device} to be free and mended")
        subprocess.run(["mount", *_OPTIONS, self.device, self.folder], check=True)

    def _is_mended(self) -> bool:
        return _said("e2fsck", "-fy", self.device).returncode <= _MENDED


_OPTIONS = ("-t", "ext4", "-o", "errors=remount-ro")
_MENDED = 1  # e2fsck(8): errors were corrected


@contextmanager
def breaking_disk(folder: Path, image: Path, *, mebibytes: int) -> Iterator[BreakingDisk]:
    """Mount such a disk at an empty folder; skip where this user or this machine may not."""
    with image.open("wb") as file:
        file.truncate(mebibytes << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    attached = _said("losetup", "--find", "--show", image)
    if attached.returncode:
        pytest.skip(f"no loop device can be had here: {attached.stderr.strip()}")
    device = attached.stdout.strip()
    try:
        mounted = _said("mount", *_OPTIONS, device, folder)
        if mounted.returncode:
            pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
        try:
            yield BreakingDisk(folder, image, device)
        finally:
            # Lazily: whatever still looks at it is on its way out.
            subprocess.run(["umount", "--lazy", folder], check=True)
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


def _said(*command: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, check=False, capture_output=True, text=True)
