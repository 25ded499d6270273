"""All routes of the API, the document that describes them (OpenAPI), and a page that shows it."""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.openapi.utils import get_openapi

from dicom_node.administration.administration import Administration
from dicom_node.web.api import ae_titles, models, notifications, people, routes, self_test, studies
from dicom_node.web.api.callers import Calling
from dicom_node.web.frame import Frame
from dicom_node.web.review.reading_first import WithheldFrom, withholds_nothing
from dicom_node.web.sessions import SignedIn

PREFIX = "/api/v1"
DOCUMENT = PREFIX + "/openapi.json"
_ABOUT = (
    "What administrators and operators do in the browser, for programs. Sign in with "
    "`Authorization: Bearer TOKEN`; tokens are issued under People or by `dicom-node users issue`. "
    "Whoever is signed in at the pages may use their session, with its token in `X-CSRF-Token`. "
    "What cannot be used is said in `problem`, and of each field in `fields`."
)


def make_api(
    administration: Administration, withheld: WithheldFrom = withholds_nothing
) -> APIRouter:
    """Return the routes of the API; each says itself who may use it.

    ``withheld`` says from whom results are kept who must read first.
    """
    router = APIRouter(prefix=PREFIX)
    router.include_router(studies.make_router(administration, withheld))
    router.include_router(ae_titles.make_router(administration.ae_titles))
    router.include_router(routes.make_router(administration.routes))
    router.include_router(models.make_router(administration.models, administration.suspensions))
    router.include_router(notifications.make_router(administration.notifications))
    router.include_router(self_test.make_router(administration.self_test))
    router.include_router(people.make_router(administration.people))
    return router


def make_documentation(frame: Frame, api: APIRouter, version: str) -> APIRouter:
    """Return the routes of the OpenAPI document, and of a page that shows it."""
    router = APIRouter()

    @router.get(DOCUMENT)
    def document(who: Calling) -> dict[str, Any]:
        del who
        return api_document(api, version)

    @router.get("/docs")
    def page(request: Request, user: SignedIn) -> Response:
        described = api_document(api, version)
        return frame.page(
            request,
            user,
            "api.html",
            about=described["info"],
            paths=_by_tag(described),
            origin=str(request.base_url).rstrip("/"),
        )

    return router


def api_document(api: APIRouter, version: str) -> dict[str, Any]:
    """Return the OpenAPI document of the API's routes."""
    found = get_openapi(
        title="DICOM AI node: administration",
        version=version,
        description=_ABOUT,
        routes=api.routes,
    )
    found.setdefault("components", {})["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer"}
    }
    found["security"] = [{"token": []}]
    return found


def _by_tag(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the operations by what they are about, each with its method and path."""
    tags: dict[str, list[dict[str, Any]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            listed = {**operation, "method": method.upper(), "path": path}
            tags.setdefault(operation["tags"][0], []).append(listed)
    return tags
