"""Everything that can be administered, in one value: what pages, API and commands are given."""

from dataclasses import dataclass
from typing import Protocol

from dicom_node.administration.ae_titles import AeTitles
from dicom_node.administration.deliveries import Deliveries
from dicom_node.administration.overview import Operations
from dicom_node.administration.people import People
from dicom_node.administration.studies import Studies
from dicom_node.domain.audit import Change


class Changes(Protocol):
    """Who changed what, to be read."""

    def recent(self, limit: int, *, before: int | None = None) -> tuple[tuple[int, Change], ...]:
        """Return changes with their numbers, newest first, from the one below ``before``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Administration:
    """One part for each thing that is administered."""

    operations: Operations
    studies: Studies
    deliveries: Deliveries
    ae_titles: AeTitles
    people: People
    changes: Changes
