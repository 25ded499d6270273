"""The Warehouse's own copies of validated images, in a folder for each device.

    <device identifier>/<study>/<SOP Instance>.dcm

They outlive the Hotbase's files. On one file system a copy is a second name of the same bytes,
which costs nothing.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from dicom_node.archive import layout
from dicom_node.domain.device import Device
from dicom_node.domain.instance import ReceivedInstance


class DeviceFolders:
    """Files images by the device that they came from."""

    def __init__(self, root: Path, source_path: Callable[[str], Path]) -> None:
        """Take the Warehouse's folder, and where a received object lies by its archived path."""
        self.root = root
        self._source_path = source_path

    def keep(self, device: Device, instance: ReceivedInstance) -> str:
        """File an image; return its path below the root, or an empty text where its file is gone.

        Doing this again changes nothing, and a file that is here already needs no other.
        """
        relative = (
            PurePosixPath(device.device_id)
            / layout.uid_name(instance.study_instance_uid)
            / (layout.uid_name(instance.sop_instance_uid) + layout.SUFFIX)
        )
        target = self.root / relative
        if target.exists():
            return str(relative)
        source = self._source_path(instance.path)
        if not source.exists():
            return ""
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, target)
        except FileExistsError:
            return str(relative)
        except OSError:  # another file system, or one without links
            _copy(source, target)
        return str(relative)

    def path(self, relative: str) -> Path:
        """Return where a filed image lies.

        Raises
        ------
        NotInArchiveError
            The path does not lie below the Warehouse's root.
        """
        return layout.below(self.root, relative)


def _copy(source: Path, target: Path) -> None:
    """Copy so that a crash leaves either the whole file or none."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".")
    with os.fdopen(handle, "wb") as copy, source.open("rb") as original:
        shutil.copyfileobj(original, copy)
        copy.flush()
        os.fsync(copy.fileno())
    Path(name).replace(target)
