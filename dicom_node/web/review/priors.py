"""Earlier studies of the patient beside the one that is read: their images, what came of them.

A pane of the reading page, fetched by itself: a page never waits for an archive.
"""

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from dicom_node.domain.review.queue import ReviewQueue
from dicom_node.web.frame import Frame
from dicom_node.web.records import Accesses
from dicom_node.web.review.people import reviewer
from dicom_node.web.review.queue import PATH
from dicom_node.web.sessions import Reviewing


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownImage:
    """An image as a page shows it: the address below which it is rendered, and which frame."""

    address: str
    frame: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPrior:
    """One earlier study: ``results`` are what was verified of it, ``note`` what is amiss."""

    study_instance_uid: str
    day: str
    description: str
    images: tuple[ShownImage, ...]
    results: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPriors:
    """The earlier studies of a study, the newest first; ``note`` says why there may be more.

    ``is_awaited``: an archive is being asked.
    """

    priors: tuple[ShownPrior, ...] = ()
    note: str = ""
    is_awaited: bool = False


FindPriors = Callable[[str], ShownPriors]


def no_priors(_study_instance_uid: str) -> ShownPriors:
    """Show none."""
    return ShownPriors()


def add_routes(
    router: APIRouter, frame: Frame, review_queue: ReviewQueue, find_priors: FindPriors
) -> None:
    """Add the pane's route."""
    accesses = Accesses()

    @router.get(PATH + "/items/{item_id}/priors")
    def priors(request: Request, item_id: str, user: Reviewing) -> Response:
        item = review_queue.open(item_id, reviewer(user)).item
        shown = find_priors(item.study_instance_uid)
        for each in shown.priors:
            accesses.seen(request, each.study_instance_uid, user=user.name, how="page")
        return frame.page(
            request,
            user,
            "study_priors.html",
            shown=shown,
            path=f"{PATH}/items/{item_id}/priors",
        )
