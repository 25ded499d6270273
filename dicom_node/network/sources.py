"""What a receiver process answers queries and retrievals from."""

from collections.abc import Callable
from dataclasses import dataclass

from dicom_node.network.storage_scu import Destination, ScuTimeouts
from dicom_node.query.holdings import Holdings


@dataclass(frozen=True, slots=True, kw_only=True)
class QuerySource:
    """The archive, and where C-MOVE may send to.

    ``destination`` returns how an AE title is called, or None for one that nobody administers;
    ``max_results`` is how many matches one query is given.
    """

    holdings: Holdings
    destination: Callable[[str], Destination | None]
    timeouts: ScuTimeouts
    max_results: int


# Called in each receiver process when the first query comes, so it must be picklable.
SourceOfQueries = Callable[[], QuerySource]


class OnceMade:
    """A source that is made when it is asked for first: most receivers never are."""

    def __init__(self, make: SourceOfQueries) -> None:
        self._make = make
        self._made: QuerySource | None = None

    def __call__(self) -> QuerySource:
        """Return the source; made twice where two ask first at once, which does no harm."""
        if self._made is None:
            self._made = self._make()
        return self._made
