"""Disks of a running node, looked at without waiting for one that does not answer.

Whoever touches a share whose server is away may wait for it without limit. Health is asked for
several times a minute: nobody who asks is to wait with it, nor a thread to be left for each.
"""

import errno
import os
from pathlib import Path
from threading import Lock, Thread

from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.health import Problem
from dicom_node.node.disks import disk_problems, unreachable

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

    def problems(self) -> tuple[Problem, ...]:
        """Say what `disk_problems` says, or which folder did not answer in time."""
        with self._lock:
            if self._look is None or not self._look.is_alive():
                self._look = _Look(self._settings)
                self._look.start()
            look = self._look
        look.join(self._patience)
        if look.found is not None:
            return look.found
        if look.is_alive():
            return (unreachable(look.at, os.strerror(errno.ETIMEDOUT)),)
        raise RuntimeError("a look at the disks has broken off: the log says why")


class _Look(Thread):
    """One look at all disks; ``at`` is the folder that is being looked at."""

    def __init__(self, settings: NodeSettings) -> None:
        super().__init__(name="disks", daemon=True)
        self.at = settings.data_dir
        self.found: tuple[Problem, ...] | None = None
        self._settings = settings

    def run(self) -> None:
        """Look; an error is told as that of a thread."""
        self.found = tuple(disk_problems(self._settings, has_begun=True, looking_at=self._looking))

    def _looking(self, folder: Path) -> None:
        self.at = folder
