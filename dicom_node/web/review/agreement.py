"""The page of agreement between readers and models, with and without having read first."""

from fastapi import APIRouter, Request, Response

from dicom_node.domain.review.first_reading import agreements
from dicom_node.domain.review.queue import ReviewQueue
from dicom_node.web.frame import Frame
from dicom_node.web.sessions import WatchingDevices

PATH = "/worklist/agreement"
MOST_ITEMS = 5_000


def add_routes(router: APIRouter, frame: Frame, review_queue: ReviewQueue) -> None:
    """Add the page."""

    @router.get(PATH)
    def agreement(request: Request, user: WatchingDevices) -> Response:
        return frame.page(
            request,
            user,
            "agreement.html",
            rows=agreements(review_queue.judged_labels(MOST_ITEMS)),
            most=MOST_ITEMS,
        )
