"""The first page of who operates the node: what came, what waits, what failed, what to do."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from dicom_node.administration.administration import Administration
from dicom_node.web.frame import Frame
from dicom_node.web.sessions import Looking, Operating, tell

PATH = "/overview"


def make_router(frame: Frame, administration: Administration) -> APIRouter:
    """Return the routes of the overview, and of what its buttons do."""
    router = APIRouter()

    @router.get(PATH)
    def overview(request: Request, user: Looking) -> Response:
        part = "HX-Request" in request.headers
        return frame.page(
            request,
            user,
            "overview_parts.html" if part else "overview.html",
            seen=administration.operations.overview(),
            peers={each.title for each in administration.ae_titles.all()},
        )

    @router.post(PATH + "/rerun")
    def rerun_failed(request: Request, user: Operating) -> Response:
        count = administration.studies.rerun_failed(actor=user.name)
        tell(request, f"{_counted(count, 'failed study', 'failed studies')} will be tried again.")
        return RedirectResponse(PATH, status_code=303)

    @router.post(PATH + "/retry")
    def retry_deliveries(request: Request, user: Operating) -> Response:
        count = administration.deliveries.retry(actor=user.name)
        tell(request, f"{_counted(count, 'delivery', 'deliveries')} will be tried again.")
        return RedirectResponse(PATH, status_code=303)

    return router


def _counted(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}"
