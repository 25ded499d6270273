"""Disks of a running node, looked at without waiting for one that does not answer.

Whoever touches a share whose server is away may wait for it without limit. Health is asked for
several times a minute: nobody who asks is to wait with it, nor a thread to be left for each.
"""

import errno
import os
from pathlib import Path
from threading import Lock, Thread

from dicom_node.administration.disk import DiskRoom
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.health import Problem
from dicom_node.node.disks import disk_problems, disk_rooms, unreachable

# A disk that is busy takes its time to make a file.
_PATIENCE_SECONDS = 10.0


class DiskWatch:
    """Looks at a node's disks, in one thread at a time, for everybody who asks meanwhile."""

    def __init__(self, settings: NodeSettings, *, patience: float = _PATIENCE_SECONDS) -> None:
        """Wait ``patience`` seconds for what is found."""
        self._settings = settings
        self._patience = patience
        self._lock = Lock()
        self._look: _Look | None = None

    def rooms(self) -> tuple[DiskRoom, ...] | None:
        """Return what room there is in each folder; None where one did not answer in time."""
        look = self._look_now()
        return None if look.found is None else look.rooms

    def problems(self) -> tuple[Problem, ...]:
        """Say what `disk_problems` says, or which folder did not answer in time."""
        look = self._look_now()
        if look.found is not None:
            return look.found
        if look.is_alive():
            return (unreachable(look.at, os.strerror(errno.ETIMEDOUT)),)
        raise RuntimeError("a look at the disks has broken off: the log says why")

    def _look_now(self) -> "_Look":
        with self._lock:
            if self._look is None or not self._look.is_alive():
                self._look = _Look(self._settings)
                self._look.start()
            look = self._look
        look.join(self._patience)
        return look


class _Look(Thread):
    """One look at all disks; ``at`` is the folder that is being looked at."""

    def __init__(self, settings: NodeSettings) -> None:
        super().__init__(name="disks", daemon=True)
        self.at = settings.data_dir
        self.found: tuple[Problem, ...] | None = None
        self.rooms: tuple[DiskRoom, ...] = ()
        self._settings = settings

    def run(self) -> None:
        """Look; an error is told as that of a thread."""
        found = tuple(disk_problems(self._settings, has_begun=True, looking_at=self._looking))
        self.rooms = disk_rooms(self._settings)
        self.found = found

    def _looking(self, folder: Path) -> None:
        self.at = folder
