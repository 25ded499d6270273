"""The digest of a weights file, by which a card knows it; reads no values."""

import hashlib
from pathlib import Path

from ai_engine.errors import ModelFolderError


def digest(path: Path) -> str:
    """SHA-256 of a file in lower-case hex.

    Raises
    ------
    ModelFolderError
        If the file is missing.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        raise ModelFolderError(
            f"{path}: weights file is missing; restore it, or import or train the model again"
        ) from None
