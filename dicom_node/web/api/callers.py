"""Who calls the API: somebody who is signed in at the pages, or a machine by token (RFC 6750)."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from dicom_node.administration.people import People
from dicom_node.domain.user import Permission, User
from dicom_node.web.sessions import (
    NotAllowedError,
    NotSignedInError,
    StaleFormError,
    refusal,
    signed_in,
)

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls, as the audit trail names them, and what they may do.

    ``user`` is the person, or whose token it is. ``sender`` is the AE title that a token's objects
    are kept under; people have none of their own.
    """

    actor: str
    user: User
    permissions: frozenset[Permission]
    sender: str = ""


def caller(request: Request) -> Caller:
    """Return who calls.

    Raises
    ------
    NotSignedInError
        When nobody is signed in, or a token is unknown or over.
    StaleFormError
        When a browser would change something without its session's token.
    """
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        people: People | None = request.app.state.people
        bearer = people.bearer(text.strip()) if people is not None else None
        if bearer is None:
            raise NotSignedInError("this token is unknown, has expired or was taken back.")
        return Caller(
            actor=bearer.actor,
            user=bearer.owner,
            permissions=bearer.permissions,
            sender=bearer.token.sender,
        )
    user = signed_in(request)
    if request.method not in _SAFE:
        sent, expected = request.headers.get("X-CSRF-Token", ""), request.session.get("csrf", "")
        if not expected or not hmac.compare_digest(sent.encode(), expected.encode()):
            raise StaleFormError("browsers send the session's token in X-CSRF-Token.")
    return Caller(actor=user.name, user=user, permissions=user.permissions)


Calling = Annotated[Caller, Depends(caller)]


def needing(*permissions: Permission) -> Callable[[Caller], Caller]:
    """Return what lets only those callers in who have all of some permissions."""

    def permitted(who: Calling) -> Caller:
        for permission in permissions:
            if permission not in who.permissions:
                words = f"{refusal(permission)} A token needs the scope {permission} besides."
                raise NotAllowedError(words)
        return who

    return permitted


MayLook = Annotated[Caller, Depends(needing(Permission.STATUS))]
MayReview = Annotated[Caller, Depends(needing(Permission.REVIEW))]
MayOperate = Annotated[Caller, Depends(needing(Permission.OPERATE))]
MaySeePatients = Annotated[Caller, Depends(needing(Permission.OPERATE, Permission.IMAGES))]
MayConfigure = Annotated[Caller, Depends(needing(Permission.CONFIGURE))]
MayPromote = Annotated[Caller, Depends(needing(Permission.MODELS))]
MayManagePeople = Annotated[Caller, Depends(needing(Permission.PEOPLE))]
