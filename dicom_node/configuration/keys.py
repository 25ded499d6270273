"""Keys that the node makes for itself and keeps in files that its user alone may read."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def kept_key(path: Path, make: Callable[[], str]) -> str:
    """Read a key, or make and keep one where there is none yet.

    The file appears whole or not at all: neither a full disk nor a power cut leaves an empty one,
    and of two processes that come at once the second takes the first one's key. Whether what is
    read is a key at all is for the caller to check.

    Raises
    ------
    OSError
        If the file can be neither read nor made.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _place(path, make())
    return path.read_text(encoding="ascii", errors="replace").strip()


def _place(path: Path, key: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    draft = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        try:
            # A hard link, unlike a rename, replaces nothing.
            path.hardlink_to(draft)
        except FileExistsError:
            return
    finally:
        draft.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
