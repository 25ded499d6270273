"""Taking a verdict back."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from dicom_node.audit import events
from dicom_node.audit.events import StudyPart
from dicom_node.domain.review.queue import ReviewQueue
from dicom_node.domain.review.review import ReviewItem
from dicom_node.domain.review.words import one_line
from dicom_node.domain.user import User
from dicom_node.errors import InvalidFieldsError
from dicom_node.web.records import address, now, record
from dicom_node.web.review.deciding import go
from dicom_node.web.review.people import reviewer
from dicom_node.web.review.queue import PATH
from dicom_node.web.review.study import ITEM, StudyView
from dicom_node.web.review.verdict_form import LONGEST_COMMENT
from dicom_node.web.sessions import Reviewing


def add_routes(router: APIRouter, review_queue: ReviewQueue, view: StudyView) -> None:
    """Add the route that takes a verdict back."""

    @router.post(ITEM + "/reopen")
    def reopen(
        request: Request,
        item_id: str,
        user: Reviewing,
        reason: Annotated[str, Form()] = "",
    ) -> Response:
        if len(one_line(reason)) > LONGEST_COMMENT:
            words = f"a reason has at most {LONGEST_COMMENT} characters"
            raise InvalidFieldsError("this reason", {"reason": words})
        taken_back(request, review_queue, item_id, reason, user=user, actor=user.name)
        if "HX-Request" in request.headers:
            return view.panel(request, user, item_id)
        return go(request, f"{PATH}/items/{item_id}")


def taken_back(
    request: Request,
    review_queue: ReviewQueue,
    item_id: str,
    reason: str,
    *,
    user: User,
    actor: str,
) -> ReviewItem:
    """Take a verdict back, and tell the audit trail that ``actor`` did; return the item."""
    item = review_queue.reopen(item_id, reviewer(user), reason)
    record(
        request,
        events.reopening(
            StudyPart(study=item.study_instance_uid, classes={}),
            user=actor,
            address=address(request),
            at=now(request),
            item=item_id,
            why=reason,
        ),
    )
    return item
