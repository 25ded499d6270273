"""What the query services need from a store of studies, series and instances."""

from dataclasses import dataclass
from typing import Protocol

from dicom_node.query.json_model import JsonAttributes
from dicom_node.query.keys import Level
from dicom_node.query.reading import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Which of the matches are wanted; their order is always the same."""

    limit: int
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """Entities that match: each with its attributes and those of the levels above; is there more?

    In the DICOM JSON Model, without SpecificCharacterSet: JSON is always UTF-8.
    """

    found: tuple[JsonAttributes, ...]
    more: bool


class EntitySearch(Protocol):
    """Finds studies, series and instances by their attributes."""

    def find(
        self,
        level: Level,
        query: Query,
        window: Window,
        *,
        without: frozenset[str] = frozenset(),
    ) -> Matches:
        """Return the entities of a level that match.

        ``without`` names series that are as if they were not there: nothing of them is found,
        matched by, counted, or makes a page shorter.

        Raises
        ------
        UnusableQueryError
            A key is none of this level or those above it.
        QueryTooWideError
            The window lies too far behind.
        """
        ...
