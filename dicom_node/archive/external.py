"""Looks at Part 10 files that are not in the archive, as if they had been received."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from dicom_node.archive.header import read_header
from dicom_node.archive.part10 import decode_head
from dicom_node.archive.storage import as_instance
from dicom_node.domain.instance import ReceivedInstance


def read_external(path: Path, *, calling_ae: str) -> ReceivedInstance:
    """Return what the node would know of a file, had ``calling_ae`` just sent it.

    Raises
    ------
    UnreadableDatasetError
        Not a Part 10 file, or its data set cannot be read.
    OSError
        The file cannot be opened.
    """
    data = path.read_bytes()
    meta, offset = decode_head(data)
    dataset = memoryview(data)[offset:]
    sent = replace(meta, calling_ae=calling_ae, digest=hashlib.sha256(dataset).hexdigest())
    return as_instance(
        read_header(dataset, meta.transfer_syntax_uid),
        sent,
        path=PurePosixPath(path.as_posix()),
        size=len(dataset),
        received_at=datetime.now(UTC),
    )
