"""Copies of a folder of files that come and go, but are not changed once they are there."""

import os
import shutil
from collections.abc import Callable, Collection, Iterator
from pathlib import Path, PurePath

DRAFT = ".copying"


def files_below(root: Path, left_out: Collection[str] = ()) -> Iterator[PurePath]:
    """Yield the files below a folder, relative to it.

    ``left_out`` are names of folders and files at any depth. Links are not followed.
    """
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if name not in left_out)
        for name in sorted(files):
            path = Path(folder, name)
            if name not in left_out and not name.endswith(DRAFT) and not path.is_symlink():
                yield path.relative_to(root)


def bring(source: Path, target: Path) -> bool:
    """Copy a file, unless it is there already; return whether it was copied.

    The copy appears whole or not at all. A file that is gone by now is not copied.
    """
    try:
        there, here = target.stat(), source.stat()
        if (there.st_size, there.st_mtime_ns) == (here.st_size, here.st_mtime_ns):
            return False
    except FileNotFoundError:
        if not source.exists():
            return False
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(target.name + DRAFT)
    try:
        shutil.copy2(source, draft)
    except FileNotFoundError:
        return False
    draft.replace(target)
    return True


def remove_others(root: Path, wanted: Callable[[PurePath], bool]) -> int:
    """Remove the files below a folder that are not wanted; return how many."""
    others = [each for each in files_below(root) if not wanted(each)]
    for each in others:
        (root / each).unlink()
    return len(others)
