"""The node's HTTP application: health, metrics, and the pages where there are any."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Depends, FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.middleware.sessions import SessionMiddleware

from dicom_node.administration.people import People
from dicom_node.audit.trail import Record, unrecorded
from dicom_node.domain.health import Problem, Severity, status_of
from dicom_node.domain.host import Host
from dicom_node.web import assets, sign_in
from dicom_node.web import problems as problem_pages
from dicom_node.web.frame import Frame, Section
from dicom_node.web.head_requests import HeadRequests
from dicom_node.web.openid_sign_in import SingleSignOn
from dicom_node.web.request_limits import RequestLimits, Streams
from dicom_node.web.request_times import Observe, RequestTimes
from dicom_node.web.security import SecurityHeaders
from dicom_node.web.sessions import (
    ABSOLUTE_SECONDS,
    COOKIE,
    Accounts,
    Sessions,
    check_csrf,
    signed_in,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """The pages, who may see them, and what programs get under the same sign-in.

    ``interfaces`` say themselves who may use them: people who are signed in, or machines whose
    tokens ``people`` knows. ``https`` says that browsers reach the node by HTTPS: cookies are then
    sent by nothing else. ``single`` lets people sign in elsewhere too. ``streams`` are the requests
    that bring large bodies, and ``record`` takes what the audit trail is told.
    """

    frame: Frame
    accounts: Accounts
    sessions: Sessions
    secret: str
    clock: Callable[[], datetime]
    https: bool = False
    sections: Sequence[Section] = ()
    people: People | None = None
    single: SingleSignOn | None = None
    interfaces: Sequence[APIRouter] = ()
    streams: Streams | None = None
    record: Record = unrecorded


def make_application(
    *,
    registry: CollectorRegistry,
    problems: Callable[[], tuple[Problem, ...]],
    version: str,
    has_started: Callable[[], bool] = lambda: True,
    pages: Pages | None = None,
    machines: Sequence[APIRouter] = (),
    hosts: Callable[[], Sequence[Host]] = lambda: (),
    observe: Observe | None = None,
) -> FastAPI:
    """Return the application.

    Parameters
    ----------
    registry : CollectorRegistry
        What ``/metrics`` shows.
    problems : callable
        Says what is wrong with the node; nothing when it is healthy.
    has_started : callable
        Says whether all that studies need is there; objects are stored before that.
    version : str
        The node's version.
    pages : Pages, optional
        What people see; health and metrics alone without them.
    machines : sequence of APIRouter
        What programs are served without a sign-in; each says itself who may use it.
    hosts : callable
        Says which hosts share the work, where there are several.
    observe : callable, optional
        Is told how long each request took.
    """
    application = FastAPI(
        title="DICOM AI node", version=version, docs_url=None, redoc_url=None, openapi_url=None
    )
    application.add_middleware(HeadRequests)

    @application.get("/health")
    def health(response: Response) -> dict[str, object]:
        found = problems()
        status = status_of(found)
        response.status_code = 503 if status == Severity.FAILING else 200
        shown: dict[str, object] = {
            "status": status,
            "version": version,
            "problems": [str(each) for each in found],
        }
        if sharing := _shown(hosts):
            shown["hosts"] = sharing
        return shown

    @application.get("/health/live")
    def live() -> dict[str, str]:
        """Whether this process answers: a supervisor that hears nothing may start it anew."""
        return {"status": "ok"}

    @application.get("/health/ready")
    def ready(response: Response) -> dict[str, str]:
        """Whether studies can be taken and worked on: what is only degraded is ready."""
        if not has_started():
            response.status_code = 503
            return {"status": "starting"}
        is_failing = status_of(problems()) == Severity.FAILING
        response.status_code = 503 if is_failing else 200
        return {"status": "failing" if is_failing else "ok"}

    @application.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    if pages is not None:
        _add_pages(application, pages)
    for service in machines:
        application.include_router(service)
    application.add_middleware(RequestLimits, streams=pages.streams if pages else None)
    if observe is not None:
        application.add_middleware(RequestTimes, observe=observe)
    return application


def _shown(hosts: Callable[[], Sequence[Host]]) -> list[dict[str, object]]:
    """Return what /health says of each host."""
    return [
        {
            "name": each.sign.name,
            "executor_id": each.sign.executor_id,
            "role": each.sign.role,
            "version": each.sign.version,
            "status": each.sign.status,
            "silent_seconds": round(each.silent, 1),
        }
        for each in hosts()
    ]


def _add_pages(application: FastAPI, pages: Pages) -> None:
    application.state.sessions = pages.sessions
    application.state.people = pages.people
    application.state.clock = pages.clock
    application.state.only_elsewhere = pages.single is not None and pages.single.only
    application.state.record = pages.record
    pages.frame.show(pages.sections)
    application.include_router(
        sign_in.make_router(pages.frame, pages.accounts, pages.clock, pages.single)
    )
    guarded = [Depends(signed_in), Depends(check_csrf)]
    for section in pages.sections:
        application.include_router(section.router, dependencies=guarded)
    for interface in pages.interfaces:
        application.include_router(interface)
    application.include_router(assets.make_router(pages.frame.assets))
    problem_pages.add_handlers(application, pages.frame)
    application.add_middleware(
        SessionMiddleware,
        secret_key=pages.secret,
        session_cookie=COOKIE,
        max_age=ABSOLUTE_SECONDS,
        same_site="lax",
        https_only=pages.https,
    )
    application.add_middleware(SecurityHeaders, https=pages.https)
