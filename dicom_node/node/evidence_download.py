"""What the node has made of a study, as one file to take away."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from dicom_node.audit import events
from dicom_node.audit.events import StudyPart
from dicom_node.dicomweb.packaged import zipped
from dicom_node.domain.user import Permission
from dicom_node.errors import NotFoundError
from dicom_node.node.archive_catalogue import ArchiveCatalogue
from dicom_node.web.api.callers import Caller, needing
from dicom_node.web.head_requests import is_bodiless
from dicom_node.web.records import address, now, record
from dicom_node.web.review.reading_first import WithheldFrom

MayReadImages = Annotated[Caller, Depends(needing(Permission.IMAGES))]


def make_evidence_download(catalogue: ArchiveCatalogue, withheld: WithheldFrom) -> APIRouter:
    """Return the route; each download is audited."""
    router = APIRouter(tags=["Studies"])

    @router.get("/studies/{uid}/evidence")
    def download_evidence(request: Request, who: MayReadImages, uid: str) -> Response:
        """Download what the node has made of a study: a zip file of DICOM objects.

        The token needs the scope `images`. A reader who must read the study first gets nothing.
        """
        made = catalogue.made(uid)
        is_withheld = Permission.REVIEW in who.permissions and withheld(who.user, uid)
        if not made or is_withheld:
            why = ""
            if not is_withheld and catalogue.has_removed(uid):
                why = ": its results were removed here by retention, and are where they were sent"
            raise NotFoundError(f"nothing of study {uid} can be downloaded{why}.")
        if not is_bodiless(request):
            record(
                request,
                events.accessed(
                    StudyPart(study=uid, classes={}),
                    user=who.actor,
                    address=address(request),
                    at=now(request),
                    how="evidence download",
                ),
            )
        return zipped(made, uid, prefix="evidence-")

    return router
