"""All routes of the worklist's pages."""

from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter

from dicom_node.domain.review.queue import ReviewQueue
from dicom_node.web.frame import Frame
from dicom_node.web.review import agreement, deciding, priors, queue, reopening, study
from dicom_node.web.review.priors import FindPriors, no_priors
from dicom_node.web.review.queue import Subjects
from dicom_node.web.review.searching import FindStudies, PatientSearches
from dicom_node.web.review.study import StudyHeadings, StudyView


def make_router(
    frame: Frame,
    review_queue: ReviewQueue,
    headings: StudyHeadings,
    clock: Callable[[], datetime],
    *,
    subjects: Subjects,
    find_studies: FindStudies,
    set_reads_first: Callable[[str, bool], None],
    find_priors: FindPriors = no_priors,
) -> APIRouter:
    """Return the routes of queue and study view.

    ``subjects`` says who studies are of, and ``find_studies`` which ones words are about;
    ``set_reads_first`` keeps whether somebody wants to read before seeing results;
    ``find_priors`` gives the earlier studies that are shown beside one.
    """
    router = APIRouter()
    searches = PatientSearches(find_studies)
    view = StudyView(frame, review_queue, headings, clock)
    queue.add_routes(
        router,
        frame,
        review_queue,
        searches=searches,
        subjects=subjects,
        set_reads_first=set_reads_first,
        clock=clock,
    )
    agreement.add_routes(router, frame, review_queue)
    priors.add_routes(router, frame, review_queue, find_priors)
    study.add_routes(router, review_queue, searches, view)
    deciding.add_routes(router, review_queue, searches, view)
    reopening.add_routes(router, review_queue, view)
    return router
