"""Whether an archived object is still what was received."""

import hashlib
from pathlib import Path

from dicom_node.archive.part10 import decode_head
from dicom_node.domain.reception import UnreadableDatasetError

# Preamble and File Meta Information are a few hundred bytes.
_HEAD_BYTES = 64 * 1024


def is_intact(path: Path, digest: str = "") -> bool:
    """Read an archived object, and tell whether its data set has this SHA-256 (hexadecimal).

    Without one, it is that of the file's own File Meta Information.
    """
    try:
        return holds(path, digest)
    except OSError:
        return False


def holds(path: Path, digest: str = "") -> bool:
    """Tell the same, piece by piece: an object may be larger than the memory that is free.

    Raises
    ------
    OSError
        It cannot be read.
    """
    with path.open("rb") as file:
        try:
            meta, offset = decode_head(file.read(_HEAD_BYTES))
        except UnreadableDatasetError:  # damaged since
            return False
        file.seek(offset)
        return hashlib.file_digest(file, "sha256").hexdigest() == (digest or meta.digest)
