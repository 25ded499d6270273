"""Errors of queries.

NodeError
└── UnusableQueryError     the query cannot be matched as it is written
"""

from dicom_node.errors import NodeError


class UnusableQueryError(NodeError):
    """The query cannot be matched as it is written: HTTP answers 400, DIMSE 0xA900.

    Messages name attributes and limits, never values: they go into logs and error comments.
    """
