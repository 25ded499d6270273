"""What the settings say to the archives."""

from dicom_node.archive.storage import ArchiveSettings
from dicom_node.configuration.settings import NodeSettings
from dicom_node.node.roles import executor_id_of


def archive_settings(settings: NodeSettings) -> ArchiveSettings:
    """Return what the archive of received objects needs to know."""
    return ArchiveSettings(
        root=settings.archive_dir,
        min_free_bytes=settings.network.min_free_bytes,
        max_object_bytes=settings.network.max_object_bytes,
        writer=writer_of(settings),
    )


def writer_of(settings: NodeSettings) -> str:
    """Return the name of this host's part of the folder that hosts share."""
    return executor_id_of(settings) if settings.shared_dir else ""
