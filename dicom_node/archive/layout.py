"""Where an object lies below the archive's root.

    <device>/<YYYYMMDD received>/<study>/<series>/<SOP Instance>.dcm

Every part but the date comes from the wire, so every part is made safe: nothing that a peer sends
can name a path outside its own folder, and names beginning with a dot are the archive's own.
"""

import hashlib
import re
from datetime import UTC, date, datetime
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from dicom_node.archive.errors import NotInArchiveError

INCOMING = ".incoming"
REFUSED = ".refused"
SUFFIX = ".dcm"

_UID = re.compile(r"[0-9](?:[0-9.]{0,62}[0-9])?")


def device_folder(calling_ae: str) -> str:
    """Return a safe folder name for an AE title; different titles give different names."""
    name = quote(calling_ae, safe=" ").replace("~", "%7E")
    if name.startswith((".", " ")) or name.endswith(" "):
        name = "".join(f"%{byte:02X}" for byte in calling_ae.encode())
    return name or "%"


def uid_name(uid: str) -> str:
    """Return the UID itself, or a digest of it where it is none (PS3.5 Section 9.1)."""
    if _UID.fullmatch(uid):
        return uid
    return "x" + hashlib.sha256(uid.encode("utf-8", "surrogateescape")).hexdigest()[:40]


def series_folder(
    *, calling_ae: str, received_at: datetime, study_uid: str, series_uid: str
) -> PurePosixPath:
    """Return the folder of a series, relative to the archive's root."""
    day = received_at.astimezone(UTC).strftime("%Y%m%d")
    return PurePosixPath(device_folder(calling_ae), day, uid_name(study_uid), uid_name(series_uid))


def conflict_name(sop_instance_uid: str, digest: str) -> str:
    """Return the file name of an object whose UID is taken by other bytes."""
    return f"{uid_name(sop_instance_uid)}~{digest[:12]}{SUFFIX}"


def is_conflict(name: str) -> bool:
    """Tell whether a file name is that of a later object with a UID that was taken."""
    return "~" in name


def below(root: Path, relative: str) -> Path:
    """Return the absolute path of a relative one that a table holds.

    Raises
    ------
    NotInArchiveError
        It does not lie below the root.
    """
    path = PurePosixPath(relative)
    if path.is_absolute() or ".." in path.parts or "\0" in relative:
        raise NotInArchiveError("a stored object's path lies below the archive's root")
    return root / path


def day_of(name: str) -> date | None:
    """Return the date that a folder name stands for, ``None`` for any other name."""
    if not re.fullmatch(r"\d{8}", name):
        return None
    try:
        return date(int(name[:4]), int(name[4:6]), int(name[6:]))
    except ValueError:
        return None
