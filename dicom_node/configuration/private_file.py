"""Files that hold secrets: read by the node, and by nobody else."""

import stat
from pathlib import Path

from dicom_node.errors import ConfigurationError


def read_private(path: str, *, setting: str) -> str:
    """Return the text of a file with secrets; ``setting`` is what names the file.

    Raises
    ------
    ConfigurationError
        The file cannot be read, or others may read it too; what it holds is never quoted.
    """
    file = Path(path)
    try:
        mode = file.stat().st_mode
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", "") or "not text"
        raise ConfigurationError(f"{setting} {file}: {reason}") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigurationError(f"{setting} {file}: others may read it; chmod 600 {file}")
    return text
