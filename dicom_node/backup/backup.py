"""A backup, and restoring it.

Order makes it consistent while the node runs. Every file is durable before a row speaks of it, so
the databases are read first and the files after them: whatever a row names has been copied. Of the
databases the workflows' comes first: a step that was done but is not known to be is done again and
changes nothing, while one that is known but was never done would be lost.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePath

from dicom_node import __version__
from dicom_node.archive.layout import INCOMING
from dicom_node.backup import databases
from dicom_node.backup.errors import BackupError
from dicom_node.backup.files import bring, files_below, remove_others
from dicom_node.backup.manifest import (
    NAME,
    DatabaseCopy,
    Manifest,
    read_manifest,
    sha256_of,
    write_manifest,
)
from dicom_node.configuration.settings import NodeSettings

_DATA, _CONFIG, _DATABASES = "data", "config", "databases"
# What can be made again, what is half written, and the databases' own files.
TRAVEL = ".travel"
_LEFT_OUT = (
    "cache",
    INCOMING,
    TRAVEL,
    "node.lock",
    "executor-id",
    "head.json",
    "sent.json",
    "lock",
)
_SQLITE_FILES = (".sqlite", ".sqlite-wal", ".sqlite-shm", ".sqlite-journal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A backup as it is now: files copied this time, removed, and named by rows but not there."""

    manifest: Manifest
    copied: int
    removed: int
    missing: tuple[PurePath, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """Copies one node into a folder.

    ``stored`` yields the files that the databases' rows name, relative to the data folder.
    """

    settings: NodeSettings
    config_dir: Path
    stored: Callable[[], Iterable[PurePath]]

    def make(
        self, folder: Path, *, at: datetime, mirror: bool, advance: Callable[[], None]
    ) -> Outcome:
        """Make the folder a backup, or bring the backup in it up to date.

        Files that the node holds no more stay, unless it is to ``mirror`` the node. ``advance`` is
        called for each file that has been looked at.

        Raises
        ------
        BackupError
            When the folder is somebody else's, or a database cannot be read.
        """
        self._require_own(folder)
        data, config = folder / _DATA, folder / _CONFIG
        copies = self._dump(folder / _DATABASES / at.strftime("%Y%m%dT%H%M%S%fZ"))
        copied = sum(_each(self._bring(data, each), advance) for each in self.files())
        missing = tuple(each for each in self.stored() if not self._has(data, each))
        for each in files_below(self.config_dir):
            bring(self.config_dir / each, config / each)
        removed = remove_others(data, self._exists) if mirror else 0
        kept = [(data / each).stat().st_size for each in files_below(data)]
        manifest = Manifest(
            ae_title=self.settings.network.ae_title,
            version=__version__,
            taken_at=at,
            databases=tuple(_described(path, folder) for path in copies),
            files=len(kept),
            bytes=sum(kept),
        )
        os.sync()  # the files are safe before the manifest says so
        write_manifest(manifest, folder)
        _remove_older(copies[0].parent)
        return Outcome(manifest=manifest, copied=copied, removed=removed, missing=missing)

    def files(self) -> Iterator[PurePath]:
        """Yield the files to copy, relative to the data folder."""
        for each in files_below(self.settings.common_dir, _LEFT_OUT):
            if not each.name.endswith(_SQLITE_FILES):
                yield each

    def _require_own(self, folder: Path) -> None:
        inside = folder.resolve().is_relative_to(self.settings.common_dir.resolve())
        if inside:
            raise BackupError("the backup would lie in the data folder that it is a backup of")
        if not folder.exists() or not any(folder.iterdir()):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        elif (folder / NAME).exists():
            theirs, ours = read_manifest(folder).ae_title, self.settings.network.ae_title
            if theirs != ours:
                raise BackupError(f"{folder} is the backup of {theirs}, not of {ours}.")
        elif not (folder / _DATABASES).is_dir():  # not even one that broke off
            raise BackupError(f"{folder} is not empty, and holds no backup.")

    def _dump(self, folder: Path) -> tuple[Path, ...]:
        folder.mkdir(parents=True)
        return tuple(
            databases.dump(url, folder, name) for name, url in named_urls(self.settings).items()
        )

    def _bring(self, data: Path, each: PurePath) -> bool:
        return bring(self.settings.common_dir / each, data / each)

    def _has(self, data: Path, each: PurePath) -> bool:
        """Tell whether a file is in the backup; one that has come since is brought."""
        return self._bring(data, each) or (data / each).exists()

    def _exists(self, each: PurePath) -> bool:
        return (self.settings.common_dir / each).exists()


def named_urls(settings: NodeSettings) -> dict[str, str]:
    """Return the node's databases in the order in which they are read, each one once."""
    found: dict[str, str] = {}
    for name, url in (
        ("workflows", settings.workflow_url),
        ("hotbase", settings.hotbase_url),
        ("warehouse", settings.warehouse_url),
    ):
        if url not in found.values():
            found[name] = url
    return found


def restore(
    folder: Path, settings: NodeSettings, config_dir: Path, *, advance: Callable[[], None]
) -> Manifest:
    """Put a backup back where the settings say; nothing there is replaced.

    The backup's configuration is put into ``config_dir`` where a file is missing there.

    Raises
    ------
    BackupError
        When the folder holds no whole backup, its version is newer than this one, or there is
        something in its way.
    """
    manifest = read_manifest(folder)
    if _release(manifest.version) > _release(__version__):
        raise BackupError(
            f"the backup is of version {manifest.version}; this is {__version__}: install that "
            "version or a later one."
        )
    urls = named_urls(settings)
    files = {each.name: folder / each.file for each in manifest.databases}
    if set(urls) != set(files):
        raise BackupError(
            f"the backup holds {', '.join(files)}, the settings name {', '.join(urls)}: let both "
            "share or not share databases alike."
        )
    data = settings.common_dir
    if data.exists() and any(each.name not in _LEFT_OUT for each in data.iterdir()):
        raise BackupError(f"{data} is not empty: nothing is replaced.")
    for url in urls.values():
        databases.require_empty(url)
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    for each in files_below(folder / _DATA):
        _each(bring(folder / _DATA / each, data / each), advance)
    for root in (settings.archive_dir, settings.evidence_dir):
        # Retention may have removed all images that rows named when they were read.
        # By it an archive's root is known to be there, empty or not.
        (root / INCOMING).mkdir(parents=True, exist_ok=True)
    for name, url in urls.items():
        databases.load(files[name], url)
    for each in files_below(folder / _CONFIG):
        if not (config_dir / each).exists():
            bring(folder / _CONFIG / each, config_dir / each)
    return manifest


def _each(copied: bool, advance: Callable[[], None]) -> bool:
    advance()
    return copied


def _described(path: Path, folder: Path) -> DatabaseCopy:
    return DatabaseCopy(name=path.stem, file=str(path.relative_to(folder)), sha256=sha256_of(path))


def _remove_older(newest: Path) -> None:
    for each in newest.parent.iterdir():
        if each != newest:
            shutil.rmtree(each)


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.split(r"[.+]", version)[:3] if part.isdigit())
