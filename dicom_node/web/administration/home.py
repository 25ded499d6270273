"""The first page of who operates the node: what came, what waits, what failed, what to do."""

from collections.abc import Collection, Mapping
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from dicom_node.administration.administration import Administration
from dicom_node.administration.overview import Pulse, word_of
from dicom_node.domain.health import Problem
from dicom_node.errors import ConflictError, NotFoundError
from dicom_node.web.administration.events import changes
from dicom_node.web.formatting import sentence
from dicom_node.web.frame import Frame
from dicom_node.web.sessions import Looking, Operating, tell

PATH, START = "/overview", "/overview/start"
_MOST_HELD = 5
# Where somebody looks at a problem of a kind, or mends it: the title of a page, and its address.
_PLACES: Mapping[str, tuple[str, str]] = {
    "stuck studies": ("Studies", "/studies?shown=waiting"),
    "undecided studies": ("Studies", "/studies?shown=undecided"),
    "failed studies": ("Studies", "/studies?shown=failed"),
    "held results": ("Kept from going out", "#held"),
    "destination down": ("AE titles", "/ae-titles/entry?title={about}"),
    "given-up deliveries": ("Deliveries", "/deliveries?destination={about}"),
    "untold commitments": ("AE titles", "/ae-titles/entry?title={about}"),
    "model": ("Models", "/models"),
    "service": ("Models", "/models"),
    "self-test": ("Self-test", "#self-test"),
    "disk": ("Disk", "/disk"),
}


def make_router(frame: Frame, administration: Administration) -> APIRouter:
    """Return the routes of the overview, and of what its buttons do."""
    router = APIRouter()
    pulse = Pulse(administration.operations.overview)

    @router.get(START)
    def start(request: Request, user: Looking) -> Response:
        return frame.page(
            request,
            user,
            "start.html",
            steps=administration.first_steps.steps(),
            own=administration.ae_titles.own,
            host=request.url.hostname,
        )

    @router.get(PATH)
    def overview(request: Request, user: Looking) -> Response:
        part = "HX-Request" in request.headers
        peers = {each.title for each in administration.ae_titles.all()}
        if not peers and not part:  # an empty node: what to do first
            return RedirectResponse(START, status_code=303)
        seen = administration.operations.overview()
        return frame.page(
            request,
            user,
            "overview_parts.html" if part else "overview.html",
            seen=seen,
            word=word_of(seen),
            place=place,
            held=administration.held.first(_MOST_HELD) if seen.held else (),
            peers=peers,
            self_test=administration.self_test,
        )

    @router.get(PATH + "/events")
    def events(
        user: Looking, since: str = "", last_event_id: Annotated[str, Header()] = ""
    ) -> StreamingResponse:
        del user
        known = last_event_id or since
        return StreamingResponse(
            changes(pulse, administration.operations.is_over, known if known.isalnum() else ""),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    _add_mending(router, administration)
    return router


def _add_mending(router: APIRouter, administration: Administration) -> None:
    @router.post(PATH + "/self-test")
    def test_itself(request: Request, user: Operating) -> Response:
        del user
        if administration.self_test is None:
            raise NotFoundError("only a running node can test itself.")
        try:
            administration.self_test.start()
        except ConflictError as error:
            tell(request, sentence(str(error)))
        return RedirectResponse(PATH + "#self-test", status_code=303)

    @router.post(PATH + "/rerun")
    def rerun_failed(request: Request, user: Operating) -> Response:
        count = administration.studies.rerun_failed(actor=user.name)
        tell(request, f"{_counted(count, 'failed study', 'failed studies')} will be tried again.")
        return RedirectResponse(PATH, status_code=303)

    @router.post(PATH + "/held")
    def look_again_at_held(request: Request, user: Operating) -> Response:
        seen = administration.held.look_again(actor=user.name)
        tell(
            request,
            f"Held results were checked again: {seen.released} go out now, "
            f"{seen.reopened} are made anew, {seen.kept} stay held.",
        )
        return RedirectResponse(PATH, status_code=303)

    @router.post(PATH + "/retry")
    def retry_deliveries(request: Request, user: Operating) -> Response:
        count = administration.deliveries.retry(actor=user.name)
        tell(request, f"{_counted(count, 'delivery', 'deliveries')} will be tried again.")
        return RedirectResponse(PATH, status_code=303)


def place(problem: Problem, peers: Collection[str]) -> tuple[str, str] | None:
    """Return title and address of where a problem is looked at; None where no page shows it."""
    title, path = _PLACES.get(problem.kind, ("", ""))
    if not path or (title == "AE titles" and problem.about not in peers):
        return None
    return title, path.format(about=quote(problem.about))


def _counted(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}"
