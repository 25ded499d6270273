"""Retrieval: what the node fetches itself, and how it asks for it (PS3.4 Annex C, PS3.18)."""

from dataclasses import dataclass
from enum import StrEnum


class Purpose(StrEnum):
    """What images are fetched for."""

    PRIOR = "prior"
    """To be looked at beside another study, and not to be analysed."""
    REPAIR = "repair"
    """A transfer lacks them; they are the study's own."""


class Way(StrEnum):
    """How an archive hands objects over."""

    AUTO = "auto"  # C-GET where it is offered, else C-MOVE
    GET = "get"
    MOVE = "move"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedInstance:
    """An instance that an archive says it has."""

    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
