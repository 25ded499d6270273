"""All routes of the worklist's pages."""

from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter

from dicom_node.domain.worklist import Worklist
from dicom_node.web.frame import Frame
from dicom_node.web.worklist import deciding, queue, study
from dicom_node.web.worklist.study import StudyHeadings, StudyView


def make_router(
    frame: Frame, worklist: Worklist, headings: StudyHeadings, clock: Callable[[], datetime]
) -> APIRouter:
    """Return the routes of queue and study view."""
    router = APIRouter()
    view = StudyView(frame, worklist, headings, clock)
    queue.add_routes(router, frame, worklist, clock)
    study.add_routes(router, worklist, view)
    deciding.add_routes(router, worklist, view)
    return router
