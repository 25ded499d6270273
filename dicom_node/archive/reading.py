"""Read stored objects back: what the files say when nobody else remembers."""

import hashlib
import logging
import mmap
from collections.abc import Iterator
from datetime import date
from pathlib import Path, PurePosixPath

from dicom_node.archive import layout
from dicom_node.archive.durable import modified_at
from dicom_node.archive.errors import ArchiveError, NotInArchiveError
from dicom_node.archive.header import read_header
from dicom_node.archive.part10 import decode_head
from dicom_node.archive.storage import StorageArchive, as_instance
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.reception import UnreadableDatasetError

logger = logging.getLogger(__name__)
_DAY_FOLDER = 2  # of a file's parents: series, study, day, device


def read_instance(
    archive: StorageArchive, relative: str, *, verify: bool = False
) -> ReceivedInstance:
    """Read one stored object back from its file.

    ``received_at`` is the file's modification time, which the archive set when it stored it. The
    digest is the one in the File Meta Information; ``verify`` computes it anew and compares.

    Raises
    ------
    NotInArchiveError
        There is no such file.
    UnreadableDatasetError
        The file is not what the archive wrote.
    """
    path = archive.path(relative)
    try:
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        received_at = modified_at(path)
    except FileNotFoundError as error:
        raise NotInArchiveError("there is no such file in the archive") from error
    except (OSError, ValueError) as error:  # ValueError: an empty file cannot be mapped
        raise UnreadableDatasetError("the file cannot be read") from error
    # Closed by its last reference: views of it may outlive this frame in a traceback.
    view = memoryview(data)
    meta, offset = decode_head(view)
    dataset = view[offset:]
    if verify and hashlib.sha256(dataset).hexdigest() != meta.digest:
        raise UnreadableDatasetError("the data set is not the one that was received")
    found = read_header(dataset, meta.transfer_syntax_uid)
    return as_instance(
        found, meta, path=PurePosixPath(relative), size=len(dataset), received_at=received_at
    )


def iter_objects(
    archive: StorageArchive, since: date | None = None, *, verify: bool = False
) -> Iterator[ReceivedInstance]:
    """Yield every stored object, by day, device, study and series, from ``since`` on.

    What an index has read of it when it is cut off is then older than all that it has not read.
    A file that cannot be read is skipped with a log line: one broken file must not hide the rest.
    """
    for path in sorted(_files(archive.root, since), key=_by_day):
        relative = path.relative_to(archive.root).as_posix()
        try:
            yield read_instance(archive, relative, verify=verify)
        except (ArchiveError, UnreadableDatasetError) as error:
            logger.warning("archive.unreadable path=%s reason=%s", relative, error)


def _by_day(path: Path) -> tuple[str, Path]:
    return path.parents[_DAY_FOLDER].name, path


def _files(root: Path, since: date | None) -> Iterator[Path]:
    for device in root.iterdir():
        if device.name.startswith(".") or not device.is_dir():
            continue
        for folder in device.iterdir():
            day = layout.day_of(folder.name)
            if day is not None and (since is None or day >= since):
                yield from folder.glob(f"*/*/*{layout.SUFFIX}")
