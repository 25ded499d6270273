"""Series that a search finds nothing of: those that are kept from who asks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """Leaves series out of what is found, matched by, counted and paged, as if they were not there.

    ``series`` are UIDs, however many; ``dialect`` is the database's.
    """

    series: frozenset[str]
    dialect: str

    def leave_out(self, column: sa.ColumnElement[str]) -> Sequence[sa.ColumnElement[bool]]:
        """Return the conditions of a column of Series Instance UIDs."""
        if not self.series:
            return ()
        # One parameter for all: databases limit how many a statement has.
        listed = sa.literal(sorted(self.series), sa.JSON)
        values = _elements(listed, self.dialect).table_valued("value")
        return (column.not_in(sa.select(values.c.value)),)


def _elements(listed: sa.ColumnElement[Any], dialect: str) -> sa.Function[Any]:
    """Return the function that gives the elements of a JSON array as rows."""
    if dialect == "sqlite":
        return sa.func.json_each(listed)
    return sa.func.json_array_elements_text(sa.cast(listed, sa.JSON))
