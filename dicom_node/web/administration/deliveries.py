"""The page of deliveries that were given up: why, and another chance in bulk."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from dicom_node.administration.administration import Administration
from dicom_node.web.administration.forms import Posted
from dicom_node.web.frame import Frame
from dicom_node.web.sessions import Looking, Operating, tell

PATH = "/deliveries"
_SHOWN = 100


def make_router(frame: Frame, administration: Administration) -> APIRouter:
    """Return the routes of given-up deliveries."""
    deliveries = administration.deliveries
    router = APIRouter()

    @router.get(PATH)
    def listed(request: Request, user: Looking, destination: str = "") -> Response:
        seen = administration.operations
        return frame.page(
            request,
            user,
            "deliveries.html",
            given_up=deliveries.given_up(destination, limit=_SHOWN),
            destination=destination,
            destinations=[each for each in seen.destinations() if each.failed or each.waiting],
            study_of=deliveries.study_of,
            now=seen.clock(),
        )

    @router.post(PATH + "/retry")
    def retry(request: Request, user: Operating, form: Posted) -> Response:
        destination = str(form.get("destination", ""))
        count = deliveries.retry(actor=user.name, destination=destination)
        what = "delivery" if count == 1 else "deliveries"
        tell(request, f"{count} {what} to {destination or 'all'} will be tried again.")
        return RedirectResponse(PATH, status_code=303)

    return router
