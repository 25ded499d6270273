"""The page of the audit trail: who changed what, and when."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from dicom_node.administration.administration import Administration
from dicom_node.web.frame import Frame
from dicom_node.web.sessions import ManagingPeople

PATH = "/changes"
_PAGE = 100
_MOST = 2**53


def make_router(frame: Frame, administration: Administration) -> APIRouter:
    """Return the routes of the audit trail."""
    router = APIRouter()

    @router.get(PATH)
    def changes(
        request: Request,
        user: ManagingPeople,
        before: Annotated[int | None, Query(ge=1, le=_MOST)] = None,
    ) -> Response:
        found = administration.changes.recent(_PAGE + 1, before=before)
        return frame.page(
            request,
            user,
            "changes.html",
            changes=[change for _, change in found[:_PAGE]],
            following=found[_PAGE - 1][0] if len(found) > _PAGE else None,
        )

    return router
