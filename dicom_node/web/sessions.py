"""Who is signed in: signed cookies, checked against the sessions and users of this moment."""

import hmac
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Protocol

from fastapi import Depends, Request

from dicom_node.configuration.keys import kept_key
from dicom_node.domain.user import PERMISSIONS_OF_ROLE, Permission, User, UserSession
from dicom_node.errors import ConfigurationError, NodeError
from dicom_node.web.languages import CHOSEN
from dicom_node.web.records import now

COOKIE = "dicom_node_session"
# A working day; everything that a person does starts it anew.
SESSION_SECONDS = 8 * 3600
UNATTENDED = frozenset({"queue", "hold", "overview", "on-their-way", "priors"})
"""Elements of the pages that ask by themselves, as HTMX names them: the queue, the overview and
uploads for news, and the study for being held longer. A workstation that nobody sits at goes on
asking."""
# Whatever a person does meanwhile, they show their password again after so long.
ABSOLUTE_SECONDS = 16 * 3600
# How exactly the last thing done is noted: not every request writes a cookie.
_NOTED_SECONDS = 60
_SECRET_BYTES = 48
ELSEWHERE = "openid"
"""By what a session was begun of somebody who has signed in at the provider."""


class NotSignedInError(NodeError):
    """Nobody is signed in, or no longer."""


class NotAllowedError(NodeError):
    """Who is signed in may not do this."""


class StaleFormError(NodeError):
    """A form without the token of the session that it came from."""


class Accounts(Protocol):
    """The people who may sign in."""

    def all(self) -> tuple[User, ...]:
        """Return every user."""

    def find(self, name: str) -> User | None:
        """Return one user, or None."""

    def password_hash(self, name: str) -> str | None:
        """Return the hash of a user's password, or None."""

    def choose_language(self, name: str, language: str) -> None:
        """Keep in which language a user wants pages."""


class Sessions(Protocol):
    """Who is signed in: what signing out ends, whatever copies of a cookie there are."""

    def begin(
        self, user_name: str, *, at: datetime, oldest: datetime, is_elsewhere: bool = False
    ) -> str:
        """Begin a session and forget those begun before ``oldest``; return its key.

        ``is_elsewhere`` says that the user has signed in at a provider, not with a password.
        """

    def find(self, key: str, user_name: str) -> UserSession | None:
        """Return a user's session, with the user as they are now; None where there is none."""

    def end(self, key: str) -> None:
        """End a session."""


def session_secret(path: Path) -> str:
    """Return the key that signs cookies, made at first use; only the node's user may read it.

    Raises
    ------
    ConfigurationError
        If the file is too short for a key: anybody could sign cookies with an empty one.
    """
    key = kept_key(path, lambda: secrets.token_urlsafe(_SECRET_BYTES))
    if len(key) < _SECRET_BYTES:
        raise ConfigurationError(
            f"{path} holds no whole key: remove it, and a new one is made at the next start; "
            "everybody then signs in again."
        )
    return key


def begin(request: Request, user: User, *, is_elsewhere: bool = False) -> None:
    """Start the session of somebody who has shown the right password, or whom a provider knows."""
    sessions: Sessions = request.app.state.sessions
    begun = now(request)
    oldest = begun - timedelta(seconds=ABSOLUTE_SECONDS)
    chosen = request.session.get(CHOSEN, "")
    request.session.clear()
    request.session.update(
        {
            CHOSEN: chosen,
            "user": user.name,
            "key": sessions.begin(user.name, at=begun, oldest=oldest, is_elsewhere=is_elsewhere),
            "epoch": user.epoch,
            "seen": _now(request),
            **({"by": ELSEWHERE} if is_elsewhere else {}),
        }
    )
    csrf_token(request)


def tell(request: Request, words: str) -> None:
    """Say on the next page what has been done."""
    request.session["told"] = words


def told(request: Request) -> str:
    """Return what the page is to say of what has been done before, once."""
    words: str = request.session.pop("told", "")
    return words


