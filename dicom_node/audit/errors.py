"""The errors of the audit trail."""

from dicom_node.errors import NodeError


class AuditError(NodeError):
    """The audit trail cannot be read or written."""
