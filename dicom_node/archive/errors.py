"""Errors of reading the archive; those of storing are in ``dicom_node.domain.reception``."""

from dicom_node.errors import NodeError


class ArchiveError(NodeError):
    """Base of the errors of reading the archive."""


class NotInArchiveError(ArchiveError):
    """No such file below the archive's root."""
