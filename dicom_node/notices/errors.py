"""What keeps notices from their way."""

from dicom_node.errors import NodeError


class NoticeError(NodeError):
    """A notice could not be sent; the message says why, and shows nothing of the address."""
