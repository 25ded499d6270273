"""What DICOMweb says when it cannot answer; the router makes a status of each.

DicomWebError
├── UnknownResourceError     404: no such study, series, instance, frame or bulk data
├── NotAcceptableError       406: no representation that the client accepts
├── BadSearchError           400: a query that cannot be understood
├── BadRequestBodyError      400: a body that is not what its Content-Type says
├── UnsupportedMediaTypeError  415: a body of a kind that is not taken
├── TooManyError             413: more than can be answered at once
├── NotNowError              503: it cannot be decoded just now; it can be asked for again
└── BusyError                503: no upload is taken just now (in ``uploads``)
"""

from dicom_node.errors import NodeError


class DicomWebError(NodeError):
    """DICOMweb cannot answer a request."""

    status = 500


class UnknownResourceError(DicomWebError):
    """What the path names does not exist."""

    status = 404


class NotAcceptableError(DicomWebError):
    """The resource exists, but not in a form that the client accepts."""

    status = 406


class BadSearchError(DicomWebError):
    """A search's parameters cannot be understood."""

    status = 400


class BadRequestBodyError(DicomWebError):
    """A body is not what its Content-Type says."""

    status = 400


class UnsupportedMediaTypeError(DicomWebError):
    """A body is of a kind that is not taken."""

    status = 415


class TooManyError(DicomWebError):
    """More is asked for than can be answered at once."""

    status = 413


class NotNowError(DicomWebError):
    """The resource exists, and cannot be made ready just now."""

    status = 503
