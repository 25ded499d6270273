"""Tokens that machines sign in with: for somebody, for some services, for a time."""

import re
from dataclasses import dataclass
from datetime import datetime

from dicom_node.domain.application_entity import LONGEST_TITLE
from dicom_node.domain.user import Permission, User

_NOT_IN_TITLES = re.compile(r"[^A-Z0-9._-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineToken:
    """A token without its text, which nobody can read again.

    It acts for ``owner``, with those of ``scopes`` that the owner may use at that moment. What it
    stores counts as sent by ``ae_title``, or by its name in the letters of AE titles.
    """

    token_id: str
    name: str
    owner: str
    scopes: frozenset[Permission]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = None
    ae_title: str = ""

    @property
    def sender(self) -> str:
        """The AE title that its objects are kept under: 1 to 16 characters."""
        named = _NOT_IN_TITLES.sub("_", self.name.upper())[:LONGEST_TITLE].strip("_")
        return self.ae_title or named or "TOKEN"

    def is_over(self, now: datetime) -> bool:
        """Whether it has expired."""
        return now >= self.expires_at

    def permissions(self, owner: User) -> frozenset[Permission]:
        """Return what it may do now."""
        return frozenset() if owner.disabled else self.scopes & owner.permissions
