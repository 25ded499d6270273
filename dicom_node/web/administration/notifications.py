"""The page of notices: who is told, by which way, and a button that tries it."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from dicom_node.administration.administration import Administration
from dicom_node.domain.notice import Weight
from dicom_node.domain.user import User
from dicom_node.errors import ConflictError, InvalidFieldsError, NodeError
from dicom_node.web.administration.forms import FormState, Posted, typed
from dicom_node.web.formatting import sentence
from dicom_node.web.frame import Frame
from dicom_node.web.sessions import Configuring, tell

PATH = "/notifications"
_WEIGHTS = (
    (Weight.FAILING.value, "The node fails: it refuses studies or cannot work"),
    (Weight.FINDING.value, "Urgent findings, by the rules in the settings"),
    (Weight.DEGRADED.value, "Somebody has to look: failed studies, destinations that are down, "
     "given-up deliveries, drift, suspensions"),
)  # fmt: skip
_UNKNOWN = frozenset({"url"})


def _weights(name: str, texts: list[str]) -> frozenset[Weight]:
    known = frozenset(each.value for each in Weight)
    if not known.issuperset(texts):
        raise InvalidFieldsError(
            f"channel {name}", {"weights": "choose at least one kind of notice."}
        )
    return frozenset(map(Weight, texts))


def make_router(frame: Frame, administration: Administration) -> APIRouter:
    """Return the routes of the page, and of what its buttons do."""
    notifications = administration.notifications
    router = APIRouter()

    def page(
        request: Request, user: User, state: FormState | None = None, status: int = 200
    ) -> Response:
        return frame.page(
            request,
            user,
            "notifications.html",
            status=status,
            channels=notifications.all(),
            notifications=notifications,
            weights=_WEIGHTS,
            now=administration.operations.clock(),
            state=state or FormState(values={"weights": list(Weight)}),
        )

    @router.get(PATH)
    def listed(request: Request, user: Configuring) -> Response:
        return page(request, user)

    @router.post(PATH + "/add")
    def add(request: Request, user: Configuring, form: Posted) -> Response:
        said = typed(form, lists=("weights",))
        kept = {name: value for name, value in said.items() if name not in _UNKNOWN}
        try:
            weights = _weights(said.get("name", ""), said["weights"])
            shown = notifications.add(
                said.get("name", ""), said.get("url", ""), weights, actor=user.name
            )
        except InvalidFieldsError as error:
            return page(request, user, FormState(values=kept, wrong=error.fields), 422)
        except ConflictError as error:
            wrong = {"name": str(error)}
            return page(request, user, FormState(values=kept, wrong=wrong), 409)
        tell(request, f"{shown.name} is told from now on. Try it once.")
        return RedirectResponse(PATH, status_code=303)

    @router.post(PATH + "/test")
    def test(request: Request, user: Configuring, form: Posted) -> Response:
        name = str(form.get("name", ""))
        try:
            notifications.test(name, actor=user.name)
            tell(request, f"{name} has taken a test: look whether it arrived.")
        except NodeError as error:
            tell(request, f"{name} did not take it: {sentence(str(error))}")
        return RedirectResponse(PATH, status_code=303)

    @router.post(PATH + "/remove")
    def remove(request: Request, user: Configuring, form: Posted) -> Response:
        name = str(form.get("name", ""))
        notifications.remove(name, actor=user.name)
        tell(request, f"{name} is told nothing any more.")
        return RedirectResponse(PATH, status_code=303)

    return router
