"""Hosts: machines that share one database and one archive, and what each of them does."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a host does."""

    ALL = "all"
    RECEIVER = "receiver"
    WORKER = "worker"
    WEB = "web"

    @property
    def receives(self) -> bool:
        """Whether modalities reach it."""
        return self in (Role.ALL, Role.RECEIVER)

    @property
    def works(self) -> bool:
        """Whether it analyses studies and delivers results."""
        return self in (Role.ALL, Role.WORKER)

    @property
    def shows(self) -> bool:
        """Whether people and programs reach its pages and services."""
        return self in (Role.ALL, Role.WEB)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """What a host says of itself with each sign of life.

    ``version`` is that of the node, ``contract`` that of its durable steps; ``skew`` is by how many
    seconds its clock is ahead of the database's.
    """

    executor_id: str
    role: Role
    name: str
    version: str
    contract: str
    skew: float = 0.0
    status: str = "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A host as the others know it: its last sign of life, and how many seconds ago that was.

    ``is_relieved`` when others have taken over what it left.
    """

    sign: Sign
    silent: float
    is_relieved: bool
