"""That the data folder's disk is there: below its empty mount point a node would begin anew."""

import os.path

from dicom_node.configuration.settings import NodeSettings
from dicom_node.errors import ConfigurationError


def require_mounted(settings: NodeSettings) -> None:
    """Say whether a disk is mounted where the settings want one.

    Raises
    ------
    ConfigurationError
        None is.
    """
    # What a link names may be a mount point, and a link itself never is.
    if settings.data_mount and not os.path.ismount(os.path.realpath(settings.data_mount)):
        raise ConfigurationError(
            f"no disk is mounted at {settings.data_mount} (data_mount): mount it, or the node "
            "would begin as a new one in the empty folder below."
        )
