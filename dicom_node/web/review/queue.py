"""The queue: what waits, in which order, and who holds what."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from dicom_node.audit import events
from dicom_node.audit.events import Peer
from dicom_node.domain.review.queue import ItemFilter, ReviewQueue, Sort
from dicom_node.domain.review.review import ReviewState
from dicom_node.domain.subject import Subject
from dicom_node.domain.user import Permission, User
from dicom_node.web.frame import Frame
from dicom_node.web.records import address, now, record
from dicom_node.web.review import sitting
from dicom_node.web.review.people import reviewer
from dicom_node.web.review.query import QueueQuery, Shown
from dicom_node.web.review.reading_first import hidden_of
from dicom_node.web.review.searching import LONGEST, MOST_STUDIES, PatientSearches
from dicom_node.web.sessions import NotAllowedError, Reviewing, refusal

PATH = "/worklist"
_MOST_COUNTED = 999
SORT_TITLES = {
    Sort.TRIAGE: "Triage",
    Sort.UNCERTAINTY: "Uncertainty",
    Sort.OLDEST: "Oldest",
    Sort.NEWEST: "Newest",
}


Subjects = Callable[[Collection[str]], Mapping[str, Subject]]
"""Says who studies are of."""


def add_routes(
    router: APIRouter,
    frame: Frame,
    review_queue: ReviewQueue,
    *,
    searches: PatientSearches,
    subjects: Subjects,
    set_reads_first: Callable[[str, bool], None],
    clock: Callable[[], datetime],
) -> None:
    """Add the queue's routes."""

    @router.get(PATH)
    def queue(request: Request, user: Reviewing) -> Response:
        query = QueueQuery.from_words(request.query_params).for_reader(user)
        remember_queue(request, query)
        studies = searches.studies(user, query.search)
        page = review_queue.items(query.filter_for(user, studies), query.sort, query.page)
        sees_patients = user.may(Permission.IMAGES)
        return frame.page(
            request,
            user,
            "queue_rows.html" if "HX-Request" in request.headers else "queue.html",
            query=query,
            items=page.items,
            disagreeing=page.disagreeing,
            hidden=hidden_of(review_queue, page.items, user),
            sees_patients=sees_patients,
            subjects=subjects({each.study_instance_uid for each in page.items})
            if sees_patients
            else {},
            longest_search=LONGEST,
            searched=searches.words(user, query.search),
            found_too_many=studies is not None and len(studies) >= MOST_STUDIES,
            next_page=query.url(after=page.next) if page.next else "",
            counts=_counts(review_queue.counts(_MOST_COUNTED + 1)),
            choices=review_queue.choices(),
            sorts=_sorts(query, user),
            is_blind=query.is_blind_for(user),
            session_lengths=sitting.CHOICES,
            now=clock(),
        )

    @router.post(PATH + "/search")
    def search(
        request: Request, user: Reviewing, words: Annotated[str, Form(max_length=1024)] = ""
    ) -> Response:
        if not user.may(Permission.IMAGES):
            raise NotAllowedError(refusal(Permission.IMAGES))
        if words.strip():
            asking = Peer(name=user.name, address=address(request))
            record(
                request,
                events.query(asking, at=now(request), service=request.url.path, asked=words),
            )
        query = replace(last_queue(request, user), search=searches.begin(user, words), after="")
        return RedirectResponse(query.url(), status_code=303)

    @router.post(PATH + "/reads-first")
    def reads_first(
        request: Request, user: Reviewing, wanted: Annotated[str, Form()] = ""
    ) -> Response:
        set_reads_first(user.name, bool(wanted))
        return RedirectResponse(last_queue(request, user).url(), status_code=303)

    @router.post(PATH + "/next")
    def next_item(request: Request, user: Reviewing, cases: Annotated[int, Form()] = 0) -> Response:
        sitting.begin(request, cases, int(clock().timestamp()))
        wanted, sort = following(searches, user, request)
        item = review_queue.take_next(reviewer(user), wanted, sort)
        where = f"{PATH}/items/{item.item_id}" if item else last_queue(request, user).url()
        return RedirectResponse(where, status_code=303)


def remember_queue(request: Request, query: QueueQuery) -> None:
    """Keep which queue this session looks at; the same one again is no reason for a new cookie."""
    words = query.url().partition("?")[2]
    if request.session.get("queue") != words:
        request.session["queue"] = words


def last_queue(request: Request, user: User) -> QueueQuery:
    """Return the queue that this session looked at last, as far as the user may ask for it."""
    words = dict(parse_qsl(request.session.get("queue", "")))
    return QueueQuery.from_words(words).for_reader(user)


def following(searches: PatientSearches, user: User, request: Request) -> tuple[ItemFilter, Sort]:
    """Return of which items, and in which order, somebody reads the next one."""
    query = last_queue(request, user)
    studies = searches.studies(user, query.search)
    wanted = query.filter_for(user, studies)
    if query.shown not in (Shown.OPEN, Shown.WAITING, Shown.ADJUDICATING) or query.mine:
        query = replace(query, shown=Shown.OPEN, mine=False).for_reader(user)
        wanted = QueueQuery().filter_for(user, studies)
    return wanted, query.sort


def _sorts(query: QueueQuery, user: User) -> Mapping[Sort, str]:
    """Return the orders that somebody may choose."""
    offered = [each for each in Sort if replace(query, sort=each).for_reader(user).sort is each]
    return {each: SORT_TITLES[each] for each in offered}


def _counts(counts: Mapping[ReviewState, int]) -> dict[Shown, str]:
    """Say how many items each choice of the queue would show: what is many is not counted out."""
    sums = {shown: sum(counts.get(state, 0) for state in shown.states) for shown in Shown}
    return {
        shown: str(count) if count <= _MOST_COUNTED else f"{_MOST_COUNTED}+"
        for shown, count in sums.items()
    }
