"""Names that become folders and files: of models, versions, architectures and weights files.

A model card comes from outside, and so do names given on a command line. What passes here is one
part of a path and stays one, on every file system that the folder may be copied to.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ai_engine.errors import ModelFolderError

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._+-]{0,62}[A-Za-z0-9])?")
_DIGEST = re.compile(r"[0-9a-f]{64}")

_RESERVED = re.compile(
    r"(?:con|prn|aux|nul|com[1-9]|lpt[1-9]|promotions)(?:\..*)?", re.IGNORECASE | re.DOTALL
)
"""What Windows takes for a device, and the journal of promotions, which lies beside the models."""


def require_name(value: object, field: str) -> str:
    """Return a name that is safe as one part of a path.

    Letters, digits and ``. _ + -``, at most 64, a letter or digit at both ends, no ``..``.

    Raises
    ------
    ValueError
        If it is no such name; ``field`` says whose.
    """
    if not isinstance(value, str) or not _NAME.fullmatch(value) or ".." in value:
        raise ValueError(
            f"{field} {_shown(value)} is no name: up to 64 letters, digits and . _ + -, a letter "
            "or digit at both ends, no two dots in a row"
        )
    if _RESERVED.fullmatch(value):
        raise ValueError(f"{field} {_shown(value)} is reserved; choose another name")
    return value


def require_digest(value: object, field: str) -> str:
    """Return a SHA-256 in lower-case hex, or the empty text of what isn't written yet.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if value == "" or (isinstance(value, str) and _DIGEST.fullmatch(value)):
        return value
    raise ValueError(f"{field} {_shown(value)} is no SHA-256 of 64 lower-case hexadecimal digits")


def model_folder(root: Path, name: str, version: str) -> Path:
    """Where a registry keeps a version: ``<root>/<name>/<version>``.

    Raises
    ------
    ModelFolderError
        If one of the two isn't fit to be a folder.
    """
    try:
        return root / require_name(name, "model") / require_name(version, "version")
    except ValueError as error:
        raise ModelFolderError(f"{error}") from error


def made_model_folder(root: Path, name: str, version: str) -> Path:
    """Make the folder of a version, to write a model into.

    Raises
    ------
    ModelFolderError
        If a name isn't fit, differs from one that is there only in case, or leads elsewhere by a
        link.
    """
    place = model_folder(root, name, version)
    for part in (place.parent, place):
        _require_no_twin(part)
    if place.resolve() != root.resolve() / name / version:
        raise ModelFolderError(
            f"{place}: is a link to {place.resolve()}; a model is written into folders of its own"
        )
    try:
        place.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise ModelFolderError(f"{place}: a file is in the way; move it away") from error
    return place


UNFINISHED = ".unfinished"
"""How the name of a folder ends in which a model is still being made."""


@contextmanager
def making_model_folder(root: Path, name: str, version: str) -> Iterator[Path]:
    """Give a folder to make a model in; it takes the version's place when all of it is there.

    Whatever ends the process before leaves a folder whose name ends in `UNFINISHED`, and what was
    in the version's place.

    Raises
    ------
    ModelFolderError
        As `made_model_folder`.
    """
    place = made_model_folder(root, name, version)
    making = place.with_name(place.name + UNFINISHED)
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir()
    yield making
    shutil.rmtree(place)
    making.rename(place)


LIKENESS_FILE = "likeness.toml"
"""What a model's training images look like, beside its card, where somebody has measured it."""


def copy_likeness(source: Path, place: Path) -> None:
    """Put the reference of one model's folder into another's, where there is one.

    Raises
    ------
    ModelFolderError
        If it is a link out of the folder.
    """
    if (source / LIKENESS_FILE).exists():
        with put_in_place(place / LIKENESS_FILE) as draft:
            shutil.copyfile(own_file(source, LIKENESS_FILE), draft)


def own_file(folder: Path, name: str) -> Path:
    """The path of a regular file that a folder holds itself.

    Raises
    ------
    ModelFolderError
        If it leads out of the folder by a link, or is there and no regular file.
    """
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ModelFolderError(f"{path}: is a link out of its folder; put the file itself there")
    if path.exists() and not path.is_file():
        raise ModelFolderError(f"{path}: is no regular file; put the file itself there")
    return path


@contextmanager
def put_in_place(path: Path) -> Iterator[Path]:
    """Yield a draft that replaces ``path`` once it is written; an error leaves what was there.

    Whatever has the name already, a symbolic or hard link too, is replaced and never written
    through.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
    os.close(handle)
    draft = Path(name)
    try:
        yield draft
        draft.chmod(0o644)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _require_no_twin(place: Path) -> None:
    """Two names that differ only in case are one folder on some file systems."""
    if not place.parent.is_dir():
        return
    for other in place.parent.iterdir():
        if other.name != place.name and other.name.casefold() == place.name.casefold():
            raise ModelFolderError(
                f"{place.name}: {other} is there, which differs only in case; use its name"
            )


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"
