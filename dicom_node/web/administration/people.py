"""The pages of people who may sign in, and of the tokens that machines sign in with."""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData

from dicom_node.administration.administration import Administration
from dicom_node.administration.people import USER_ENTRY, People
from dicom_node.domain.user import PERMISSIONS_OF_ROLE, Permission, User, UserRole
from dicom_node.errors import ConflictError, InvalidFieldsError
from dicom_node.web.administration.forms import FormState, Posted, typed
from dicom_node.web.formatting import sentence
from dicom_node.web.frame import Frame
from dicom_node.web.sessions import ManagingPeople, tell

PATH = "/people"
_TOKENS = PATH + "/tokens"
_ROLES = {
    UserRole.EXPERT: "expert: reads images, and their verdicts verify",
    UserRole.READER: "reader: reads images, and their verdicts attest",
    UserRole.OPERATOR: "operator: sees traffic and has it tried again; no images",
    UserRole.ADMIN: "admin: changes the configuration; no images",
}


def make_router(frame: Frame, administration: Administration) -> APIRouter:
    """Return the routes of people and of tokens."""
    pages = _Pages(frame, administration)
    router = APIRouter()
    _add_listing(router, pages)
    _add_changing(router, pages)
    _add_acts(router, pages)
    _add_tokens(router, pages)
    return router


class _Pages:
    def __init__(self, frame: Frame, administration: Administration) -> None:
        self.people: People = administration.people
        self._frame = frame
        self._clock = administration.operations.clock

    def listed(self, request: Request, user: User, text: str = "") -> Response:
        """Show everybody and all tokens; ``text`` is that of a new one."""
        return self._frame.page(
            request,
            user,
            "people.html",
            people=self.people.all(),
            irremovable=self.people.irremovable(),
            tokens=self.people.tokens(),
            text=text,
            now=self._clock(),
        )

    def form(
        self, request: Request, user: User, state: FormState, name: str, status: int = 200
    ) -> Response:
        """Show the form of a person, or of a new one without a name."""
        return self._frame.page(
            request,
            user,
            "person.html",
            status=status,
            state=state,
            name=name,
            person=self.people.get(name) if name else None,
            irremovable=self.people.irremovable(),
            roles=_ROLES,
            passwords=self.people.passwords,
        )

    def token_form(
        self, request: Request, user: User, state: FormState, status: int = 200
    ) -> Response:
        """Show the form of a new token."""
        return self._frame.page(
            request,
            user,
            "token.html",
            status=status,
            state=state,
            owners=[each.name for each in self.people.all() if not each.disabled],
            scopes=_scopes(),
        )


def _add_listing(router: APIRouter, pages: _Pages) -> None:
    people = pages.people

    @router.get(PATH)
    def listed(request: Request, user: ManagingPeople) -> Response:
        return pages.listed(request, user)

    @router.get(PATH + "/new")
    def new(request: Request, user: ManagingPeople) -> Response:
        return pages.form(request, user, FormState(values={}), "")

    @router.post(PATH + "/new")
    def add(request: Request, user: ManagingPeople, form: Posted) -> Response:
        said, password = _said(form)
        try:
            person = people.read(said)
            people.add(person, password, actor=user.name)
        except InvalidFieldsError as error:
            state = FormState(values=said, wrong=error.fields)
            return pages.form(request, user, state, "", status=422)
        except ConflictError as error:
            state = FormState(values=said, wrong={"name": str(error)})
            return pages.form(request, user, state, "", status=409)
        tell(request, f"{person.name} may sign in.")
        return RedirectResponse(PATH, status_code=303)


def _add_changing(router: APIRouter, pages: _Pages) -> None:
    people = pages.people

    @router.get(PATH + "/person")
    def person(request: Request, user: ManagingPeople, name: str) -> Response:
        return pages.form(request, user, _as_it_is(people.get(name)), name)

    @router.post(PATH + "/person")
    def change(request: Request, user: ManagingPeople, form: Posted, name: str) -> Response:
        said, password = _said(form)
        said["name"] = name
        present, version = people.get(name), str(form.get("version", ""))
        epoch = int(version) if version.isdecimal() and len(version) < 10 else -1
        try:
            # A new password is checked first: what is refused changes nothing.
            changed = people.read({**_values(present), **said})
            if password:
                people.check_password(name, password)
            people.change(changed, actor=user.name, epoch=epoch)
            if password:
                people.set_password(name, password, actor=user.name)
        except InvalidFieldsError as error:
            state = FormState(values=said, version=version, wrong=error.fields)
            return pages.form(request, user, state, name, status=422)
        except ConflictError as error:
            state = FormState(values=said, version=version, problem=str(error))
            return pages.form(request, user, state, name, status=409)
        tell(request, f"{name} is changed, and signed out.")
        return RedirectResponse(PATH, status_code=303)


