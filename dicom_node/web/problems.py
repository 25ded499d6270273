"""What a request gets that cannot be answered: a page for people, JSON for programs."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import quote, urlsplit

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from markupsafe import escape
from starlette.exceptions import HTTPException

from dicom_node.audit.events import refused_service
from dicom_node.errors import (
    ConfigurationError,
    ConflictError,
    InvalidFieldsError,
    NodeError,
    NotFoundError,
    StaleEntryError,
)
from dicom_node.web.formatting import sentence
from dicom_node.web.frame import Frame
from dicom_node.web.languages import language_of
from dicom_node.web.records import address, now, record
from dicom_node.web.sessions import NotAllowedError, NotSignedInError, StaleFormError, signed_in
from sr_templates.language.language import Language

_RETRY_SECONDS = "30"
# The first class that an error is of decides.
_STATUSES: tuple[tuple[type[NodeError], int], ...] = (
    (NotSignedInError, 401),
    (NotAllowedError, 403),
    (StaleFormError, 403),
    (NotFoundError, 404),
    (StaleEntryError, 412),
    (ConflictError, 409),
    (ConfigurationError, 422),
)


def status_of(error: NodeError) -> int:
    """Return the HTTP status that says what an error says; errors may bring their own."""
    own = getattr(error, "status", None)
    if isinstance(own, int):
        return own
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)


def add_handlers(application: FastAPI, frame: Frame) -> None:
    """Answer the node's own errors, and wrong addresses and parameters, in the caller's words."""

    def node_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, NodeError)  # noqa: S101 - what the handler is registered for
        _note_refusal(request, error)
        if isinstance(error, NotSignedInError) and not _is_program(request):
            return _to_sign_in(request)
        fields = error.fields if isinstance(error, InvalidFieldsError) else None
        answer = _answer(request, frame, status_of(error), str(error), fields)
        if answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
            answer.headers["Retry-After"] = _RETRY_SECONDS
        return answer

    def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - what the handler is registered for
        return _answer(request, frame, error.status_code, str(error.detail))

    def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
        errors = error.errors()
        named = ", ".join(str(each["loc"][-1]) for each in errors)
        # What an address says that cannot be read is the address's fault, not an entry's.
        status = 422 if any(each["loc"][0] == "body" for each in errors) else 400
        return _answer(request, frame, status, f"these cannot be used: {named}.")

    application.add_exception_handler(NodeError, node_error)
    application.add_exception_handler(HTTPException, http_error)
    application.add_exception_handler(RequestValidationError, invalid)


def _note_refusal(request: Request, error: NodeError) -> None:
    """Record that somebody was refused what is not theirs, or came with a token that is none."""
    bears_token = "Authorization" in request.headers
    if isinstance(error, NotAllowedError) or (isinstance(error, NotSignedInError) and bears_token):
        user = "(token)" if bears_token else request.session.get("user", "")
        record(
            request,
            refused_service(
                user,
                address=address(request),
                at=now(request),
                what=f"{request.method} {request.url.path}",
                reason=str(error),
            ),
        )


def _answer(
    request: Request,
    frame: Frame,
    status: int,
    words: str,
    fields: Mapping[str, str] | None = None,
) -> Response:
    try:
        user = signed_in(request)
    except NodeError:
        user = None
    if "HX-Request" in request.headers:
        return _notice(status, words, fields or {}, language_of(request, user))
    if _is_program(request):
        body = {"problem": words} | ({"fields": dict(fields)} if fields else {})
        return JSONResponse(body, status_code=status)
    return frame.page(request, user, "problem.html", status=status, code=status, words=words)


def _notice(status: int, words: str, fields: Mapping[str, str], language: Language) -> Response:
    """Leave the page as it is: what went wrong appears above it, and beside each field."""
    beside = {name: sentence(each, language) for name, each in fields.items()}
    said = " ".join(dict.fromkeys(beside.values())) or sentence(words, language)
    return HTMLResponse(
        f'<p class="notice notice-problem" role="alert">{escape(said)}</p>',
        status_code=status,
        headers={
            "HX-Retarget": "#notices",
            "HX-Reswap": "innerHTML",
            # The queue behind it looks again. A header is ASCII, as JSON is written here.
            "HX-Trigger": json.dumps({"refused": {"fields": beside}}),
        },
    )


def _to_sign_in(request: Request) -> Response:
    if "HX-Request" in request.headers:
        # Where somebody is, who comes back there when they have signed in.
        try:
            here = urlsplit(request.headers.get("HX-Current-URL", "")).path
        except ValueError:  # no browser's
            here = ""
        to = f"?to={quote(here)}" if here else ""
        return Response(status_code=401, headers={"HX-Redirect": f"/sign-in{to}"})
    path = request.url.path if request.method == "GET" else "/"
    return RedirectResponse(f"/sign-in?to={quote(path)}", status_code=303)


def _is_program(request: Request) -> bool:
    """Whether the answer is for a program: it does not ask for a page."""
    return "HX-Request" not in request.headers and "text/html" not in request.headers.get(
        "Accept", ""
    )
