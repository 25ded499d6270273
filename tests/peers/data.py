"""The real material to test against; tests skip, saying so, where it is absent."""

import os
from pathlib import Path

import pytest

_DEFAULT = Path(__file__).parents[2].parent / "shared" / "data"


def data_root() -> Path:
    """Return the folder of real material, from DICOM_NODE_TEST_DATA or beside the project."""
    return Path(os.environ.get("DICOM_NODE_TEST_DATA", _DEFAULT))


def dicom_folder(name: str) -> Path:
    """Return one folder of real DICOM objects, or skip."""
    folder = data_root() / "dicom" / name
    if not folder.is_dir():
        pytest.skip(f"no real material at {folder}: set DICOM_NODE_TEST_DATA")
    return folder


def dicom_files(name: str) -> list[Path]:
    """Return the files of one folder of real DICOM objects, or skip."""
    return sorted(dicom_folder(name).iterdir())
