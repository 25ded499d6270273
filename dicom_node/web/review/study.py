"""The view of one study: its images, what the model found, and room for the expert's verdict."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from fastapi import APIRouter, Request, Response

from dicom_node.domain.review.ct import BOUNDS, PATTERNS
from dicom_node.domain.review.first_reading import ReadFirstError
from dicom_node.domain.review.queue import ReviewQueue
from dicom_node.domain.review.review import ReviewDetails, ReviewItem
from dicom_node.domain.review.terms import TERMS
from dicom_node.domain.user import User
from dicom_node.errors import NotFoundError
from dicom_node.web.frame import Frame
from dicom_node.web.records import Accesses
from dicom_node.web.review.made import made_lines
from dicom_node.web.review.people import reviewer
from dicom_node.web.review.queue import PATH, last_queue
from dicom_node.web.review.reading_first import asked_of, hidden_of, without_result
from dicom_node.web.review.remarks import remark_lines
from dicom_node.web.review.searching import PatientSearches
from dicom_node.web.review.sitting import sitting_of
from dicom_node.web.review.viewing import heat_map_layer, images_for_viewer, viewer_data
from dicom_node.web.sessions import Reviewing

ITEM = PATH + "/items/{item_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyHeading:
    """Who and what the images show, for the reader's check that it is the right patient."""

    patient_name: str
    patient_id: str
    birth_date: str
    sex: str
    study_date: str
    description: str
    accession_number: str = ""


class StudyHeadings(Protocol):
    """Reads the headings of studies from their images."""

    def __call__(self, sop_instance_uid: str) -> StudyHeading | None:
        """Return the heading in one image's header; None where the image cannot be read."""


class StudyView:
    """Renders the study view, whole or only its panel."""

    def __init__(
        self,
        frame: Frame,
        review_queue: ReviewQueue,
        headings: StudyHeadings,
        clock: Callable[[], datetime],
    ) -> None:
        self._frame = frame
        self._review_queue = review_queue
        self._headings = headings
        self._clock = clock
        self._accesses = Accesses()

    def whole(self, request: Request, user: User, item_id: str) -> Response:
        """Return the whole page."""
        return self._rendered(request, user, item_id, "study.html")

    def panel(self, request: Request, user: User, item_id: str, signed: str = "") -> Response:
        """Return the panel beside the image, for HTMX to put in its place.

        ``signed`` is the item that has just been decided.
        """
        return self._rendered(request, user, item_id, "study_panel.html", signed)

    def check_shown(self, item: ReviewItem, user: User) -> None:
        """Refuse what shows the model's result to somebody who must say first what is to be seen.

        Raises
        ------
        ReadFirstError
        """
        if hidden_of(self._review_queue, (item,), user):
            raise ReadFirstError("say first what you see: the result is shown then.")

    def _rendered(
        self, request: Request, user: User, item_id: str, template: str, signed: str = ""
    ) -> Response:
        who = reviewer(user)
        details = self._review_queue.open(item_id, who)
        first = self._review_queue.first_reading(item_id, user.name)
        hidden = bool(hidden_of(self._review_queue, (details.item,), user))
        asked = asked_of(details)
        if hidden:
            details = without_result(details)
        now = self._clock()
        item = details.item
        held = item.is_held(now)
        heading = self._heading(details)
        self._accesses.seen(
            request,
            item.study_instance_uid,
            user=user.name,
            how="page",
            patient=heading.patient_id if heading else "",
        )
        return self._frame.page(
            request,
            user,
            template,
            details=details,
            item=item,
            state=item.state_at(now),
            heading=heading,
            data=viewer_data(details) | {"hidden": hidden},
            hidden=hidden,
            asked=asked,
            first=first,
            remarks=remark_lines(details),
            made=made_lines(details),
            signed=signed,
            sitting=sitting_of(request),
            terms=TERMS.values(),
            patterns=PATTERNS,
            bounds=BOUNDS,
            mine=held and item.holder == who.user_name,
            held=held,
            claimable=item.is_open and not held,
            may_verify=who.may_verify,
            queue_url=last_queue(request, user).url(),
        )

    def _heading(self, details: ReviewDetails) -> StudyHeading | None:
        return self._headings(details.images[0].sop_instance_uid) if details.images else None


def add_routes(
    router: APIRouter, review_queue: ReviewQueue, searches: PatientSearches, view: StudyView
) -> None:
    """Add the routes that only look."""

    @router.get(ITEM)
    def study(request: Request, item_id: str, user: Reviewing) -> Response:
        return view.whole(request, user, item_id)

    @router.get(ITEM + "/next")
    def preload(request: Request, item_id: str, user: Reviewing) -> dict[str, Any]:
        query = last_queue(request, user)
        who = reviewer(user)
        wanted = query.filter_for(user, searches.studies(user, query.search))
        following = review_queue.next_for(who, wanted, query.sort, after=item_id)
        if following is None:
            return {"images": []}
        return {"images": images_for_viewer(review_queue.open(following.item_id, who))}

    @router.get(ITEM + "/contours")
    def contours(item_id: str, user: Reviewing) -> Response:
        view.check_shown(review_queue.item(item_id), user)
        return Response(
            review_queue.contours(item_id),
            media_type="application/json",
            headers={"Content-Encoding": "gzip"},
        )

    @router.get(ITEM + "/heat-maps/{number}.png")
    def heat_map(item_id: str, number: int, user: Reviewing) -> Response:
        details = review_queue.open(item_id, reviewer(user))
        view.check_shown(details.item, user)
        if not 0 <= number < len(details.findings):
            raise NotFoundError("there is no such finding.")
        layer = heat_map_layer(details, details.findings[number])
        return Response(layer, media_type="image/png")
