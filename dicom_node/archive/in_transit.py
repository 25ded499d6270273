"""Folders for objects on their way from one archive to another: none outlives what made it.

A process that is killed removes nothing. The next one does: a folder is in use as long as somebody
holds the lock on it, and that ends with the process.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = ".pulled."
_LOCK = ".pulling.lock"


@contextmanager
def folder_in_transit(parent: Path) -> Iterator[Path]:
    """Return a new folder below ``parent``, removed in the end; remove what was left of others.

    Raises
    ------
    OSError
        None can be made.
    """
    with _alone(parent):
        _remove_left(parent)
        folder = Path(tempfile.mkdtemp(dir=parent, prefix=_PREFIX))
        held = _opened(folder, os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def _remove_left(parent: Path) -> None:
    for each in parent.glob(f"{_PREFIX}*"):
        try:
            held = _opened(each, os.O_RDONLY)
        except FileNotFoundError:  # whose it was has just ended
            continue
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(each, ignore_errors=True)
        except BlockingIOError:  # another one is at work
            continue
        finally:
            os.close(held)


@contextmanager
def _alone(parent: Path) -> Iterator[None]:
    """Let nobody take a folder for one that was left before its maker holds it."""
    held = _opened(parent / _LOCK, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def _opened(path: Path, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)
