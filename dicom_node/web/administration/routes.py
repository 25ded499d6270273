"""The pages of routes: which model looks at which images, tried on what came before it counts."""

import tempfile
from pathlib import Path
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData, UploadFile

from dicom_node.administration.administration import Administration, ReadFile
from dicom_node.administration.entries import written
from dicom_node.administration.routes import ROUTE_ENTRY, Routes, Trial, replaced
from dicom_node.domain.application_entity import Role
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.reception import UnreadableDatasetError
from dicom_node.domain.route import Route
from dicom_node.domain.user import User
from dicom_node.domain.version import version_of
from dicom_node.errors import ConflictError, InvalidFieldsError
from dicom_node.web.administration.forms import FormState, Posted, typed, words_of
from dicom_node.web.frame import Frame
from dicom_node.web.sessions import Configuring, Looking, tell

PATH = "/routes"
_LISTED = (
    "modalities",
    "body_parts",
    "body_part_codes",
    "views",
    "excluded_image_types",
    "calling_ae_titles",
    "manufacturers",
    "descriptions",
    "destinations",
)
# Compared with what headers say in capitals.
_CAPITALS = frozenset({"modalities", "body_parts", "views", "excluded_image_types"})
_FLAGS = ("untagged_body_part", "pixels_decide", "reads_first", "urgent")
_LARGEST_FILE = 256 * 1024 * 1024


def make_router(frame: Frame, administration: Administration) -> APIRouter:
    """Return the routes of the list, the form, the trial and the explanation."""
    pages = _Pages(frame, administration)
    router = APIRouter()
    _add_looking(router, pages)
    _add_changing(router, pages)
    _add_removing(router, pages)
    _add_explaining(router, pages, administration.read_file)
    return router


class _Pages:
    def __init__(self, frame: Frame, administration: Administration) -> None:
        self.routes: Routes = administration.routes
        self._frame = frame
        self._models = administration.active_models
        self._titles = administration.ae_titles.all

    def listed(self, request: Request, user: User) -> Response:
        """Show the routes in their order."""
        return self._frame.page(request, user, "routes.html", found=self.routes.current())

    def form(
        self,
        request: Request,
        user: User,
        state: FormState,
        name: str,
        *,
        status: int = 200,
        trials: tuple[Trial, ...] | None = None,
    ) -> Response:
        """Show the form of a route, with what a trial found."""
        return self._frame.page(
            request,
            user,
            "route.html",
            status=status,
            state=state,
            name=name,
            models=self._models(),
            peers=[each.title for each in self._titles() if Role.PACS in each.roles],
            trials=trials,
            changed=[each for each in trials or () if each.before != each.after],
        )

    def explained(self, request: Request, user: User, **values: Any) -> Response:
        """Show the explanation of a file or study, or the form that asks for one."""
        return self._frame.page(
            request,
            user,
            "route_explain.html",
            **{"study": "", "problem": "", "explanations": None, "of": "", **values},
        )


def _add_looking(router: APIRouter, pages: _Pages) -> None:
    @router.get(PATH)
    def listed(request: Request, user: Looking) -> Response:
        return pages.listed(request, user)

    @router.get(PATH + "/new")
    def new(request: Request, user: Configuring) -> Response:
        return pages.form(request, user, FormState(values={"readers": 1}), "")

    @router.get(PATH + "/entry")
    def entry(request: Request, user: Looking, name: str) -> Response:
        route = pages.routes.current().named(name)
        state = FormState(values=_shown(route), version=version_of(route))
        return pages.form(request, user, state, name)


