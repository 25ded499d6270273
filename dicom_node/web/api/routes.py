"""Routes over REST."""

from typing import Any

from fastapi import APIRouter, Response
from pydantic import TypeAdapter

from dicom_node.administration.entries import written
from dicom_node.administration.routes import ROUTE_ENTRY, Routes, Trial, replaced
from dicom_node.domain.route import Route
from dicom_node.domain.version import version_of
from dicom_node.errors import InvalidFieldsError
from dicom_node.web.api.bodies import (
    Entry,
    IfMatch,
    described,
    seen_version,
    with_version,
    without_version,
)
from dicom_node.web.api.callers import MayConfigure, MayLook

_PATH = "/routes"
_ONE = _PATH + "/{name:path}"
_TRIAL: TypeAdapter[Trial] = TypeAdapter(Trial)


def make_router(routes: Routes) -> APIRouter:
    """Return the routes (of HTTP) of the routes (of studies)."""
    router = APIRouter(tags=["Routes"])
    _add_looking(router, routes)
    _add_changing(router, routes)
    return router


def _add_looking(router: APIRouter, routes: Routes) -> None:
    @router.get(_PATH)
    def list_routes(who: MayLook) -> list[dict[str, Any]]:
        """List the routes in their order."""
        del who
        return [
            {**written(ROUTE_ENTRY, each), "version": version_of(each)} for each in routes.in_use()
        ]

    @router.get(_ONE)
    def read_route(who: MayLook, response: Response, name: str) -> dict[str, Any]:
        """Read one route; its version stands in it and in the ETag."""
        del who
        return _answer(response, routes.current().named(name))

    @router.post("/route-trials", openapi_extra=described(ROUTE_ENTRY))
    def try_route(who: MayConfigure, entry: Entry) -> list[dict[str, Any]]:
        """Say what a new or changed route would have done to the last hundred studies."""
        del who
        route = routes.read(without_version(entry))
        routes.check(route)
        tried = routes.try_out(replaced(routes.in_use(), route))
        return [_TRIAL.dump_python(each, mode="json") for each in tried]


def _add_changing(router: APIRouter, routes: Routes) -> None:
    @router.post(_PATH, status_code=201, openapi_extra=described(ROUTE_ENTRY))
    def add_route(who: MayConfigure, response: Response, entry: Entry) -> dict[str, Any]:
        """Add a route behind the others; it counts from the next study on."""
        route = routes.read(entry)
        routes.add(route, actor=who.actor)
        return _answer(response, route)

    @router.put(_ONE, openapi_extra=described(ROUTE_ENTRY))
    def change_route(
        who: MayConfigure, response: Response, name: str, entry: Entry, if_match: IfMatch = ""
    ) -> dict[str, Any]:
        """Replace a route, if it still is the version that If-Match names."""
        route = routes.read(without_version(entry))
        if route.name != name:
            words = "the name is that of the address: add another route, and remove this one."
            raise InvalidFieldsError(f"route {name}", {"name": words})
        routes.change(route, version=seen_version(if_match), actor=who.actor)
        return _answer(response, route)

    @router.delete(_ONE, status_code=204)
    def remove_route(who: MayConfigure, name: str, if_match: IfMatch = "") -> None:
        """Remove a route, if it still is the version that If-Match names."""
        routes.remove(name, version=seen_version(if_match), actor=who.actor)


def _answer(response: Response, route: Route) -> dict[str, Any]:
    return with_version(response, written(ROUTE_ENTRY, route), version_of(route))
