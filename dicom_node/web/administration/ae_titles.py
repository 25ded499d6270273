"""The pages of AE titles: who may call, and who gets results."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData

from dicom_node.administration.administration import Administration
from dicom_node.administration.ae_titles import AE_TITLE_ENTRY
from dicom_node.domain.application_entity import (
    ADMINISTERED_EVIDENCE,
    ApplicationEntity,
    Compression,
    Role,
)
from dicom_node.domain.user import User
from dicom_node.domain.version import version_of
from dicom_node.errors import (
    ConfigurationError,
    ConflictError,
    InvalidFieldsError,
    NodeError,
)
from dicom_node.web.administration.forms import FormState, Posted, typed, words_of
from dicom_node.web.formatting import sentence
from dicom_node.web.frame import Frame
from dicom_node.web.sessions import Configuring, Looking, Operating, tell
from sr_templates.evidence_kind import EVIDENCE
from sr_templates.language.language import OWN_NAMES

PATH = "/ae-titles"
_LISTS, _FLAGS = ("roles", "destinations", "evidence"), ("tls", "beside")
_WORDS = ("callers", "certificates")
_NEW = {
    "port": 104,
    "roles": ["modality"],
    "quiet_period": 2,
    "patience": 600,
    "evidence": ["sr", "sc"],
    "callers": ["host"],
}


def make_router(frame: Frame, administration: Administration) -> APIRouter:
    """Return the routes of the list and of the form."""
    pages = _Pages(frame, administration)
    router = APIRouter()
    _add_looking(router, pages)
    _add_changing(router, pages)
    _add_credentials(router, pages)
    return router


class _Pages:
    def __init__(self, frame: Frame, administration: Administration) -> None:
        self.titles = administration.ae_titles
        self._frame = frame
        self._calibrations = administration.calibrations

    def listed(self, request: Request, user: User) -> Response:
        return self._frame.page(
            request,
            user,
            "ae_titles.html",
            entries=self.titles.all(),
            own=self.titles.own,
            host=request.url.hostname,
        )

    def form(
        self, request: Request, user: User, state: FormState, title: str, status: int = 200
    ) -> Response:
        """Show the form of the entry ``title``, or of a new one where that is empty."""
        return self._frame.page(
            request,
            user,
            "ae_title.html",
            status=status,
            state=state,
            title=title,
            calibrations=self._calibrations(title) if title else (),
            own=self.titles.own,
            host=request.url.hostname,
            has_credential=bool(title) and self.titles.has_credential(title),
            others=[each.title for each in self.titles.all() if Role.PACS in each.roles],
            roles=list(Role),
            evidence=[EVIDENCE[kind] for kind in ADMINISTERED_EVIDENCE],
            compressions=list(Compression),
            languages=[(code.value, name) for code, name in OWN_NAMES.items()],
        )

    def taken(self, said: Mapping[str, Any]) -> Mapping[str, str]:
        """Say of the title of a new entry that there is one already, whatever else is wrong."""
        title = str(said.get("title", ""))
        if all(each.title != title for each in self.titles.all()):
            return {}
        return {"title": f"AE title {title} is administered already: change that entry."}


def _add_looking(router: APIRouter, pages: _Pages) -> None:
    @router.get(PATH)
    def listed(request: Request, user: Looking) -> Response:
        return pages.listed(request, user)

    @router.get(PATH + "/new")
    def new(request: Request, user: Configuring, role: Role = Role.MODALITY) -> Response:
        return pages.form(request, user, FormState(values={**_NEW, "roles": [role]}), "")

    @router.get(PATH + "/entry")
    def entry(request: Request, user: Looking, title: str) -> Response:
        return pages.form(request, user, _as_it_is(pages.titles.get(title)), title)

    @router.post(PATH + "/echo")
    def echo(request: Request, user: Operating, form: Posted) -> Response:
        del user
        title = str(form.get("title", ""))
        try:
            seconds = pages.titles.echo(title)
            tell(request, f"{title} answered the C-ECHO in {seconds * 1000:.0f} ms.")
        except NodeError as error:
            tell(request, f"The C-ECHO failed: {sentence(str(error))}")
        return RedirectResponse(PATH, status_code=303)


def _add_changing(router: APIRouter, pages: _Pages) -> None:
    @router.post(PATH + "/new")
    def add(request: Request, user: Configuring, form: Posted) -> Response:
        said = _said(form)
        try:
            entity = pages.titles.read(said)
            pages.titles.add(entity, actor=user.name)
        except InvalidFieldsError as error:
            state = FormState(values=said, wrong={**pages.taken(said), **error.fields})
            return pages.form(request, user, state, "", status=422)
        except ConflictError as error:
            wrong = {"title": sentence(str(error))}
            return pages.form(request, user, FormState(values=said, wrong=wrong), "", status=409)
        tell(request, f"{entity.title} is added: it counts from the next association on.")
        return RedirectResponse(PATH, status_code=303)

    @router.post(PATH + "/entry")
    def change(request: Request, user: Configuring, form: Posted, title: str) -> Response:
        said = _said(form) | {"title": title}
        version = str(form.get("version", ""))
        state = FormState(values=said, version=version)
        try:
            # What the form does not show stays as it is.
            entity = pages.titles.read({**_values(pages.titles.get(title)), **said})
            pages.titles.change(entity, version=version, actor=user.name)
        except InvalidFieldsError as error:
            state = FormState(values=said, version=version, wrong=error.fields)
            return pages.form(request, user, state, title, status=422)
        except ConflictError as error:
            state = FormState(values=said, version=version, problem=str(error))
            return pages.form(request, user, state, title, status=409)
        tell(request, f"{title} is changed: it counts from the next association on.")
        return RedirectResponse(PATH, status_code=303)

    @router.post(PATH + "/remove")
    def remove(request: Request, user: Configuring, form: Posted) -> Response:
        title = str(form.get("title", ""))
        pages.titles.remove(title, actor=user.name, version=str(form.get("version", "")))
        tell(request, f"{title} is removed: it is refused from its next association on.")
        return RedirectResponse(PATH, status_code=303)


def _add_credentials(router: APIRouter, pages: _Pages) -> None:
    @router.post(PATH + "/credential")
    def credential(request: Request, user: Configuring, form: Posted) -> Response:
        title = str(form.get("title", ""))
        try:
            if form.get("forget"):
                pages.titles.forget_credential(title, actor=user.name)
                tell(request, f"Nothing opens {title} any more.")
            else:
                who, secret = str(form.get("user", "")).strip(), str(form.get("secret", ""))
                pages.titles.keep_credential(title, user=who, secret=secret, actor=user.name)
                tell(request, "The credential is kept: it is used from the next request on.")
        except ConfigurationError as error:
            tell(request, f"Not kept: {error}")
        return RedirectResponse(f"{PATH}/entry?title={quote(title)}", status_code=303)


def _said(form: FormData) -> dict[str, Any]:
    said = typed(form, lists=_LISTS, flags=_FLAGS)
    words = {name: words_of(said[name]) for name in _WORDS if name in said}
    return said | words


def _as_it_is(entity: ApplicationEntity) -> FormState:
    return FormState(values=_values(entity), version=version_of(entity))


def _values(entity: ApplicationEntity) -> dict[str, Any]:
    values: dict[str, Any] = AE_TITLE_ENTRY.dump_python(entity, mode="json")
    return values
