"""Objects as they travel: with pixel data of an even length, and compressed without loss.

Nothing here needs an association, so that it can be done elsewhere: to compress an overlay takes
50 ms, in which the process that does it does nothing else.
"""

import struct
import zlib
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.filewriter import dcmwrite

ENCODING_ERRORS = (
    InvalidDicomError,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What pydicom and its encoders raise for an object that they cannot encode."""


def even(dataset: Dataset) -> Dataset:
    """Pad pixel data to an even length (PS3.5 Section 8.1.1), as fragments must have (PS3.8 E.1).

    There are files without that byte; some peers abort when they are sent as they are.
    """
    if len(dataset.get("PixelData", b"")) % 2:
        dataset.PixelData += b"\0"
    return dataset


def compressed(source: Path, transfer_syntax_uid: str) -> Dataset:
    """Return an uncompressed object in a transfer syntax that loses nothing."""
    dataset = even(dcmread(source))
    # Nothing is lost, so the object keeps its SOP Instance UID (PS3.3 C.7.6.1.1.5).
    dataset.compress(transfer_syntax_uid, generate_instance_uid=False)
    return dataset


def pack(source: Path, target: Path, transfer_syntax_uid: str) -> bool:
    """Write an uncompressed object as it travels; False, and nothing written, where it cannot be.

    Raises
    ------
    OSError
        It cannot be read or written.
    """
    try:
        dcmwrite(target, compressed(source, transfer_syntax_uid), enforce_file_format=True)
    except ENCODING_ERRORS:  # which whoever sends it meets again, and says
        target.unlink(missing_ok=True)
        return False
    return True
