"""Which files are to be sent, and which study each of them belongs to."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from dicom_node.demo.errors import DemoError


def files_below(path: Path) -> tuple[Path, ...]:
    """Return ``path`` itself, or the files in the folder that it is.

    Raises
    ------
    DemoError
        When there are none.
    """
    if path.is_file():
        return (path,)
    found = tuple(sorted(each for each in path.rglob("*") if each.is_file()))
    if not found:
        what = "holds no files" if path.is_dir() else "does not exist"
        raise DemoError(f"{path} {what}: name a DICOM file, or a folder of them.")
    return found


def by_study(files: tuple[Path, ...]) -> Mapping[str, tuple[Path, ...]]:
    """Return the files of each study, by Study Instance UID; what is not DICOM is left out."""
    studies: dict[str, list[Path]] = {}
    for path, study in _studies(files):
        studies.setdefault(study, []).append(path)
    return {study: tuple(paths) for study, paths in studies.items()}


def _studies(files: tuple[Path, ...]) -> Iterator[tuple[Path, str]]:
    for path in files:
        try:
            header = dcmread(path, specific_tags=["StudyInstanceUID"], stop_before_pixels=True)
        except (InvalidDicomError, OSError, EOFError):
            continue
        if header.get("StudyInstanceUID"):
            yield path, str(header.StudyInstanceUID)
