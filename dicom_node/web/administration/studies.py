"""The pages of studies as operators see them: no patient is named, and no image is shown."""

from datetime import datetime

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from dicom_node.administration.administration import Administration
from dicom_node.administration.studies import Place, Standing
from dicom_node.domain.study import StudyRecord
from dicom_node.domain.user import Permission
from dicom_node.errors import ConflictError
from dicom_node.web.formatting import sentence
from dicom_node.web.frame import Frame
from dicom_node.web.review.reading_first import WithheldFrom
from dicom_node.web.sessions import Looking, Operating, tell

PATH = "/studies"
PAGE = 50
_BETWEEN = "~"


def make_router(
    frame: Frame, administration: Administration, *, withheld: WithheldFrom
) -> APIRouter:
    """Return the routes of the lists, of one study, and of what its buttons do."""
    router = APIRouter()
    _add_looking(router, frame, administration, withheld)
    _add_mending(router, administration)
    return router


def place_of(study: StudyRecord) -> str:
    """Return where a page ends, as a word of an address."""
    return f"{study.last_received_at.isoformat()}{_BETWEEN}{study.study_instance_uid}"


def read_place(words: str) -> Place | None:
    """Return the place that a word of an address names; None for an empty one.

    Raises
    ------
    HTTPException
        400 where it names none.
    """
    if not words:
        return None
    moment, _, uid = words.partition(_BETWEEN)
    try:
        at = datetime.fromisoformat(moment)
    except ValueError as error:
        raise HTTPException(400, "after: this is no place in a list.") from error
    if at.tzinfo is None or not uid:
        raise HTTPException(400, "after: this is no place in a list.")
    return at, uid


def _add_looking(
    router: APIRouter, frame: Frame, administration: Administration, withheld: WithheldFrom
) -> None:
    studies = administration.studies

    @router.get(PATH)
    def listed(
        request: Request, user: Looking, shown: Standing = Standing.ALL, after: str = ""
    ) -> Response:
        # One more than a page has: whether there is another page.
        found = studies.listed(shown, PAGE + 1, after=read_place(after))
        return frame.page(
            request,
            user,
            "studies.html",
            studies=found[:PAGE],
            can_be_analysed=studies.can_be_analysed,
            shown=shown,
            counts=studies.counts(),
            following=place_of(found[PAGE - 1]) if len(found) > PAGE else "",
            now=administration.operations.clock(),
        )

    @router.get(PATH + "/{uid}")
    def one(request: Request, user: Looking, uid: str) -> Response:
        detail = studies.detail(uid)
        return frame.page(
            request,
            user,
            "study_detail.html",
            detail=detail,
            can_be_analysed=studies.can_be_analysed(detail.study),
            # What kinds of objects were made tells whether something was found.
            is_withheld=user.may(Permission.REVIEW) and withheld(user, uid),
            now=administration.operations.clock(),
        )


def _add_mending(router: APIRouter, administration: Administration) -> None:
    studies = administration.studies

    @router.post(PATH + "/{uid}/rerun")
    def rerun(request: Request, user: Operating, uid: str) -> Response:
        studies.rerun(uid, actor=user.name)
        tell(request, "The study is routed and analysed again within moments.")
        return RedirectResponse(f"{PATH}/{uid}", status_code=303)

    @router.post(PATH + "/{uid}/resend")
    def resend(request: Request, user: Operating, uid: str) -> Response:
        try:
            count = studies.resend(uid, actor=user.name)
            tell(request, f"Results are sent again: {count} to go.")
        except ConflictError as error:
            tell(request, sentence(str(error)))
        return RedirectResponse(f"{PATH}/{uid}", status_code=303)
