"""The pages of models: cards with their figures, promotions, and suspensions for devices."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from ai_engine.library.card import ModelCard
from dicom_node.administration.administration import Administration
from dicom_node.domain.user import User
from dicom_node.errors import InvalidFieldsError, NodeError, NotFoundError
from dicom_node.web.administration.forms import FormState, Posted
from dicom_node.web.formatting import sentence
from dicom_node.web.frame import Frame
from dicom_node.web.sessions import Looking, Promoting, tell

PATH = "/models"
# What a running node says of a model that it cannot run.
_UNUSABLE = "model"


def make_router(frame: Frame, administration: Administration) -> APIRouter:
    """Return the routes of models."""
    pages = _Pages(frame, administration)
    router = APIRouter()
    _add_looking(router, pages)
    _add_changing(router, pages)
    return router


class _Pages:
    def __init__(self, frame: Frame, administration: Administration) -> None:
        self.models = administration.models
        self.suspensions = administration.suspensions
        self._problems = administration.operations.problems
        self._frame = frame

    def listed(self, request: Request, user: User) -> Response:
        """Show every model with its versions."""
        models: dict[str, list[ModelCard]] = {}
        for card in self.models.cards():
            models.setdefault(card.name, []).append(card)
        return self._frame.page(
            request,
            user,
            "models.html",
            models=models,
            active=self.models.active(),
            promoted=self.models.promoted(),
            suspensions=self.suspensions.all(),
            unusable={each.about: each for each in self._problems() if each.kind == _UNUSABLE},
        )

    def known(self, name: str, version: str) -> ModelCard:
        """Return the card of a version that somebody names.

        Raises
        ------
        NotFoundError
            When it is not installed, or damaged.
        """
        try:
            return self.models.card(name, version)
        except NodeError as error:
            raise NotFoundError(str(error)) from error

    def card(
        self,
        request: Request,
        user: User,
        card: ModelCard,
        state: FormState | None = None,
        status: int = 200,
    ) -> Response:
        """Show one version's card."""
        active = self.models.active().get(card.name, "")
        return self._frame.page(
            request,
            user,
            "model.html",
            status=status,
            card=card,
            active=active,
            history=self.models.history(card.name),
            devices=self.suspensions.devices(card.name),
            suspended=[each for each in self.suspensions.all() if each.model_name == card.name],
            state=state or FormState(values={}),
        )


def _add_looking(router: APIRouter, pages: _Pages) -> None:
    @router.get(PATH)
    def listed(request: Request, user: Looking) -> Response:
        return pages.listed(request, user)

    @router.get(PATH + "/card")
    def card(request: Request, user: Looking, name: str, version: str) -> Response:
        return pages.card(request, user, pages.known(name, version))


def _add_changing(router: APIRouter, pages: _Pages) -> None:
    models, suspensions = pages.models, pages.suspensions

    @router.post(PATH + "/promote")
    def promote(request: Request, user: Promoting, form: Posted) -> Response:
        name, version = str(form.get("name", "")), str(form.get("version", ""))
        try:
            models.promote(name, version, actor=user.name)
            tell(request, f"{name} {version} is active: from the next study on.")
        except NodeError as error:
            tell(request, f"Not promoted: {sentence(str(error))}")
        return RedirectResponse(PATH, status_code=303)

    @router.post(PATH + "/rollback")
    def rollback(request: Request, user: Promoting, form: Posted) -> Response:
        name = str(form.get("name", ""))
        try:
            done = models.rollback(name, actor=user.name)
            tell(request, f"{name}: {done.after or 'no version'} is active again.")
        except NodeError as error:
            tell(request, f"Not taken back: {sentence(str(error))}")
        return RedirectResponse(PATH, status_code=303)

    @router.post(PATH + "/suspend")
    def suspend(request: Request, user: Promoting, form: Posted) -> Response:
        said = {name: str(form.get(name, "")) for name in ("name", "version", "device", "reason")}
        shown = pages.known(said["name"], said["version"])
        try:
            suspensions.suspend(
                said["name"], said["device"], reason=said["reason"], actor=user.name
            )
        except InvalidFieldsError as error:
            state = FormState(values=said, wrong=error.fields)
            return pages.card(request, user, shown, state, status=422)
        tell(request, f"{said['name']} looks at no more images of {said['device']}.")
        return RedirectResponse(PATH, status_code=303)

    @router.post(PATH + "/resume")
    def resume(request: Request, user: Promoting, form: Posted) -> Response:
        name, device = str(form.get("name", "")), str(form.get("device", ""))
        suspensions.resume(name, device, actor=user.name)
        tell(request, f"{name} looks at {device} again.")
        return RedirectResponse(PATH, status_code=303)
