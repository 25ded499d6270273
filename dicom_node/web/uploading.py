"""The upload page: files from a browser, over STOW-RS, and what becomes of them."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from dicom_node.administration.uploads import MOST_STUDIES, UploadedStudies
from dicom_node.domain.user import Permission
from dicom_node.web.frame import Frame
from dicom_node.web.review.reading_first import WithheldFrom
from dicom_node.web.sessions import Uploading

PATH = "/upload"
_LONGEST_UID = 64


def make_router(
    frame: Frame, studies: UploadedStudies, *, most_bytes: int, withheld: WithheldFrom
) -> APIRouter:
    """Return the routes of the page and of its live part; images come in by DICOMweb."""
    router = APIRouter()

    @router.get(PATH)
    def page(request: Request, user: Uploading) -> Response:
        return frame.page(request, user, "upload.html", most_bytes=most_bytes)

    @router.get(PATH + "/studies")
    def on_their_way(
        request: Request,
        user: Uploading,
        study: Annotated[tuple[str, ...], Query(max_length=MOST_STUDIES)] = (),
    ) -> Response:
        wanted = [uid for uid in study if len(uid) <= _LONGEST_UID]
        return frame.page(
            request,
            user,
            "upload_studies.html",
            studies=studies.on_their_way(wanted),
            wanted=wanted,
            # Who operates the node sees how far a study is, and nothing that was found.
            reads=user.may(Permission.IMAGES),
            withheld={uid for uid in wanted if withheld(user, uid)},
        )

    return router