def _add_changing(router: APIRouter, pages: _Pages) -> None:
    routes = pages.routes

    @router.post(PATH + "/try")
    def try_out(request: Request, user: Configuring, form: Posted, name: str = "") -> Response:
        state = _state(form)
        try:
            route = routes.read(_said(form, name))
            routes.check(route)
        except InvalidFieldsError as error:
            return pages.form(request, user, _with(state, error), name, status=422)
        trials = routes.try_out(replaced(routes.in_use(), route))
        return pages.form(request, user, state, name, trials=trials)

    @router.post(PATH + "/new")
    def add(request: Request, user: Configuring, form: Posted) -> Response:
        try:
            route = routes.read(_said(form, ""))
            routes.add(route, actor=user.name)
        except InvalidFieldsError as error:
            return pages.form(request, user, _with(_state(form), error), "", status=422)
        except ConflictError as error:
            state = FormState(values=_state(form).values, wrong={"name": str(error)})
            return pages.form(request, user, state, "", status=409)
        tell(request, f"Route {route.name} is added: it counts from the next study on.")
        return RedirectResponse(PATH, status_code=303)

    @router.post(PATH + "/entry")
    def change(request: Request, user: Configuring, form: Posted, name: str) -> Response:
        state = _state(form)
        try:
            route = routes.read(_said(form, name))
            routes.change(route, version=state.version, actor=user.name)
        except InvalidFieldsError as error:
            return pages.form(request, user, _with(state, error), name, status=422)
        except ConflictError as error:
            state = FormState(values=state.values, version=state.version, problem=str(error))
            return pages.form(request, user, state, name, status=409)
        tell(request, f"Route {name} is changed: it counts from the next study on.")
        return RedirectResponse(PATH, status_code=303)


def _add_removing(router: APIRouter, pages: _Pages) -> None:
    routes = pages.routes

    @router.post(PATH + "/remove")
    def remove(request: Request, user: Configuring, form: Posted) -> Response:
        name, version = str(form.get("name", "")), str(form.get("version", ""))
        routes.remove(name, version=version, actor=user.name)
        tell(request, f"Route {name} is removed: its studies go to no model of it any more.")
        return RedirectResponse(PATH, status_code=303)

    @router.post(PATH + "/reset")
    def reset(request: Request, user: Configuring) -> Response:
        routes.reset(actor=user.name)
        tell(request, "The routes of config/routes.toml count again.")
        return RedirectResponse(PATH, status_code=303)


def _add_explaining(router: APIRouter, pages: _Pages, read_file: ReadFile) -> None:
    routes = pages.routes

    @router.get(PATH + "/explain")
    def explain(request: Request, user: Looking, study: str = "") -> Response:
        if not study:
            return pages.explained(request, user)
        found = routes.explain_study(study.strip())
        problem = "" if found else "no such study was received."
        return pages.explained(
            request, user, study=study, explanations=found, problem=problem, of=study
        )

    @router.post(PATH + "/explain")
    def explain_file(request: Request, user: Looking, form: Posted) -> Response:
        sent = form.get("file")
        if not isinstance(sent, UploadFile) or not sent.filename:
            return pages.explained(request, user, problem="choose a DICOM file first.")
        try:
            instance = _received(sent, str(form.get("sender", "")) or "UNKNOWN", read_file)
        except UnreadableDatasetError as error:
            return pages.explained(request, user, problem=str(error))
        return pages.explained(request, user, explanations=routes.explain(instance), of="this file")


def _received(sent: UploadFile, sender: str, read_file: ReadFile) -> ReceivedInstance:
    """Read an uploaded file as if it had been received; it is kept nowhere."""
    if (sent.size or 0) > _LARGEST_FILE:
        raise HTTPException(413, f"the file is larger than {_LARGEST_FILE >> 20} MB.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "object.dcm"
        path.write_bytes(sent.file.read())
        return read_file(path, calling_ae=sender[:16])


def _said(form: FormData, name: str) -> dict[str, Any]:
    """Return the route that a form describes; ``name`` where it has one already."""
    said = typed(form, flags=_FLAGS)
    for field in _LISTED:
        text = said.get(field, "")
        said[field] = words_of(text.upper() if field in _CAPITALS else text)
    return said | ({"name": name} if name else {})


def _state(form: FormData) -> FormState:
    return FormState(values=typed(form, flags=_FLAGS), version=str(form.get("version", "")))


def _with(state: FormState, error: InvalidFieldsError) -> FormState:
    return FormState(values=state.values, version=state.version, wrong=error.fields)


def _shown(route: Route) -> dict[str, Any]:
    return {
        name: ", ".join(value) if isinstance(value, list) else value
        for name, value in written(ROUTE_ENTRY, route).items()
    }
