"""Disks: whether what a node keeps can be kept, and for how long still.

Archive, results and databases may lie on disks of their own, and each may be full, gone or
read-only alone. Whether a file can be written is found out by writing one: a file system that has
stopped after an error says nothing of it until then.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import sqlalchemy as sa

from dicom_node.administration.disk import DiskRoom
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.health import Problem, Severity

# Bytes under which nothing goes on, whatever the settings say.
_LEAST_FREE = 16 * 1024**2
_REFUSED = "studies are refused"
_WAITING = "what was received waits"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """A folder that something is kept in, and what comes of it when it can't be."""

    folder: Path
    consequence: str

    @property
    def refuses(self) -> bool:
        """Whether nothing is acknowledged without it."""
        return self.consequence == _REFUSED


def disk_problems(
    settings: NodeSettings,
    *,
    has_begun: bool = False,
    looking_at: Callable[[Path], None] = lambda folder: None,
) -> Iterator[Problem]:
    """Say which folder is gone or cannot be written, and where there is, or soon will be, no room.

    ``has_begun`` says that a node runs and has made its folders; ``looking_at`` is told of each
    folder before it is touched, which may last.
    """
    for folder in dict.fromkeys((settings.data_dir, settings.common_dir)):
        looking_at(folder)
        try:
            folder.stat()
        except OSError as error:
            yield unreachable(folder, str(error.strerror))
    yield from _room_problems(settings, looking_at)
    yield from _keeping_problems(settings, looking_at, has_begun=has_begun)


def unreachable(folder: Path, strerror: str) -> Problem:
    """Return the problem of a folder that does not answer, for a reason of the system's."""
    return _lost(folder, words=f"{folder} cannot be reached ({strerror})")


def _kept(settings: NodeSettings) -> Iterator[_Kept]:
    """Yield what is kept where, the archive first: who looks at a disk once, looks for it."""
    yield _Kept(folder=settings.archive_dir, consequence=_REFUSED)
    yield _Kept(folder=settings.evidence_dir, consequence=_WAITING)
    yield _Kept(folder=settings.data_dir, consequence=_WAITING)
    for url in (settings.hotbase_url, settings.warehouse_url, settings.workflow_url):
        parsed = sa.make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database:
            yield _Kept(folder=Path(parsed.database).parent, consequence=_WAITING)


def _room_problems(settings: NodeSettings, looking_at: Callable[[Path], None]) -> Iterator[Problem]:
    """Look at each disk once."""
    least = max(settings.network.min_free_bytes, _LEAST_FREE)
    seen: set[int] = set()
    for each in _kept(settings):
        # The archive's folder is made at the first start, on its parent's disk.
        for folder in (each.folder, each.folder.parent):
            looking_at(folder)
            if (disk := _disk_of(folder)) is not None:
                break
        if disk is None or disk[0] in seen:
            continue
        number, free = disk
        seen.add(number)
        if free >= 2 * least:
            continue
        is_over = free < (least if each.refuses else _LEAST_FREE)
        yield Problem(
            kind="disk",
            about=str(folder),
            severity=Severity.FAILING if is_over else Severity.DEGRADED,
            words=f"{free / 1e9:.1f} GB free in {folder}"
            + (f": {each.consequence}" if is_over else ", little more than is needed"),
            advice="make room (dicom-node retention), or lower network.min_free_bytes",
        )


def disk_rooms(settings: NodeSettings) -> tuple[DiskRoom, ...]:
    """Return what room there is in each folder that something is kept in, of those that are there.

    A folder that lies in another one, on the same disk, is not named apart.
    """
    rooms: dict[tuple[int, Path], DiskRoom] = {}
    for folder in sorted({each.folder.absolute() for each in _kept(settings)}):
        try:
            number, usage = folder.stat().st_dev, shutil.disk_usage(folder)
        except OSError:  # said elsewhere
            continue
        if not any(disk == number and folder.is_relative_to(known) for disk, known in rooms):
            rooms[number, folder] = DiskRoom(folder=str(folder), total=usage.total, free=usage.free)
    return tuple(rooms.values())


def _disk_of(folder: Path) -> tuple[int, int] | None:
    """Return the number of a folder's disk and its free bytes; None where it can't be had."""
    try:
        return folder.stat().st_dev, shutil.disk_usage(folder).free
    except OSError:  # said elsewhere
        return None


def _keeping_problems(
    settings: NodeSettings, looking_at: Callable[[Path], None], *, has_begun: bool
) -> Iterator[Problem]:
    """Say where what is received and made cannot be kept: a share is not mounted, say."""
    # Of several things in one folder the first says what comes of it: it refuses, if any does.
    kept: dict[Path, _Kept] = {}
    for each in _kept(settings):
        kept.setdefault(each.folder, each)
    wrong: dict[Path, str] = {}
    for folder in kept:
        looking_at(folder)
        wrong[folder] = _wrong_with(folder)
    missing = {folder for folder, words in wrong.items() if words == _not_there(folder)}
    if not has_begun and {settings.archive_dir, settings.evidence_dir} <= missing:
        left_out = missing  # they are made at the first start
    else:
        left_out = missing & {settings.data_dir, settings.common_dir}  # said already
    for folder, words in wrong.items():
        if words and folder not in left_out:
            yield _lost(folder, words=f"{words}: {kept[folder].consequence}")


def _wrong_with(folder: Path) -> str:
    try:
        if not folder.is_dir():
            return _not_there(folder)
    except OSError as error:  # a share whose server is away
        return f"{folder} cannot be reached ({error.strerror})"
    try:
        with TemporaryFile(dir=folder, prefix=".probe-", buffering=0) as probe:
            probe.write(b"\0")
    except OSError as error:
        return f"{folder} cannot be written ({error.strerror})"
    return ""


def _not_there(folder: Path) -> str:
    return f"{folder} is not there"


def _lost(folder: Path, *, words: str) -> Problem:
    return Problem(
        kind="disk",
        about=str(folder),
        severity=Severity.FAILING,
        words=words,
        advice="mount it, or put back what was moved away: all goes on by itself then",
    )
