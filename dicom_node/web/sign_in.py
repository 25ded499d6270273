"""The sign-in page."""

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from dicom_node.audit import events
from dicom_node.configuration.passwords import is_right
from dicom_node.web.attempts import SignInAttempts
from dicom_node.web.frame import Frame
from dicom_node.web.languages import CHOSEN
from dicom_node.web.openid_sign_in import SingleSignOn, add_single_sign_on, signed_in_there
from dicom_node.web.records import address as address_of
from dicom_node.web.records import now, record
from dicom_node.web.sessions import (
    Accounts,
    NotSignedInError,
    begin,
    check_csrf,
    end,
    signed_in,
)
from dicom_node.web.sign_in_page import SignInPage, local_path
from sr_templates.language.language import LanguageCode

_LOG = logging.getLogger(__name__)
PATH = "/sign-in"
_SOMEBODY = "(unknown)"


def make_router(
    frame: Frame,
    accounts: Accounts,
    clock: Callable[[], datetime],
    single: SingleSignOn | None = None,
) -> APIRouter:
    """Return the routes for signing in and out: by password, and at a provider if there is one."""
    router = APIRouter(dependencies=[Depends(check_csrf)])
    only = single is not None and single.only
    page = SignInPage(frame, elsewhere=single.label if single else "", only=only)
    attempts = SignInAttempts(clock)

    @router.get("/")
    def home(request: Request) -> Response:
        return RedirectResponse(frame.home(signed_in(request)), status_code=303)

    @router.get("/welcome")
    def welcome(request: Request) -> Response:
        return frame.page(request, signed_in(request), "welcome.html")

    @router.get(PATH)
    def show(request: Request, to: str = "", left: str = "") -> Response:
        try:
            user = signed_in(request)
        except NotSignedInError:
            closed = not accounts.all()
            return page.show(request, to=to, closed=closed, left=bool(left and single))
        return RedirectResponse(local_path(to) or frame.home(user), status_code=303)

    @router.post(PATH)
    def sign_in(
        request: Request,
        name: Annotated[str, Form()] = "",
        password: Annotated[str, Form()] = "",
        to: Annotated[str, Form()] = "",
    ) -> Response:
        name = name.strip().lower()
        address = address_of(request)
        if only:
            _note(request, _known(accounts, name), refused="passwords open nothing here")
            problem = "Passwords open nothing here: sign in at the provider."
            return page.show(request, to=to, problem=problem, status=403)
        if wait := attempts.wait(name, address):
            _note(request, _known(accounts, name), refused="too many tries")
            minutes = -(-int(wait.total_seconds()) // 60)
            problem = f"Too many tries. Wait {minutes} min, then try again."
            return page.show(request, to=to, problem=problem, status=429)
        user = accounts.find(name)
        if not is_right(password, accounts.password_hash(name)) or user is None or user.disabled:
            attempts.failed(name, address)
            _note(request, _known(accounts, name), refused="name or password wrong")
            # What was typed as a name may be a password: it stays out of the log.
            _LOG.warning("sign-in refused address=%s known=%s", address, user is not None)
            problem = "Name or password is not right."
            return page.show(request, to=to, problem=problem, status=403)
        attempts.succeeded(name, address)
        begin(request, user)
        _note(request, user.name)
        _LOG.info("signed in user=%s address=%s", user.name, address)
        return RedirectResponse(local_path(to) or frame.home(user), status_code=303)

    _add_sign_out(router)
    _add_language(router, accounts)
    if single is not None:
        add_single_sign_on(router, page, frame, single)
    return router


def _add_sign_out(router: APIRouter) -> None:
    @router.post("/sign-out")
    def sign_out(request: Request) -> Response:
        name = request.session.get("user", "")
        was_there = signed_in_there(request)
        end(request)
        if name:
            _note(request, name, leaves=True)
        return RedirectResponse(f"{PATH}?left=1" if was_there else PATH, status_code=303)


def _add_language(router: APIRouter, accounts: Accounts) -> None:
    @router.post("/language")
    def choose(request: Request, language: Annotated[LanguageCode, Form()]) -> Response:
        """Keep the language that somebody chooses: with the person, or else in the cookie."""
        request.session[CHOSEN] = language.value
        with suppress(NotSignedInError):  # what the cookie says counts until somebody signs in
            accounts.choose_language(signed_in(request).name, language.value)
        if "HX-Request" in request.headers:
            return Response(headers={"HX-Refresh": "true"})
        return RedirectResponse("/", status_code=303)


def _known(accounts: Accounts, name: str) -> str:
    """Return a user's name; of what was typed as one and is none, which may be a password, none."""
    return name if accounts.find(name) is not None else _SOMEBODY


def _note(request: Request, user: str, *, refused: str = "", leaves: bool = False) -> None:
    where, at = address_of(request), now(request)
    said = events.authentication(user, at=at, address=where, refused=refused, leaves=leaves)
    record(request, said)
