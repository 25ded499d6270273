"""What the query and retrieve services serve, as a Protocol: the node plugs in its archives."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedObject:
    """One SOP Instance, and the Part 10 file that holds it."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    path: Path


class Catalogue(Protocol):
    """The objects of the archive."""

    def objects(self, study_instance_uid: str) -> Sequence[ArchivedObject]:
        """Return the objects of a study; none for a study that is not there."""

    def find(self, sop_instance_uid: str) -> ArchivedObject | None:
        """Return one object, or None."""
