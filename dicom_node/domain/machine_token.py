"""Tokens that machines sign in with: for somebody, for some services, for a time."""

from dataclasses import dataclass
from datetime import datetime

from dicom_node.domain.user import Permission, User


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineToken:
    """A token without its text, which nobody can read again.

    It acts for ``owner``, with those of ``scopes`` that the owner may use at that moment.
    """

    token_id: str
    name: str
    owner: str
    scopes: frozenset[Permission]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = None

    def is_over(self, now: datetime) -> bool:
        """Whether it has expired."""
        return now >= self.expires_at

    def permissions(self, owner: User) -> frozenset[Permission]:
        """Return what it may do now."""
        return frozenset() if owner.disabled else self.scopes & owner.permissions
