"""What a receiver process answers from: queries, retrievals, commitments, and reports."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from dicom_node.domain.commitment import (
    CommitmentAnswers,
    CommitmentBook,
    CommitmentResult,
    OpenRequest,
)
from dicom_node.domain.performed_step import PerformedBook
from dicom_node.network.associations import Destination, ScuTimeouts
from dicom_node.query.holdings import Holdings


@dataclass(frozen=True, slots=True, kw_only=True)
class QuerySource:
    """The archive, and where C-MOVE may send to.

    ``destination`` returns how an AE title is called, or None for one that nobody administers;
    ``is_node`` tells whether what is sent to one would come back; ``max_results`` is how many
    matches one query is given.
    """

    holdings: Holdings
    destination: Callable[[str], Destination | None]
    is_node: Callable[[str], bool]
    timeouts: ScuTimeouts
    max_results: int


# Called in each receiver process when the first query comes, so it must be picklable.
SourceOfQueries = Callable[[], QuerySource]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitmentSource:
    """Where requests for commitment, and results of the node's own, are recorded.

    ``check`` says of each instance of a request whether the archive has it.
    """

    book: CommitmentBook
    answers: CommitmentAnswers
    check: Callable[[OpenRequest], CommitmentResult]


# As for queries.
SourceOfCommitments = Callable[[], CommitmentSource]
# Where performed steps and availability are recorded.
SourceOfReports = Callable[[], PerformedBook]
Source = TypeVar("Source")


class OnceMade(Generic[Source]):
    """A source that is made when it is asked for first: most receivers never are."""

    def __init__(self, make: Callable[[], Source]) -> None:
        self._make = make
        self._made: Source | None = None

    def __call__(self) -> Source:
        """Return the source; made twice where two ask first at once, which does no harm."""
        if self._made is None:
            self._made = self._make()
        return self._made