def end(request: Request) -> None:
    """End the session: its cookie opens nothing any more, wherever it was copied to."""
    sessions: Sessions = request.app.state.sessions
    if key := request.session.get("key"):
        sessions.end(key)
    request.session.clear()


def csrf_token(request: Request) -> str:
    """Return the session's token for forms, made when there is none yet."""
    token: str = request.session.setdefault("csrf", secrets.token_urlsafe(32))
    return token


async def check_csrf(request: Request) -> None:
    """Refuse a request that changes something and does not come from one of our own forms.

    Raises
    ------
    StaleFormError
        When the token of the session is neither in the header nor in the form.
    """
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    sent = request.headers.get("X-CSRF-Token")
    if sent is None:
        sent = str((await request.form()).get("csrf_token", ""))
    expected = request.session.get("csrf", "")
    if not expected or not hmac.compare_digest(sent.encode(), expected.encode()):
        raise StaleFormError("this page is out of date: load it again.")


def signed_in(request: Request) -> User:
    """Return who is signed in, and note that they did something.

    Raises
    ------
    NotSignedInError
        When nobody is, nobody has done anything for `SESSION_SECONDS`, the session is older than
        `ABSOLUTE_SECONDS`, or the user was disabled or given another password since; or when it
        was begun with a password and the provider alone lets people in.
    """
    sessions: Sessions = request.app.state.sessions
    name = request.session.get("user")
    if not name:
        raise NotSignedInError("sign in first.")
    found = sessions.find(request.session.get("key", ""), name)
    if found is None or now(request) - found.begun_at >= timedelta(seconds=ABSOLUTE_SECONDS):
        raise NotSignedInError("sign in again.")
    user = found.user
    if user.disabled or user.epoch != request.session.get("epoch"):
        raise NotSignedInError("sign in first.")
    if request.app.state.only_elsewhere and request.session.get("by") != ELSEWHERE:
        raise NotSignedInError("sign in again.")
    idle = _now(request) - request.session.get("seen", 0)
    if idle >= SESSION_SECONDS:
        raise NotSignedInError("sign in again.")
    if idle >= _NOTED_SECONDS and not _is_unattended(request):
        request.session["seen"] = _now(request)
    return user


def _is_unattended(request: Request) -> bool:
    """Whether the page asks by itself, and nobody has done anything."""
    return (
        request.headers.get("HX-Trigger") in UNATTENDED
        or request.headers.get("Accept") == "text/event-stream"
    )


def _now(request: Request) -> int:
    return int(now(request).timestamp())


SignedIn = Annotated[User, Depends(signed_in)]


def requiring(*permissions: Permission) -> Callable[[User], User]:
    """Return what lets only those in who are signed in and have all of some permissions."""

    def permitted(user: SignedIn) -> User:
        for permission in permissions:
            if not user.may(permission):
                raise NotAllowedError(refusal(permission))
        return user

    return permitted


def refusal(permission: Permission) -> str:
    """Say whose service it is."""
    roles = [role for role, given in PERMISSIONS_OF_ROLE.items() if permission in given]
    return f"this needs the role {' or '.join(roles)}."


def allows(permission: Permission) -> Callable[[User], bool]:
    """Return what says of people whether a section with this permission is for them."""
    return lambda user: user.may(permission)


Reviewing = Annotated[User, Depends(requiring(Permission.REVIEW))]
Uploading = Annotated[User, Depends(requiring(Permission.UPLOAD))]
Looking = Annotated[User, Depends(requiring(Permission.STATUS))]
Operating = Annotated[User, Depends(requiring(Permission.OPERATE))]
SeeingPatients = Annotated[User, Depends(requiring(Permission.OPERATE, Permission.IMAGES))]
Configuring = Annotated[User, Depends(requiring(Permission.CONFIGURE))]
Promoting = Annotated[User, Depends(requiring(Permission.MODELS))]
ManagingPeople = Annotated[User, Depends(requiring(Permission.PEOPLE))]
WatchingDevices = Annotated[User, Depends(requiring(Permission.DEVICES))]
