"""Signing in at an OpenID Provider: there with a state, back with a code, then a session here."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from dicom_node.administration.openid import Admission, ClaimRules, NotAdmittedError
from dicom_node.audit import events
from dicom_node.errors import NodeError
from dicom_node.web.frame import Frame
from dicom_node.web.problems import status_of
from dicom_node.web.records import address as address_of
from dicom_node.web.records import now, record
from dicom_node.web.sessions import ELSEWHERE, begin
from dicom_node.web.sign_in_page import SignInPage, local_path

_LOG = logging.getLogger(__name__)
PATH = "/sign-in/openid"
ANSWER = f"{PATH}/answer"
LEAVE = "/sign-out/openid"
_SIGN_IN = "/sign-in"
_SOMEBODY = "(unknown)"
# Seconds that somebody has for the provider's own pages.
_PATIENCE = 900


class ProviderAwayError(NodeError):
    """The provider cannot be asked now."""

    status = 503


class RefusedByProviderError(NodeError):
    """The provider's answer lets nobody in."""

    status = 403


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What the answer to a sign-in that was begun is held against (Core 1.0, RFC 7636)."""

    state: str
    nonce: str
    verifier: str


class Provider(Protocol):
    """An OpenID Provider."""

    def begin(self, redirect_uri: str) -> tuple[str, Begun]:
        """Begin a sign-in; return where the browser goes, and what it comes back with is for."""

    def finish(
        self,
        begun: Begun,
        answer: Mapping[str, str],
        redirect_uri: str,
        is_enough: Callable[[Mapping[str, Any]], bool],
    ) -> dict[str, Any]:
        """Return the verified claims of who comes back with an answer."""

    def sign_out_url(self, back: str) -> str | None:
        """Return where a session at the provider is ended, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleSignOn:
    """The provider, what people call it, what its claims mean, and where browsers reach the node.

    Without an ``address`` it is the one that the request was sent to. ``only``: passwords of the
    node open nothing.
    """

    provider: Provider
    label: str
    rules: ClaimRules
    admission: Admission
    address: str = ""
    only: bool = False

    def at(self, request: Request, path: str) -> str:
        """Return the address of one of the node's pages, as the provider knows it."""
        return (self.address or str(request.base_url)).rstrip("/") + path


def add_single_sign_on(
    router: APIRouter, page: SignInPage, frame: Frame, single: SingleSignOn
) -> None:
    """Add the ways to the provider and back."""

    @router.get(PATH)
    def there(request: Request, to: str = "") -> Response:
        try:
            url, begun = single.provider.begin(single.at(request, ANSWER))
        except (ProviderAwayError, RefusedByProviderError) as error:
            return _refused(request, page, error)
        request.session[ELSEWHERE] = {
            "state": begun.state,
            "nonce": begun.nonce,
            "verifier": begun.verifier,
            "to": local_path(to),
            "at": int(now(request).timestamp()),
        }
        return RedirectResponse(url, status_code=303)

    @router.get(ANSWER)
    def back(request: Request) -> Response:
        try:
            begun, to = _begun(request)
            claims = single.provider.finish(
                begun, request.query_params, single.at(request, ANSWER), single.rules.has_all
            )
            user = single.admission.admit(claims)
        except (ProviderAwayError, RefusedByProviderError, NotAdmittedError) as error:
            return _refused(request, page, error)
        begin(request, user, is_elsewhere=True)
        where = address_of(request)
        record(request, events.authentication(user.name, at=now(request), address=where))
        _LOG.info("signed in user=%s address=%s by=openid", user.name, where)
        return RedirectResponse(to or frame.home(user), status_code=303)

    @router.get(LEAVE)
    def leave(request: Request) -> Response:
        try:
            url = single.provider.sign_out_url(single.at(request, _SIGN_IN))
        except (ProviderAwayError, RefusedByProviderError) as error:
            return _refused(request, page, error)
        return RedirectResponse(url or _SIGN_IN, status_code=303)


def signed_in_there(request: Request) -> bool:
    """Whether the session was begun by way of the provider."""
    return bool(request.session.get("by") == ELSEWHERE)


def _begun(request: Request) -> tuple[Begun, str]:
    """Return what this browser began, once, and the page that was asked for."""
    kept = request.session.pop(ELSEWHERE, None)
    if not kept or not 0 <= now(request).timestamp() - kept["at"] <= _PATIENCE:
        raise RefusedByProviderError(
            "This sign-in took too long, or was begun elsewhere: sign in again."
        )
    begun = Begun(state=kept["state"], nonce=kept["nonce"], verifier=kept["verifier"])
    return begun, kept["to"]


def _refused(request: Request, page: SignInPage, error: NodeError) -> Response:
    """Say why nobody came in, on the page where they may try again."""
    user = (error.user if isinstance(error, NotAdmittedError) else "") or _SOMEBODY
    where, at = address_of(request), now(request)
    record(request, events.authentication(user, at=at, address=where, refused=str(error)))
    _LOG.warning("sign-in refused address=%s by=openid reason=%s", where, type(error).__name__)
    return page.show(request, status=status_of(error), problem=str(error))
