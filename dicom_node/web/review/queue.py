"""The queue: what waits, in which order, and who holds what."""

from collections.abc import Callable, Mapping
from datetime import datetime
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from dicom_node.domain.review.queue import ReviewQueue, Sort
from dicom_node.domain.review.review import Reviewer, ReviewItem, ReviewState
from dicom_node.domain.user import User
from dicom_node.errors import ConflictError
from dicom_node.web.frame import Frame
from dicom_node.web.review.people import reviewer
from dicom_node.web.review.query import QueueQuery, Shown
from dicom_node.web.sessions import Reviewing

PATH = "/worklist"
_CLAIM_TRIES = 20
_MOST_COUNTED = 999
SORT_TITLES = {
    Sort.TRIAGE: "Triage",
    Sort.UNCERTAINTY: "Uncertainty",
    Sort.OLDEST: "Oldest",
    Sort.NEWEST: "Newest",
}


def add_routes(
    router: APIRouter, frame: Frame, review_queue: ReviewQueue, clock: Callable[[], datetime]
) -> None:
    """Add the queue's routes."""

    @router.get(PATH)
    def queue(request: Request, user: Reviewing) -> Response:
        query = QueueQuery.from_words(request.query_params)
        remember_queue(request, query)
        page = review_queue.items(query.filter_for(user), query.sort, query.page)
        return frame.page(
            request,
            user,
            "queue_rows.html" if "HX-Request" in request.headers else "queue.html",
            query=query,
            items=page.items,
            disagreeing=page.disagreeing,
            next_page=query.url(after=page.next) if page.next else "",
            counts=_counts(review_queue.counts(_MOST_COUNTED + 1)),
            choices=review_queue.choices(),
            sorts=SORT_TITLES,
            now=clock(),
        )

    @router.post(PATH + "/next")
    def next_item(request: Request, user: Reviewing) -> Response:
        item = claim_next(review_queue, reviewer(user), user, request)
        where = f"{PATH}/items/{item.item_id}" if item else last_queue(request).url()
        return RedirectResponse(where, status_code=303)


def remember_queue(request: Request, query: QueueQuery) -> None:
    """Keep which queue this session looks at; the same one again is no reason for a new cookie."""
    words = query.url().partition("?")[2]
    if request.session.get("queue") != words:
        request.session["queue"] = words


def last_queue(request: Request) -> QueueQuery:
    """Return the queue that this session looked at last."""
    return QueueQuery.from_words(dict(parse_qsl(request.session.get("queue", ""))))


def claim_next(
    review_queue: ReviewQueue, who: Reviewer, user: User, request: Request
) -> ReviewItem | None:
    """Claim the first item of the last queue that nobody else takes first; None without one."""
    query = last_queue(request)
    wanted = query.filter_for(user)
    if query.shown not in (Shown.OPEN, Shown.WAITING, Shown.ADJUDICATING) or query.mine:
        wanted = QueueQuery().filter_for(user)
    for _ in range(_CLAIM_TRIES):
        item = review_queue.next_for(who, wanted, query.sort)
        if item is None:
            return None
        try:
            return review_queue.claim(item.item_id, who)
        except ConflictError:  # somebody was faster: take the one after it
            continue
    return None


def _counts(counts: Mapping[ReviewState, int]) -> dict[Shown, str]:
    """Say how many items each choice of the queue would show: what is many is not counted out."""
    sums = {shown: sum(counts.get(state, 0) for state in shown.states) for shown in Shown}
    return {
        shown: str(count) if count <= _MOST_COUNTED else f"{_MOST_COUNTED}+"
        for shown, count in sums.items()
    }
