"""Objects that were refused, kept so that someone can find out why: nothing is lost."""

import hashlib
import json
import logging
from dataclasses import asdict
from pathlib import Path

from dicom_node.archive.durable import DurableFolder
from dicom_node.archive.elements import Buffer
from dicom_node.archive.part10 import encode_head, file_meta
from dicom_node.domain.reception import Announcement

logger = logging.getLogger(__name__)


class RefusedObjects:
    """A folder of refused objects, each with its reason in a JSON file of the same name."""

    def __init__(self, *, folder: Path, limit_bytes: int, files: DurableFolder) -> None:
        """Keep up to ``limit_bytes`` in ``folder``."""
        self._folder = folder
        self._limit = limit_bytes
        self._files = files

    def keep(
        self, dataset: Buffer, announced: Announcement, *, status: int, reason: str
    ) -> str | None:
        """Keep the bytes and the reason; return the path relative to the archive's root.

        The same bytes are kept once, however often a sender tries again. Returns ``None``, with a
        log line, where the folder is full or cannot be written: refusing must not fail.
        """
        digest = hashlib.sha256(dataset).hexdigest()
        path = self._folder / f"{digest[:32]}.dcm"
        facts = asdict(announced) | {
            "received_at": announced.received_at.isoformat(),
            "status": f"0x{status:04X}",
            "reason": reason,
            "size": len(dataset),
            "digest": digest,
        }
        head = encode_head(file_meta(announced, digest=digest))
        note = json.dumps(facts, indent=2).encode()
        try:
            if not path.exists():
                if self._used_bytes() + len(dataset) > self._limit:
                    logger.warning("refused.full limit_bytes=%d", self._limit)
                    return None
                self._files.place(path, (head, dataset), modified=announced.received_at)
                note_path = path.with_suffix(".json")
                self._files.place(note_path, (note,), modified=announced.received_at)
        except FileExistsError:
            logger.debug("refused.race digest=%s", digest[:12])
        except OSError as error:
            logger.warning("refused.unwritable error=%s", error.strerror)
            return None
        return f"{self._folder.name}/{path.name}"

    def _used_bytes(self) -> int:
        return sum(path.stat().st_size for path in self._folder.glob("*.dcm"))
