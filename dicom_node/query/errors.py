"""Errors of queries.

NodeError
└── UnusableQueryError     the query cannot be matched as it is written
"""

from dicom_node.errors import NodeError


class UnusableQueryError(NodeError):
    """The query cannot be matched as it is written."""
