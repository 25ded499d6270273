"""What can go wrong with a backup."""

from dicom_node.errors import NodeError


class BackupError(NodeError):
    """A backup cannot be made, or not be restored."""
