"""Errors of reading the archive; those of storing are in ``dicom_node.domain.reception``."""

from dicom_node.errors import NodeError


class ArchiveError(NodeError):
    """Base of the errors of reading an archive, ours or another's."""


class NotInArchiveError(ArchiveError):
    """No such file below the archive's root, or no such study in the archive that was asked."""


class RemoteArchiveError(ArchiveError):
    """Another archive did not answer, or not as it should."""
