"""The data folder: images, databases, keys and password hashes, for the node's own user alone."""

from pathlib import Path

from dicom_node.errors import ConfigurationError

_OTHERS = 0o077


def make_private(folder: Path) -> bool:
    """Make a folder, or one that is there, unreadable to others; return whether it was readable.

    Raises
    ------
    ConfigurationError
        When the folder cannot be made or belongs to another user.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not folder.stat().st_mode & _OTHERS:
            return False
        folder.chmod(0o700)
    except OSError as error:
        raise ConfigurationError(
            f"the data folder {folder} cannot be made the node's own: {error.strerror}"
        ) from error
    return True
