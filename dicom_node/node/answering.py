"""What receivers answer from: named to them, and made when the first question comes.

A receiver imports the databases, the archives and what describes their objects then: most never
are asked, and none should hold up a C-ECHO for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any

from dicom_node.domain.performed_step import PerformedBook
from dicom_node.network.sources import CommitmentSource, QuerySource


@dataclass(frozen=True, slots=True, kw_only=True)
class LateQueries:
    """Makes a source of queries in a receiver; ``values`` are the node's settings."""

    values: Mapping[str, Any]

    def __call__(self) -> QuerySource:
        """Make it (`query_source`)."""
        made: QuerySource = resolve_name("dicom_node.node.holdings:query_source")(self.values)
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class LateCommitments:
    """Makes a source of storage commitment in a receiver; ``values`` are the node's settings."""

    values: Mapping[str, Any]

    def __call__(self) -> CommitmentSource:
        """Make it (`commitment_source`)."""
        make = resolve_name("dicom_node.node.committing:commitment_source")
        made: CommitmentSource = make(self.values)
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class LateReports:
    """Makes what reports are recorded in, in a receiver; ``values`` are the node's settings."""

    values: Mapping[str, Any]

    def __call__(self) -> PerformedBook:
        """Make it (`report_book`)."""
        make = resolve_name("dicom_node.node.reporting:report_book")
        made: PerformedBook = make(self.values)
        return made
