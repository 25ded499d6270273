"""People who sign in at an OpenID Provider: who they are here, and what their claims allow."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from dicom_node.domain.user import Identity, User, UserRole
from dicom_node.errors import ConflictError, InvalidFieldsError, NodeError, StaleEntryError

_LONGEST_SUBJECT = 255  # Core 1.0 Section 2
_LONGEST_TITLE = 64
_ACTOR = "OpenID"
_NOBODY = "The provider did not say who you are: ask who runs this node."


class NotAdmittedError(NodeError):
    """Somebody whom the provider knows may not come in; ``user`` is the name, where there is."""

    status = 403

    def __init__(self, words: str, *, user: str = "") -> None:
        super().__init__(words)
        self.user = user


class IdentityBook(Protocol):
    """The people in the database, and who they are at the provider."""

    def find(self, name: str) -> User | None:
        """Return one user, or None."""

    def named(self, identity: Identity) -> str | None:
        """Return the name of who somebody at the provider is here, or None."""

    def enroll(self, user: User, identity: Identity, *, actor: str, at: datetime) -> None:
        """Add a user who signs in at the provider."""

    def change(self, user: User, *, actor: str, at: datetime, epoch: int | None = None) -> None:
        """Replace what is known about a user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRules:
    """Which claims say what of people, and the values that give each role."""

    name_claim: str
    roles_claim: str
    roles: Mapping[UserRole, Collection[str]]
    organization: str = ""

    def has_all(self, claims: Mapping[str, Any]) -> bool:
        """Whether the claims hold what is asked of them; some providers tell it elsewhere."""
        return bool(self.name(claims)) and _found(claims, self.roles_claim) is not None

    def name(self, claims: Mapping[str, Any]) -> str:
        """Return the user name: lower case, without the domain; empty where there is none."""
        name = _found(claims, self.name_claim)
        return name.strip().lower().partition("@")[0] if isinstance(name, str) else ""

    def granted(self, claims: Mapping[str, Any]) -> frozenset[UserRole]:
        """Return the roles that the claims give: of one value, or of a list of them."""
        found = _found(claims, self.roles_claim)
        values = {found} if isinstance(found, str) else set(_texts(found))
        return frozenset(role for role, giving in self.roles.items() if values & set(giving))


class Admission:
    """Lets people of a provider in: makes them known here, and follows what they may do there."""

    def __init__(
        self, book: IdentityBook, rules: ClaimRules, *, clock: Callable[[], datetime]
    ) -> None:
        self._book = book
        self._rules = rules
        self._clock = clock

    def admit(self, claims: Mapping[str, Any]) -> User:
        """Return who has shown verified claims.

        Who comes first is added, under the name that the claims say; that name and the title stay
        theirs whatever they say later. Roles are those of the claims each time.

        Raises
        ------
        NotAdmittedError
            When the claims name nobody or give no role, the name is somebody else's here, or the
            person has been disabled here.
        """
        identity = _identity(claims)
        known = self._book.named(identity)
        found = self._book.find(known) if known else None
        if found is None:
            described = self._described(known or self._rules.name(claims), claims)
            return self._enrolled(described, identity)
        if found.disabled:
            words = "You are kept out of this node: ask who runs it."
            raise NotAdmittedError(words, user=found.name)
        roles = self._rules.granted(claims)
        if found.roles == roles:
            return found
        try:
            # Sessions that were begun with other roles end, also where there is none any more.
            changed = replace(found, roles=roles or found.roles)
            self._book.change(changed, actor=_ACTOR, at=self._clock(), epoch=found.epoch)
        except StaleEntryError:  # somebody has changed the person, or kept them out, just now
            return self.admit(claims)
        if not roles:
            raise _no_role(found.name)
        return self._book.find(found.name) or changed

    def _described(self, name: str, claims: Mapping[str, Any]) -> User:
        roles = self._rules.granted(claims)
        if not roles:
            raise _no_role(name)
        title = _title(claims, name)
        organization = self._rules.organization
        try:
            user = User(name=name, title=title, organization=organization, roles=roles)
            user.check_title()
        except InvalidFieldsError as error:
            raise NotAdmittedError(
                "Your name at the provider cannot be a user name here: ask who runs this node."
            ) from error
        return user

    def _enrolled(self, user: User, identity: Identity) -> User:
        try:
            self._book.enroll(user, identity, actor=_ACTOR, at=self._clock())
        except ConflictError as error:
            if self._book.named(identity) != user.name:  # else by another window, just now
                raise NotAdmittedError(
                    "Your name is somebody else's at this node: ask who runs it.", user=user.name
                ) from error
        return user


def _no_role(name: str) -> NotAdmittedError:
    return NotAdmittedError(
        "You have no role at this node: ask who runs it to give one of your groups a role.",
        user=name,
    )


def _identity(claims: Mapping[str, Any]) -> Identity:
    issuer, subject = claims.get("iss"), claims.get("sub")
    if not isinstance(issuer, str) or not isinstance(subject, str):
        raise NotAdmittedError(_NOBODY)
    if len(issuer) > _LONGEST_SUBJECT or not 1 <= len(subject) <= _LONGEST_SUBJECT:
        raise NotAdmittedError(_NOBODY)
    return Identity(issuer=issuer, subject=subject)


def _title(claims: Mapping[str, Any], name: str) -> str:
    """Return the name that results carry: family name first (PS3.5 Section 6.2.1)."""
    family, given, full = (
        _printable(claims.get(claim)) for claim in ("family_name", "given_name", "name")
    )
    title = "^".join(part for part in (family, given) if part) if family else full
    return title[:_LONGEST_TITLE].strip(" ^") or name


def _printable(value: object) -> str:
    text = value if isinstance(value, str) else ""
    return "".join(each for each in text if each.isprintable() and each not in "\\^=").strip()


def _found(claims: Mapping[str, Any], path: str) -> object:
    """Return a claim, by its name or else by the parts of its name below one another."""
    if path in claims:
        return claims[path]
    found: object = claims
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _texts(values: object) -> list[str]:
    if not isinstance(values, list | tuple):
        return []
    return [each for each in values if isinstance(each, str)]
