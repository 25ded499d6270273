"""What keeps notices from their way."""

from dicom_node.errors import NodeError


class ToldAwayError(NodeError):
    """What was told can be neither read nor noted for now: the database is away."""


class NoticeError(NodeError):
    """A notice could not be sent; the message says why, and shows nothing of the address."""
