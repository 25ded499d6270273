"""Claiming, giving back and deciding an item."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.datastructures import FormData

from dicom_node.audit import events
from dicom_node.audit.events import StudyPart
from dicom_node.domain.review.queue import ReviewQueue
from dicom_node.domain.review.words import one_line
from dicom_node.web.records import address, now, record
from dicom_node.web.review import sitting
from dicom_node.web.review.people import reviewer
from dicom_node.web.review.queue import PATH, following, last_queue
from dicom_node.web.review.reading_first import first_reading
from dicom_node.web.review.searching import PatientSearches
from dicom_node.web.review.study import ITEM, StudyView
from dicom_node.web.review.verdict_form import require_short_comments, verdict
from dicom_node.web.sessions import Reviewing, tell


async def _form(request: Request) -> FormData:
    return await request.form()


Form = Annotated[FormData, Depends(_form)]
# Whether the study view is to be opened, or is open already.
LeadsThere = Annotated[bool, Query(alias="open")]


def add_routes(
    router: APIRouter, review_queue: ReviewQueue, searches: PatientSearches, view: StudyView
) -> None:
    """Add the routes that change an item."""

    @router.post(ITEM + "/claim")
    def claim(
        request: Request,
        item_id: str,
        user: Reviewing,
        *,
        leads_there: Annotated[bool, Query(alias="open")] = False,
    ) -> Response:
        review_queue.claim(item_id, reviewer(user))
        if "HX-Request" in request.headers and not leads_there:
            return view.panel(request, user, item_id)
        return go(request, f"{PATH}/items/{item_id}")

    @router.post(ITEM + "/extend")
    def extend(item_id: str, user: Reviewing) -> Response:
        review_queue.extend(item_id, reviewer(user))
        return Response(status_code=204)

    @router.post(ITEM + "/release")
    def release(request: Request, item_id: str, user: Reviewing) -> Response:
        review_queue.release(item_id, reviewer(user))
        return go(request, last_queue(request, user).url())

    @router.post(ITEM + "/first")
    def read_first(request: Request, item_id: str, user: Reviewing, form: Form) -> Response:
        present = frozenset(str(each) for each in form.getlist("present"))
        comment = str(form.get("comment", ""))
        require_short_comments({"comment": comment})
        details = review_queue.open(item_id, reviewer(user))
        review_queue.say_first(first_reading(details, user.name, present, one_line(comment)))
        return view.panel(request, user, item_id)

    @router.post(ITEM + "/verdict")
    def decide(request: Request, item_id: str, user: Reviewing, form: Form) -> Response:
        who = reviewer(user)
        said = {name: value for name, value in form.items() if isinstance(value, str)}
        opened = review_queue.to_judge(item_id)
        view.check_shown(opened.item, user)
        wanted, sort = following(searches, user, request)
        given = verdict(said, opened, who)
        current = sitting.sitting_of(request)
        if current is not None and current.done + 1 >= current.cases:
            review_queue.decide(given)
            item = None
        else:
            _, item = review_queue.decide_and_take(given, wanted, sort)
        over = sitting.advance(request)
        record(
            request,
            events.verdict(
                StudyPart(study=opened.item.study_instance_uid, classes={}),
                user=user.name,
                address=address(request),
                at=now(request),
                item=item_id,
            ),
        )
        if item is None and over is not None and over.is_over:
            minutes = max(1, round((now(request).timestamp() - over.begun) / 60))
            tell(request, f"Session finished: {over.cases} results in {minutes} min.")
        if item is None or "HX-Request" not in request.headers:
            return go(request, last_queue(request, user).url())
        response = view.panel(request, user, item.item_id, signed=item_id)
        response.headers["HX-Push-Url"] = f"{PATH}/items/{item.item_id}"
        return response


def go(request: Request, path: str) -> Response:
    """Lead to another page, whether HTMX or the browser itself asked."""
    if "HX-Request" in request.headers:
        return Response(status_code=204, headers={"HX-Redirect": path})
    return Response(status_code=303, headers={"Location": path})
