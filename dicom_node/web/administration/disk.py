"""The page of disks: what room there is, how long images stay, and what goes next."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from dicom_node.administration.administration import Administration
from dicom_node.web.frame import Frame
from dicom_node.web.sessions import Looking

PATH = "/disk"


def make_router(frame: Frame, administration: Administration) -> APIRouter:
    """Return the route of the disks."""
    disk = administration.disk
    router = APIRouter()

    @router.get(PATH)
    def shown(request: Request, user: Looking, going: Annotated[bool, Query()] = False) -> Response:
        return frame.page(
            request,
            user,
            "disk.html",
            rooms=disk.rooms(),
            keeping=disk.keeping,
            # Looks at every settled study: only when somebody asks.
            going=disk.going() if going else None,
        )

    return router
