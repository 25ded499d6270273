"""What keeps the demonstration from running."""

from dicom_node.errors import NodeError


class DemoError(NodeError):
    """The demonstration cannot go on; the message says why, and what to do."""
