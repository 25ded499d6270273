"""Claiming, giving back and deciding an item."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.datastructures import FormData

from dicom_node.domain.worklist import Worklist
from dicom_node.web.sessions import Reviewing
from dicom_node.web.worklist.people import reviewer
from dicom_node.web.worklist.queue import PATH, claim_next, last_queue
from dicom_node.web.worklist.study import ITEM, StudyView
from dicom_node.web.worklist.verdict_form import verdict


async def _form(request: Request) -> FormData:
    return await request.form()


Form = Annotated[FormData, Depends(_form)]
# Whether the study view is to be opened, or is open already.
LeadsThere = Annotated[bool, Query(alias="open")]


def add_routes(router: APIRouter, worklist: Worklist, view: StudyView) -> None:
    """Add the routes that change an item."""

    @router.post(ITEM + "/claim")
    def claim(
        request: Request,
        item_id: str,
        user: Reviewing,
        *,
        leads_there: Annotated[bool, Query(alias="open")] = False,
    ) -> Response:
        worklist.claim(item_id, reviewer(user))
        if "HX-Request" in request.headers and not leads_there:
            return view.panel(request, user, item_id)
        return _go(request, f"{PATH}/items/{item_id}")

    @router.post(ITEM + "/extend")
    def extend(item_id: str, user: Reviewing) -> Response:
        worklist.extend(item_id, reviewer(user))
        return Response(status_code=204)

    @router.post(ITEM + "/release")
    def release(request: Request, item_id: str, user: Reviewing) -> Response:
        worklist.release(item_id, reviewer(user))
        return _go(request, last_queue(request).url())

    @router.post(ITEM + "/verdict")
    def decide(request: Request, item_id: str, user: Reviewing, form: Form) -> Response:
        who = reviewer(user)
        said = {name: value for name, value in form.items() if isinstance(value, str)}
        worklist.decide(verdict(said, worklist.open(item_id, who), who))
        following = claim_next(worklist, who, user, request)
        if following is None or "HX-Request" not in request.headers:
            return _go(request, last_queue(request).url())
        response = view.panel(request, user, following.item_id)
        response.headers["HX-Push-Url"] = f"{PATH}/items/{following.item_id}"
        return response


def _go(request: Request, path: str) -> Response:
    """Lead to another page, whether HTMX or the browser itself asked."""
    if "HX-Request" in request.headers:
        return Response(status_code=204, headers={"HX-Redirect": path})
    return Response(status_code=303, headers={"Location": path})
