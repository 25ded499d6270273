"""Errors of queries.

NodeError
├── UnusableQueryError     the query cannot be matched as it is written
└── QueryTooWideError      more would have to be looked at than is for one query
"""

from dicom_node.errors import NodeError


class UnusableQueryError(NodeError):
    """The query cannot be matched as it is written: HTTP answers 400, DIMSE 0xA900.

    Messages name attributes and limits, never values: they go into logs and error comments.
    """


class QueryTooWideError(NodeError):
    """More would have to be looked at than is for one query: HTTP answers 413, DIMSE 0xA700."""