def _add_acts(router: APIRouter, pages: _Pages) -> None:
    people = pages.people

    @router.post(PATH + "/disable")
    def disable(request: Request, user: ManagingPeople, form: Posted) -> Response:
        name, disabled = str(form.get("name", "")), form.get("disabled") == "1"
        try:
            people.set_disabled(name, disabled=disabled, actor=user.name)
            tell(request, f"{name} may {'no longer ' if disabled else ''}sign in.")
        except ConflictError as error:
            tell(request, sentence(str(error)))
        return RedirectResponse(PATH, status_code=303)

    @router.post(PATH + "/remove")
    def remove(request: Request, user: ManagingPeople, form: Posted) -> Response:
        name = str(form.get("name", ""))
        try:
            people.remove(name, actor=user.name)
            tell(request, f"{name} is removed; verdicts keep the name.")
        except ConflictError as error:
            tell(request, sentence(str(error)))
        return RedirectResponse(PATH, status_code=303)


def _add_tokens(router: APIRouter, pages: _Pages) -> None:
    people = pages.people

    @router.get(_TOKENS + "/new")
    def new_token(request: Request, user: ManagingPeople) -> Response:
        state = FormState(values={"owner": user.name, "days": 90, "scopes": ["status"]})
        return pages.token_form(request, user, state)

    @router.post(_TOKENS + "/new")
    def issue(request: Request, user: ManagingPeople, form: Posted) -> Response:
        said = typed(form, lists=("scopes",))
        try:
            _, text = people.issue(people.read_token(said), actor=user.name)
        except InvalidFieldsError as error:
            state = FormState(values=said, wrong=error.fields)
            return pages.token_form(request, user, state, status=422)
        # No redirection: the text is shown here, and never again.
        return pages.listed(request, user, text)

    @router.post(_TOKENS + "/revoke")
    def revoke(request: Request, user: ManagingPeople, form: Posted) -> Response:
        gone = people.revoke(str(form.get("token_id", "")), actor=user.name)
        tell(request, f"The token {gone.name} is taken back: it is refused at once.")
        return RedirectResponse(PATH, status_code=303)


def _said(form: FormData) -> tuple[dict[str, Any], str]:
    """Return what a form says of a person, and the password apart: it is never shown again."""
    said = typed(form, lists=("roles",))
    return said, str(said.pop("password", ""))


def _as_it_is(user: User) -> FormState:
    return FormState(values=_values(user), version=str(user.epoch))


def _values(user: User) -> dict[str, Any]:
    values: dict[str, Any] = USER_ENTRY.dump_python(user, mode="json")
    return values


def _scopes() -> list[tuple[str, str, str]]:
    """Return what a token of this API can be for, and the roles whose people may ask for it."""
    of_api = (
        (Permission.STATUS, "see studies, deliveries, AE titles, routes and models"),
        (Permission.OPERATE, "have studies analysed and results sent again, send a C-ECHO"),
        (Permission.CONFIGURE, "change AE titles and routes"),
        (Permission.MODELS, "promote models and take them back"),
        (Permission.IMAGES, "see images and headers of patients over DICOMweb"),
        (Permission.REVIEW, "read how verdicts stand, and take them back"),
        (Permission.UPLOAD, "send images to be analysed (STOW-RS)"),
        (Permission.PEOPLE, "change people and tokens, see who changed what"),
    )
    return [(scope.value, words, ", ".join(_roles_with(scope))) for scope, words in of_api]


def _roles_with(permission: Permission) -> list[str]:
    return [role.value for role, given in PERMISSIONS_OF_ROLE.items() if permission in given]
