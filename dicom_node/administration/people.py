"""People who may sign in, and tokens that machines sign in with for them."""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from pydantic import TypeAdapter

from dicom_node.administration.entries import read_entry
from dicom_node.domain.application_entity import checked_ae_title
from dicom_node.domain.machine_token import MachineToken
from dicom_node.domain.user import Permission, User, UserRole
from dicom_node.errors import ConfigurationError, ConflictError, InvalidFieldsError

USER_ENTRY: TypeAdapter[User] = TypeAdapter(User)
LONGEST_DAYS = 730
_TOKEN_BYTES = 32
_LONGEST_NAME = 64
# Shorter names are part of many words.
_TELLING = 4


class UserBook(Protocol):
    """The people in the database."""

    def all(self) -> tuple[User, ...]:
        """Return every user, by name."""

    def get(self, name: str) -> User:
        """Return one user."""

    def find(self, name: str) -> User | None:
        """Return one user, or None."""

    def password_hash(self, name: str) -> str | None:
        """Return what is kept of a user's password, or None."""

    def add(self, user: User, password_hash: str, *, actor: str, at: datetime) -> None:
        """Add a user."""

    def change(self, user: User, *, actor: str, at: datetime, epoch: int | None = None) -> None:
        """Replace what is known about a user."""

    def set_password(self, name: str, password_hash: str, *, actor: str, at: datetime) -> None:
        """Give a user another password."""

    def remove(self, name: str, *, actor: str, at: datetime) -> None:
        """Forget a user."""


