"""What a backup says of itself, in a file that is written last: without it there is none."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from dicom_node.backup.errors import BackupError

NAME = "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseCopy:
    """One database: which of the node's it is, its file in the backup and the file's SHA-256."""

    name: str
    file: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A backup: of which node and version, when its databases were read, and how many files."""

    ae_title: str
    version: str
    taken_at: datetime
    databases: tuple[DatabaseCopy, ...]
    files: int
    bytes: int


_JSON = TypeAdapter(Manifest)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """Write what makes the folder a backup, whole or not at all."""
    draft = folder / (NAME + ".draft")
    with draft.open("w", encoding="utf-8") as file:
        json.dump(asdict(manifest), file, indent=2, default=lambda value: value.isoformat())
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / NAME)


def read_manifest(folder: Path) -> Manifest:
    """Read what a backup says of itself.

    Raises
    ------
    BackupError
        When the folder holds no whole backup, or its databases are not what they were.
    """
    path = folder / NAME
    try:
        manifest = _JSON.validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise BackupError(f"{folder} holds no whole backup: {NAME} is missing.") from error
    except (OSError, ValidationError) as error:
        raise BackupError(f"{path} cannot be read: {error}") from error
    for each in manifest.databases:
        if not (folder / each.file).is_file() or sha256_of(folder / each.file) != each.sha256:
            raise BackupError(f"{folder / each.file} is missing or damaged.")
    return manifest
