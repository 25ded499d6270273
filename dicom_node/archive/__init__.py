"""Part 10 files on disk, laid out by device: the log from which the index can be rebuilt."""

from dicom_node.archive.reading import iter_objects, read_instance
from dicom_node.archive.storage import ArchiveSettings, StorageArchive

__all__ = ["ArchiveSettings", "StorageArchive", "iter_objects", "read_instance"]