class TokenBook(Protocol):
    """The machine tokens in the database."""

    def all(self) -> tuple[MachineToken, ...]:
        """Return every token."""

    def find(self, digest: str) -> MachineToken | None:
        """Return the token whose text has a digest, or None."""

    def add(self, token: MachineToken, digest: str, *, actor: str) -> None:
        """Keep a new token."""

    def remove(self, token_id: str, *, actor: str, at: datetime) -> MachineToken:
        """Forget a token; return which it was."""

    def used(self, token_id: str, at: datetime) -> None:
        """Note that a token was used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """What a token is asked for with: whose, for what, for how long, and as which AE title."""

    name: str
    owner: str
    scopes: frozenset[Permission]
    days: int = 90
    ae_title: str = ""

    def __post_init__(self) -> None:
        """Check every field.

        Raises
        ------
        InvalidFieldsError
            When a field cannot be used as written.
        """
        wrong = {}
        if not 1 <= len(self.name.strip()) <= _LONGEST_NAME:
            wrong["name"] = f"give a name of at most {_LONGEST_NAME} characters."
        if not self.scopes:
            wrong["scopes"] = "choose at least one service."
        if not 1 <= self.days <= LONGEST_DAYS:
            wrong["days"] = f"a token lasts 1 to {LONGEST_DAYS} days."
        try:
            if self.ae_title.strip():
                checked_ae_title(self.ae_title)
        except ConfigurationError as error:
            wrong["ae_title"] = str(error)
        if wrong:
            raise InvalidFieldsError("this token", wrong)


TOKEN_REQUEST: TypeAdapter[TokenRequest] = TypeAdapter(TokenRequest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """Who calls with a token: in whose name, and with which permissions."""

    token: MachineToken
    owner: User

    @property
    def permissions(self) -> frozenset[Permission]:
        """What the caller may do."""
        return self.token.permissions(self.owner)

    @property
    def actor(self) -> str:
        """What the audit trail calls it."""
        return f"{self.owner.name} ({self.token.name})"


class People:
    """Administers people and tokens; a running node uses changes at once."""

    def __init__(
        self,
        book: UserBook,
        tokens: TokenBook,
        *,
        hashed: Callable[[str], str],
        is_right: Callable[[str, str | None], bool],
        clock: Callable[[], datetime],
        keeps_the_last: bool = True,
        passwords: bool = True,
    ) -> None:
        """Keep the parts; ``hashed`` makes of a password what is kept of it.

        ``is_right`` tells whether a password is the one of which that is kept.

        Without ``keeps_the_last`` the last administrator may go too: that is for the command line,
        which nobody is locked out of. Without ``passwords`` nobody gets one: people sign in
        elsewhere, and who is added here has tokens alone.
        """
        self._keeps_the_last = keeps_the_last
        self.passwords = passwords
        self._book = book
        self._tokens = tokens
        self._hashed = hashed
        self._is_right = is_right
        self._clock = clock

    def all(self) -> tuple[User, ...]:
        """Return everybody, by name."""
        return self._book.all()

    def get(self, name: str) -> User:
        """Return one person.

        Raises
        ------
        NotFoundError
            When there is none of that name.
        """
        return self._book.get(name)

    def read(self, values: Mapping[str, Any]) -> User:
        """Return the person who is described; without a title, the name stands for it.

        Raises
        ------
        InvalidFieldsError
            When fields cannot be used; it says of each why.
        """
        given = {"title": "", "organization": "", **values}
        given["title"] = given["title"] or given.get("name", "")
        user = read_entry(USER_ENTRY, given, f"user {given.get('name', '')}")
        user.check_title()
        return user

    def add(self, user: User, password: str, *, actor: str) -> None:
        """Add a person.

        Raises
        ------
        ConflictError
            When there is one of that name.
        InvalidFieldsError
            When the password will not do.
        """
        is_needed = self.passwords or password
        hashed = self._hash(user.name, password) if is_needed else ""
        self._book.add(user, hashed, actor=actor, at=self._clock())

    def change(self, user: User, *, actor: str, epoch: int | None = None) -> None:
        """Replace what is known about a person; their sessions end.

        Raises
        ------
        NotFoundError
            When there is none of that name.
        StaleEntryError
            When somebody else has changed them since ``epoch``.
        ConflictError
            When nobody would be left to administer the node.
        """
        self._keep_an_administrator(user.name, without=not _administers(user))
        self._book.change(user, actor=actor, at=self._clock(), epoch=epoch)

    def check_password(self, name: str, password: str) -> None:
        """Refuse a password that will not do.

        Raises
        ------
        InvalidFieldsError
            When it is too short, absurdly long, or holds the user's name; or when nobody has one.
        """
        self._hash(name, password)

    def set_disabled(self, name: str, *, disabled: bool, actor: str) -> None:
        """Keep a person out, or let them in again.

        Raises
        ------
        NotFoundError
            When there is none of that name.
        ConflictError
            When nobody would be left to administer the node.
        """
        self.change(replace(self._book.get(name), disabled=disabled), actor=actor)

    def set_password(self, name: str, password: str, *, actor: str) -> None:
        """Give a person another password; their sessions end.

        Raises
        ------
        NotFoundError
            When there is none of that name.
        InvalidFieldsError
            When the password will not do, or is the one in use.
        """
        hashed = self._hash(name, password)
        if self._is_right(password, self._book.password_hash(name)):
            words = "it is the one that is in use: choose another one."
            raise InvalidFieldsError(f"user {name}", {"password": words})
        self._book.set_password(name, hashed, actor=actor, at=self._clock())

    def remove(self, name: str, *, actor: str) -> None:
        """Forget a person, and the tokens in their name.

        Raises
        ------
        NotFoundError
            When there is none of that name.
        ConflictError
            When nobody would be left to administer the node.
        """
        self._keep_an_administrator(name, without=True)
        self._book.remove(name, actor=actor, at=self._clock())
        for token in self._tokens.all():
            if token.owner == name:
                self._tokens.remove(token.token_id, actor=actor, at=self._clock())

    def tokens(self) -> tuple[MachineToken, ...]:
        """Return every token, by owner and name."""
        return self._tokens.all()

    def read_token(self, values: Mapping[str, Any]) -> TokenRequest:
        """Return what a token is asked for with.

        Raises
        ------
        InvalidFieldsError
            When fields cannot be used; it says of each why.
        """
        return read_entry(TOKEN_REQUEST, values, "this token")

    def issue(self, request: TokenRequest, *, actor: str) -> tuple[MachineToken, str]:
        """Make a token; return it with its text, which is not kept.

        Raises
        ------
        NotFoundError
            When there is no such owner.
        InvalidFieldsError
            When the owner may not use one of the services.
        """
        owner = self._book.get(request.owner)
        if beyond := request.scopes - owner.permissions:
            words = f"{owner.name} may not use {', '.join(sorted(beyond))}."
            raise InvalidFieldsError("this token", {"scopes": words})
        now = self._clock()
        token = MachineToken(
            token_id=secrets.token_hex(8),
            name=request.name.strip(),
            owner=owner.name,
            scopes=request.scopes,
            created_at=now,
            expires_at=now + timedelta(days=request.days),
            ae_title=request.ae_title.strip(),
        )
        text = f"dn_{secrets.token_urlsafe(_TOKEN_BYTES)}"
        self._tokens.add(token, _digest(text), actor=actor)
        return token, text

    def revoke(self, token_id: str, *, actor: str) -> MachineToken:
        """Forget a token; it is refused from now on.

        Raises
        ------
        NotFoundError
            When there is none.
        """
        return self._tokens.remove(token_id, actor=actor, at=self._clock())

    def bearer(self, text: str) -> Bearer | None:
        """Return who calls with a token's text; None for one that is unknown, over or disowned."""
        token = self._tokens.find(_digest(text))
        now = self._clock()
        if token is None or token.is_over(now):
            return None
        owner = self._book.find(token.owner)
        if owner is None or owner.disabled:
            return None
        if token.last_used_at is None or now - token.last_used_at > timedelta(minutes=1):
            self._tokens.used(token.token_id, now)
        return Bearer(token=token, owner=owner)

    def _hash(self, name: str, password: str) -> str:
        if not self.passwords:
            words = "nobody signs in with a password here: openid.only is set."
            raise InvalidFieldsError(f"user {name}", {"password": words})
        if len(name) >= _TELLING and name in password.lower():
            words = "the password holds the user's name: choose another one."
            raise InvalidFieldsError(f"user {name}", {"password": words})
        try:
            return self._hashed(password)
        except ConfigurationError as error:
            raise InvalidFieldsError(f"user {name}", {"password": str(error)}) from error

    def irremovable(self) -> frozenset[str]:
        """Return who can neither be removed nor kept out: the last one who may administer."""
        administrators = frozenset(each.name for each in self._book.all() if _administers(each))
        is_last = self._keeps_the_last and len(administrators) == 1
        return administrators if is_last else frozenset()

    def _keep_an_administrator(self, name: str, *, without: bool) -> None:
        """Refuse that the last one who may administer ceases to."""
        if without and name in self.irremovable():
            raise ConflictError(
                f"{name} is the last one with the role {UserRole.ADMIN}: give it to somebody "
                "else first."
            )


def _administers(user: User) -> bool:
    return user.may(Permission.PEOPLE) and not user.disabled


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
