"""The pages of studies as operators see them: no patient is named, and no image is shown."""

from datetime import datetime

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from dicom_node.administration.administration import Administration
from dicom_node.administration.studies import Place, Standing
from dicom_node.administration.whose import NamedPatients
from dicom_node.domain.study import StudyRecord, StudyState
from dicom_node.domain.user import Permission, User
from dicom_node.errors import ConflictError, InvalidFieldsError, StaleEntryError
from dicom_node.web.administration.forms import FormState, Posted, typed
from dicom_node.web.formatting import sentence
from dicom_node.web.frame import Frame
from dicom_node.web.records import Accesses
from dicom_node.web.review.reading_first import WithheldFrom
from dicom_node.web.sessions import Looking, Operating, SeeingPatients, tell

PATH = "/studies"
PAGE = 50
_BETWEEN = "~"


def make_router(
    frame: Frame, administration: Administration, *, withheld: WithheldFrom
) -> APIRouter:
    """Return the routes of the lists, of one study, and of what its buttons do."""
    router = APIRouter()
    pages = StudyPages(frame, administration, withheld)
    _add_looking(router, pages)
    _add_mending(router, administration)
    _add_deciding(router, pages)
    return router


class StudyPages:
    """Shows the list of studies, and one with what may be decided of it."""

    def __init__(
        self, frame: Frame, administration: Administration, withheld: WithheldFrom
    ) -> None:
        self.studies, self.whose = administration.studies, administration.whose
        self.frame = frame
        self.clock = administration.operations.clock
        self._withheld = withheld
        self._accesses = Accesses()

    def one(
        self,
        request: Request,
        user: User,
        uid: str,
        *,
        state: FormState | None = None,
        status: int = 200,
    ) -> Response:
        """Show one study; ``state`` is that of the form that says whose it is."""
        detail = self.studies.detail(uid)
        named = self._named(request, user, detail.study)
        return self.frame.page(
            request,
            user,
            "study_detail.html",
            status=status,
            detail=detail,
            can_be_analysed=self.studies.can_be_analysed(detail.study),
            # What kinds of objects were made tells whether something was found.
            is_withheld=user.may(Permission.REVIEW) and self._withheld(user, uid),
            named=named,
            state=state or FormState(values={}, version=named.version if named else ""),
            now=self.clock(),
        )

    def _named(self, request: Request, user: User, study: StudyRecord) -> NamedPatients | None:
        """Return whom an undecided study names, for who may see patients and decide."""
        if study.state is not StudyState.UNDECIDED or not may_decide(user):
            return None
        named = self.whose.named(study.study_instance_uid)
        for each in named.patients:
            self._accesses.seen(
                request,
                study.study_instance_uid,
                user=user.name,
                how="whose",
                patient=each.patient_id,
            )
        return named


def may_decide(user: User) -> bool:
    """Whether somebody may say whose a study is: who operates the node, and may see patients."""
    return user.may(Permission.OPERATE) and user.may(Permission.IMAGES)


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


def _add_looking(router: APIRouter, pages: StudyPages) -> None:
    studies = pages.studies

    @router.get(PATH)
    def listed(
        request: Request, user: Looking, shown: Standing = Standing.ALL, after: str = ""
    ) -> Response:
        # One more than a page has: whether there is another page.
        found = studies.listed(shown, PAGE + 1, after=read_place(after))
        return pages.frame.page(
            request,
            user,
            "studies.html",
            studies=found[:PAGE],
            can_be_analysed=studies.can_be_analysed,
            shown=shown,
            counts=studies.counts(),
            following=place_of(found[PAGE - 1]) if len(found) > PAGE else "",
            now=pages.clock(),
        )

    @router.get(PATH + "/{uid}")
    def one(request: Request, user: Looking, uid: str) -> Response:
        return pages.one(request, user, uid)


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


def _add_deciding(router: APIRouter, pages: StudyPages) -> None:
    @router.post(PATH + "/{uid}/patient")
    def decide(request: Request, user: SeeingPatients, form: Posted, uid: str) -> Response:
        said, version = typed(form, flags=("is_same",)), str(form.get("version", ""))
        state = FormState(values=said, version=version)
        try:
            pages.whose.decide(
                uid,
                said.get("mark", ""),
                is_same=said["is_same"],
                why=said.get("why", ""),
                actor=user.name,
                version=version,
            )
        except InvalidFieldsError as error:
            state = FormState(values=said, version=version, wrong=error.fields)
            return pages.one(request, user, uid, state=state, status=422)
        except StaleEntryError as error:
            state = FormState(values=said, version=version, problem=str(error))
            return pages.one(request, user, uid, state=state, status=409)
        tell(request, "It is decided: the study is analysed within moments.")
        return RedirectResponse(f"{PATH}/{uid}", status_code=303)
