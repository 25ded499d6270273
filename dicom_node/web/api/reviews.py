"""Verdicts over REST: how a review item stands, what was said of it, and taking it back."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from pydantic import TypeAdapter

from dicom_node.domain.review.queue import ReviewQueue
from dicom_node.domain.review.review import Reopening, ReviewItem, ReviewState, Verdict
from dicom_node.domain.user import User
from dicom_node.web.api.callers import MayReview
from dicom_node.web.review.reading_first import hidden_of
from dicom_node.web.review.reopening import taken_back
from dicom_node.web.review.verdict_form import LONGEST_COMMENT

_ITEM = "/reviews/{item_id}"
_VERDICTS: TypeAdapter[tuple[Verdict, ...]] = TypeAdapter(tuple[Verdict, ...])
_HISTORY: TypeAdapter[tuple[Reopening, ...]] = TypeAdapter(tuple[Reopening, ...])
Reason = Annotated[str, Body(embed=True, min_length=1, max_length=LONGEST_COMMENT)]


def make_router(review_queue: ReviewQueue) -> APIRouter:
    """Return the routes of review items."""
    router = APIRouter(tags=["Reviews"])

    @router.get(_ITEM)
    def read_review(who: MayReview, item_id: str) -> dict[str, Any]:
        """Read how an item stands; what was said of it, and what was taken back, once decided.

        What the model says is in no answer, and what others said of it in none to a reader who
        must read the study first.
        """
        return _body(review_queue, review_queue.item(item_id), who.user)

    @router.post(_ITEM + "/reopen")
    def reopen_review(
        request: Request, who: MayReview, item_id: str, reason: Reason
    ) -> dict[str, Any]:
        """Take a verdict back: the item is held by who asks, and its next verdict replaces it."""
        item = taken_back(request, review_queue, item_id, reason, user=who.user, actor=who.actor)
        return _body(review_queue, item, who.user)

    return router


def _body(review_queue: ReviewQueue, item: ReviewItem, user: User) -> dict[str, Any]:
    is_told = item.item_id not in hidden_of(review_queue, [item], user)
    is_decided = item.state is ReviewState.DECIDED
    readings = review_queue.readings(item.item_id) if is_decided and is_told else ()
    history = review_queue.history(item.item_id) if item.reopened and is_told else ()
    return {
        "item_id": item.item_id,
        "study_instance_uid": item.study_instance_uid,
        "state": item.state.value,
        "holder": item.holder,
        "claimed_until": item.claimed_until,
        "decided_by": item.decided_by,
        "decided_at": item.decided_at,
        "superseded_by": item.superseded_by,
        "readings": _VERDICTS.dump_python(readings, mode="json"),
        "history": _HISTORY.dump_python(history, mode="json"),
    }
