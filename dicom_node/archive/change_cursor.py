"""How far another archive's change feed was read: a small file that outlives the process."""

import hashlib
import json
import os
import tempfile
from pathlib import Path

from dicom_node.archive.errors import ArchiveError


class ChangeCursor:
    """The number of the last entry of one feed that has been dealt with."""

    def __init__(self, folder: Path, url: str) -> None:
        """Keep it below ``folder``, in a file for the feed of ``url``."""
        self._url = url.rstrip("/")
        digest = hashlib.sha256(self._url.encode()).hexdigest()[:16]
        self._path = folder / f"{digest}.json"

    def read(self) -> int | None:
        """Return the number; None where the feed was never read.

        Raises
        ------
        ArchiveError
            The file cannot be used.
        """
        try:
            said = json.loads(self._path.read_text(encoding="utf-8"))
            return int(said["last"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ArchiveError(
                f"{self._path} does not say how far the change feed was read: remove it, and the "
                "feed is read from its beginning (what is known already is not analysed again)."
            ) from error

    def move(self, last: int) -> None:
        """Keep that everything up to an entry is dealt with; durable when it returns."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=self._path.parent, prefix=".draft.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump({"url": self._url, "last": last}, file)
                file.flush()
                os.fsync(file.fileno())
            Path(draft).replace(self._path)
        finally:
            Path(draft).unlink(missing_ok=True)
