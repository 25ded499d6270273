"""Errors of the network, as its callers need to tell them apart.

NetworkError
├── ReceptionError                the node cannot receive: port taken, no receiver
├── ReceptionStoppedError         a receiver is ending and takes nothing more
├── UnusableCommitmentError       a request for commitment, or a result, of no use
├── UnusableReportError           a performed step, or an availability, of no use
├── IncompleteDataSetError        a data set of a message that is cut off, or none
├── ProtocolError                 a peer broke the protocol: answered by an A-ABORT
│   ├── MalformedPduError         bytes that are no PDU
│   └── MalformedMessageError     fragments that are no DIMSE message
└── AssociationError                 no association with a peer: later there may be one
    ├── ConnectionFailedError        no TCP connection
    ├── AssociationRejectedError     A-ASSOCIATE-RJ
    ├── AssociationAbortedError      aborted, or no answer in time
    ├── AnswerError                  an answer that is of no use, or has no end
    └── VerificationNotOfferedError  there is one, but not for C-ECHO
"""

from dicom_node.errors import NodeError


class NetworkError(NodeError):
    """Base of every error of the network."""


class ReceptionError(NetworkError):
    """The node cannot receive."""


class ReceptionStoppedError(NetworkError):
    """This receiver is ending and takes nothing more."""


class UnusableCommitmentError(NetworkError):
    """A message of storage commitment cannot be served; ``status`` says why to the peer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class UnusableReportError(NetworkError):
    """A report of a modality or archive cannot be taken; ``status`` says why to the peer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class IncompleteDataSetError(NetworkError):
    """The bytes of a message's data set are not elements up to their end."""


class ProtocolError(NetworkError):
    """A peer broke the protocol; the association is aborted (PS3.8 Section 9.2, action AA-8)."""


class MalformedPduError(ProtocolError):
    """The bytes are no protocol data unit of PS3.8 Section 9.3."""


class MalformedMessageError(ProtocolError):
    """The fragments are no DIMSE message of PS3.7 Section 6.3."""


class AssociationError(NetworkError):
    """No association with a peer, for now.

    Also a rejection that says "permanent" ends when an administrator enters the node at the peer.
    """


class ConnectionFailedError(AssociationError):
    """No TCP connection to the peer."""


class AssociationRejectedError(AssociationError):
    """The peer answered A-ASSOCIATE-RJ (PS3.8 Section 9.3.4)."""


class AssociationAbortedError(AssociationError):
    """The peer aborted the association, or did not answer in time."""


class AnswerError(AssociationError):
    """The peer's answer cannot be read, or does not come to an end."""


class VerificationNotOfferedError(AssociationError):
    """The peer took the association, but not the presentation context of C-ECHO."""
